// Storage: the memory behind arrays, reference counted, valid on the host, on devices, or both.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kiln {
class DeviceMemory;
class DeviceStream;
struct DeviceBuffer;
}  // namespace kiln

namespace kiln::detail {

class Storage {
 public:
  /// Memory from the CPU's pool; one reference. Throws RuntimeError.
  static Storage* allocate(std::size_t bytes);
  /// Memory of the caller's. `release` (may be null) is called with `owner` when the last array over it is gone.
  static Storage* borrow(std::byte* data, std::size_t bytes, void (*release)(void*) = nullptr, void* owner = nullptr);
  /// The same of a device, valid there alone. Throws RuntimeError; `release` is not called then.
  static Storage* borrow_on_device(DeviceMemory& device, DeviceStream& stream, std::uint64_t address, std::size_t bytes,
                                   void (*release)(void*), void* owner);
  /// The Storage that allocate(bytes) made, from its data.
  static Storage* of(std::byte* data, std::size_t bytes) noexcept;

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;
  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

  // ---- Where the bytes are. A piece of memory that somebody else sees, borrowed or exported, has its home where he
  // sees it: what is elsewhere is never trusted, nor left to be newer.

  enum class Use : std::uint8_t { read, write, overwrite };
  enum class Home : std::uint8_t { anywhere, host, device };

  /// Only the host has the bytes.
  bool only_on_host() const noexcept { return valid_.load(std::memory_order_acquire) == host; }
  /// Whether such a use copies.
  bool copies_to_host(Use use) const noexcept { return use != Use::overwrite && !(valid_ & host); }
  bool copies_to_device(const DeviceMemory& device, Use use) const noexcept;
  /// Whether the bytes have their home elsewhere than on the host, or than on the device.
  bool at_home_on_device() const noexcept { return home_ == Home::device; }
  bool at_home_on_other(const DeviceMemory& device) const noexcept;
  bool at_home_on_host() const noexcept { return home_ == Home::host; }

  /// Makes the host's memory valid for this use; what a device has is stale then if it is written.
  void use_on_host(Use use);
  /// The same on a device, for what is queued on `stream` from now on; the address there.
  std::uint64_t use_on_device(DeviceMemory& device, DeviceStream& stream, Use use);
  /// What the device has of memory that is at home on the host becomes the host's.
  void copy_home(DeviceMemory& device);
  /// Somebody else sees the bytes on the host (null), or on that device, until as many calls of leave_home(). False if
  /// their home is elsewhere.
  bool stay_home(DeviceMemory* device, DeviceStream* stream);
  /// `stream`: that of stay_home().
  void leave_home(DeviceStream* stream) noexcept;
  /// Where the bytes are on a device that has them.
  std::uint64_t address_on(const DeviceMemory& device) const noexcept;
  /// The device that alone has the newest bytes; null: the host has them.
  DeviceMemory* newest() const noexcept;

  // ---- Views of the host's memory that C++ code holds

  void begin_view(bool writes) noexcept { views_ += writes ? writing_view : 1; }
  void end_view(bool writes) noexcept { views_ -= writes ? writing_view : 1; }
  bool is_viewed() const noexcept { return views_ != 0; }
  bool is_written_through_view() const noexcept { return views_ >= writing_view; }

 private:
  static constexpr std::uint64_t host = 1;
  static constexpr std::uint32_t writing_view = 1 << 16;
  struct Replica;
  struct Owner;

  Storage(std::byte* data, std::size_t bytes, bool inside) : data_(data), bytes_(bytes), inside_(inside) {}
  Replica* replica(const DeviceMemory& device) const noexcept;
  Replica& newest_replica() const noexcept;
  Replica& replica_for(DeviceMemory& device, DeviceStream& stream);
  void copy_newest_to_host();
  void drop_replicas() noexcept;

  std::atomic<std::uint32_t> references_{1};
  std::atomic<std::uint32_t> views_{0};
  std::byte* data_;
  std::size_t bytes_;
  std::atomic<std::uint64_t> valid_{host};   // who has the newest bytes: the host, replicas by their bit
  std::atomic<Replica*> replicas_{nullptr};  // grows under moving_
  Owner* owner_ = nullptr;                   // of borrowed memory
  std::atomic_flag moving_;                  // held while bytes move
  std::atomic<Home> home_{Home::anywhere};
  std::atomic<std::uint16_t> exports_{0};  // calls of stay_home()
  bool inside_;                            // this header and the data are one block: a warm call then allocates once
};

}  // namespace kiln::detail
