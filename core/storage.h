// Storage: the memory behind arrays, reference counted, on the device that owns it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kiln::detail {

class Storage {
 public:
  /// Memory from the CPU's pool; one reference. Throws RuntimeError.
  static Storage* allocate(std::size_t bytes);
  /// Memory of the caller's, never freed.
  static Storage* borrow(std::byte* data, std::size_t bytes);

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;
  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  Storage(std::byte* data, std::size_t bytes, bool inside) : data_(data), bytes_(bytes), inside_(inside) {}

  std::atomic<std::uint32_t> references_{1};
  std::byte* data_;
  std::size_t bytes_;
  bool inside_;  // this header and the data are one block: a warm call then allocates once
};

}  // namespace kiln::detail
