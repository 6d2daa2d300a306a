// Storage: memory from the device's pool, with its header in the same block.
#include "core/storage.h"

#include "core/backend.h"

#include <kiln/array.h>

#include <new>

namespace kiln::detail {

namespace {

// The elements stay aligned to a cache line.
constexpr std::size_t header_bytes = 64;
static_assert(sizeof(Storage) <= header_bytes);

}  // namespace

Storage* Storage::allocate(std::size_t bytes) {
  void* block = cpu_backend().allocate(bytes + header_bytes);
  return new (block) Storage(static_cast<std::byte*>(block) + header_bytes, bytes, true);
}

Storage* Storage::borrow(std::byte* data, std::size_t bytes) { return new Storage(data, bytes, false); }

void Storage::release() noexcept {
  // Who holds the only reference needs no atomic update: nobody else can make a second one.
  if (references_.load(std::memory_order_acquire) != 1 && references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  if (inside_)
    cpu_backend().deallocate(this, bytes_ + header_bytes);
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
