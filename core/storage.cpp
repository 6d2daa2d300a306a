// Storage: memory from the device's pool, with its header in the same block.
#include "core/storage.h"

#include "core/backend.h"

#include <kiln/array.h>

#include <new>

namespace kiln::detail {

namespace {

// The elements stay aligned to a cache line; those of a large block begin a page. A processor takes a load for the one
// that waits for a store a little before it when their addresses agree in the last 12 bits: results 64 bytes further
// into their page than the operand cost the tutorial's 1000 x 1000 f32 12 percent.
constexpr std::size_t line = 64, page = 4096, large = 64 << 10;
static_assert(sizeof(Storage) <= line);

constexpr std::size_t header_bytes(std::size_t bytes) { return bytes > large ? page : line; }

}  // namespace

Storage* Storage::allocate(std::size_t bytes) {
  const std::size_t header = header_bytes(bytes);
  void* block = cpu_backend().allocate(bytes + header);
  return new (block) Storage(static_cast<std::byte*>(block) + header, bytes, true);
}

Storage* Storage::borrow(std::byte* data, std::size_t bytes) { return new Storage(data, bytes, false); }

void Storage::release() noexcept {
  // Who holds the only reference needs no atomic update: nobody else can make a second one.
  if (references_.load(std::memory_order_acquire) != 1 && references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  if (inside_)
    cpu_backend().deallocate(this, bytes_ + header_bytes(bytes_));
  else
    delete this;
}

void retain(Storage* storage) noexcept {
  if (storage) storage->retain();
}
void release(Storage* storage) noexcept {
  if (storage) storage->release();
}

}  // namespace kiln::detail
