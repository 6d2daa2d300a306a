// Storage: memory from the CPU's pool, with its header in the same block, and what devices have of it.
#include "core/storage.h"

#include "core/backend.h"
#include "core/transfer.h"

#include <kiln/array.h>

#include <memory>
#include <new>

namespace kiln::detail {

namespace {

// The elements stay aligned to a cache line; those of a large block begin a page. A processor takes a load for the one
// that waits for a store a little before it when their addresses agree in the last 12 bits: results 64 bytes further
// into their page than the operand cost the tutorial's 1000 x 1000 f32 12 percent.
constexpr std::size_t line = 64, page = 4096, large = 64 << 10;
static_assert(sizeof(Storage) <= line);

constexpr std::size_t header_bytes(std::size_t bytes) { return bytes > large ? page : line; }

class Moving {
 public:
  explicit Moving(std::atomic_flag& flag) : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) flag_.wait(true, std::memory_order_relaxed);
  }
  ~Moving() {
    flag_.clear(std::memory_order_release);
    flag_.notify_all();
  }
  Moving(const Moving&) = delete;

 private:
  std::atomic_flag& flag_;
};

}  // namespace

struct Storage::Replica {
  DeviceMemory& device;
  DeviceBuffer* buffer;
  Replica* next;
  std::uint64_t bit() const { return std::uint64_t{2} << device.number(); }
};

struct Storage::Owner {
  void (*release)(void*);
  void* owner;
  Storage* host_memory;  // of what is a device's: for reading it on the host
};

// ---- Making and freeing ---------------------------------------------------------------------------------------------

Storage* Storage::allocate(std::size_t bytes) {
  const std::size_t header = header_bytes(bytes);
  void* block = cpu_backend().allocate(bytes + header);
  return new (block) Storage(static_cast<std::byte*>(block) + header, bytes, true);
}

Storage* Storage::of(std::byte* data, std::size_t bytes) noexcept {
  return std::launder(reinterpret_cast<Storage*>(data - header_bytes(bytes)));
}

Storage* Storage::borrow(std::byte* data, std::size_t bytes, void (*release)(void*), void* owner) {
  std::unique_ptr<Owner> of(release ? new Owner{release, owner, nullptr} : nullptr);
  auto* storage = new Storage(data, bytes, false);
  storage->owner_ = of.release();
  storage->home_ = Home::host;
  return storage;
}

Storage* Storage::borrow_on_device(DeviceMemory& device, DeviceStream& stream, std::uint64_t address, std::size_t bytes,
                                   void (*release)(void*), void* owner) {
  // The host's memory is an address only, until something is read there; as far from a line's start as the device's.
  const std::size_t from_line = address % line;
  auto of = std::make_unique<Owner>(release, owner, nullptr);
  auto replica = std::unique_ptr<Replica>(new Replica{device, nullptr, nullptr});
  of->host_memory = allocate(bytes + from_line);
  std::unique_ptr<Storage> storage;
  try {
    storage.reset(new Storage(of->host_memory->data() + from_line, bytes, false));
    replica->buffer = device.borrow(address, bytes, stream);
  } catch (...) {
    of->host_memory->release();
    throw;
  }
  storage->owner_ = of.release();
  storage->valid_ = replica->bit();
  storage->replicas_ = replica.release();
  storage->home_ = Home::device;
  return storage.release();
}

void Storage::drop_replicas() noexcept {
  while (Replica* const first = replicas_) {
    replicas_ = first->next;
    first->device.deallocate(first->buffer);
    delete first;
  }
}

void Storage::release() noexcept {
  // Who holds the only reference needs no atomic update: nobody else can make a second one.
  if (references_.load(std::memory_order_acquire) != 1 && references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  if (replicas_.load(std::memory_order_relaxed)) drop_replicas();
  if (inside_) return cpu_backend().deallocate(this, bytes_ + header_bytes(bytes_));
  if (owner_) {
    if (owner_->release) owner_->release(owner_->owner);
    if (owner_->host_memory) owner_->host_memory->release();
    delete owner_;
  }
  delete this;
}

void retain(Storage* storage) noexcept {
  if (storage) storage->retain();
}
void release(Storage* storage) noexcept {
  if (storage) storage->release();
}

// ---- Moving ---------------------------------------------------------------------------------------------------------

Storage::Replica* Storage::replica(const DeviceMemory& device) const noexcept {
  Replica* r = replicas_;
  while (r && &r->device != &device) r = r->next;
  return r;
}

Storage::Replica& Storage::replica_for(DeviceMemory& device, DeviceStream& stream) {
  if (Replica* const there = replica(device)) return *there;
  auto made = std::unique_ptr<Replica>(new Replica{device, nullptr, replicas_});
  made->buffer = device.allocate(bytes_, stream);
  replicas_ = made.get();
  return *made.release();
}

bool Storage::copies_to_device(const DeviceMemory& device, Use use) const noexcept {
  return use != Use::overwrite && !(valid_ & std::uint64_t{2} << device.number());
}

std::uint64_t Storage::address_on(const DeviceMemory& device) const noexcept {
  return replica(device)->buffer->address;
}

Storage::Replica& Storage::newest_replica() const noexcept {
  const std::uint64_t valid = valid_;
  Replica* r = replicas_;
  while (!(valid & r->bit())) r = r->next;
  return *r;
}

DeviceMemory* Storage::newest() const noexcept { return valid_ & host ? nullptr : &newest_replica().device; }

bool Storage::at_home_on_other(const DeviceMemory& device) const noexcept {
  return home_ == Home::device && newest() != &device;
}

void Storage::copy_newest_to_host() {
  const Replica& r = newest_replica();
  r.device.copy_to_host(data_, *r.buffer);
  count_transfer(false, bytes_);
}

void Storage::use_on_host(Use use) {
  const Moving moving(moving_);
  if (copies_to_host(use)) copy_newest_to_host();
  if (home_ != Home::device) valid_ = use == Use::read ? valid_ | host : host;
}

std::uint64_t Storage::use_on_device(DeviceMemory& device, DeviceStream& stream, Use use) {
  const Moving moving(moving_);
  Replica& r = replica_for(device, stream);
  const bool copies = copies_to_device(device, use);
  device.use(*r.buffer, copies || use != Use::read, stream);
  if (copies) {
    if (valid_ & host) {
      device.copy_to_device(*r.buffer, data_, stream);
    } else {
      const Replica& from = newest_replica();
      device.copy_from_device(*r.buffer, from.device, *from.buffer, stream);
    }
    count_transfer(true, bytes_);
  }
  if (home_ == Home::anywhere) valid_ = use == Use::read ? valid_ | r.bit() : r.bit();
  return r.buffer->address;
}

void Storage::copy_home(DeviceMemory& device) {
  const Moving moving(moving_);
  device.copy_to_host(data_, *replica(device)->buffer);
  count_transfer(false, bytes_);
}

bool Storage::stay_home(DeviceMemory* device, DeviceStream* stream) {
  if (home_ != Home::anywhere && newest() != device) return false;
  if (device)
    use_on_device(*device, *stream, Use::write);
  else
    use_on_host(Use::write);
  ++exports_;
  home_ = device ? Home::device : Home::host;
  return true;
}

void Storage::leave_home(DeviceStream* stream) noexcept {
  if (stream) {  // whoever writes or frees the memory next does it after the other's use
    const Moving moving(moving_);
    const Replica& r = newest_replica();
    r.device.was_used(*r.buffer, *stream);
  }
  if (--exports_ == 0 && inside_) home_ = Home::anywhere;
}

}  // namespace kiln::detail
