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

Storage* Storage::of(std::byte* data, std::size_t bytes) noexcept {
  return std::launder(reinterpret_cast<Storage*>(data - header_bytes(bytes)));
}

Storage* Storage::borrow(std::byte* data, std::size_t bytes) { return new Storage(data, bytes, false); }

namespace {

class Moving {
 public:
  explicit Moving(std::atomic_flag& flag) : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) flag_.wait(true, std::memory_order_relaxed);
  }
  ~Moving() {
    flag_.clear(std::memory_order_release);
    flag_.notify_all();
  }

 private:
  std::atomic_flag& flag_;
};

}  // namespace

void Storage::move_to_host(Use use) {
  const Moving moving(moving_);
  if (!(valid_ & host) && use != Use::overwrite) device_->copy_to_host(data_, address_, bytes_);
  valid_ = use == Use::read ? static_cast<std::uint8_t>(valid_ | host) : host;
}

std::uint64_t Storage::use_on_device(DeviceMemory& device, Use use) {
  const Moving moving(moving_);
  if (device_ != &device) {
    if (!(valid_ & host)) {
      device_->copy_to_host(data_, address_, bytes_);
      valid_ = host;
    }
    drop_replica();
    address_ = device.allocate(bytes_);
    device_ = &device;
  }
  if (!(valid_ & replica) && use != Use::overwrite) device.copy_to_device(address_, data_, bytes_);
  valid_ = use == Use::read ? static_cast<std::uint8_t>(valid_ | replica) : replica;
  return address_;
}

void Storage::drop_replica() noexcept {
  if (device_) device_->deallocate(address_, bytes_);
  device_ = nullptr;
  valid_ = host;
}

void Storage::release() noexcept {
  // Who holds the only reference needs no atomic update: nobody else can make a second one.
  if (references_.load(std::memory_order_acquire) != 1 && references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  if (device_) drop_replica();
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
