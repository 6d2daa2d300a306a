// Storage: the memory behind arrays, reference counted, on the device that owns it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kiln {
class DeviceMemory;
}

namespace kiln::detail {

class Storage {
 public:
  /// Memory from the CPU's pool; one reference. Throws RuntimeError.
  static Storage* allocate(std::size_t bytes);
  /// Memory of the caller's, never freed.
  static Storage* borrow(std::byte* data, std::size_t bytes);
  /// The Storage that allocate(bytes) made, from its data.
  static Storage* of(std::byte* data, std::size_t bytes) noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;
  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

  /// What an access does with the memory.
  enum class Use : std::uint8_t { read, write, overwrite };
  /// Makes the host's memory valid for this use; what a device has is stale then if it is written.
  void use_on_host(Use use) {
    if (valid_.load(std::memory_order_acquire) != host) move_to_host(use);
  }
  /// The same on a device; the address there.
  std::uint64_t use_on_device(DeviceMemory& device, Use use);

 private:
  // Who has the newest bytes.
  static constexpr std::uint8_t host = 1, replica = 2;
  void move_to_host(Use use);
  void drop_replica() noexcept;

  Storage(std::byte* data, std::size_t bytes, bool inside) : data_(data), bytes_(bytes), inside_(inside) {}

  std::atomic<std::uint32_t> references_{1};
  std::byte* data_;
  std::size_t bytes_;
  DeviceMemory* device_ = nullptr;  // where the replica is
  std::uint64_t address_ = 0;
  std::atomic<std::uint8_t> valid_{host};
  std::atomic_flag moving_;  // held while bytes move
  bool inside_;              // this header and the data are one block: a warm call then allocates once
};

}  // namespace kiln::detail
