// Memory of the benchmark: 64-byte aligned, on huge pages, touched before anything is timed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace bench {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
  }

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t mapped_ = 0;
};

// Calls body(begin, end) for parts of [0, count) on every core, with threads of its own: preparing and checking, never
// timed.
void on_all_cores(std::int64_t count, const std::function<void(std::int64_t begin, std::int64_t end)>& body);

// Deterministic values in [low, high), the same for any number of threads.
void fill_random(float* to, std::int64_t count, double low, double high, std::uint64_t seed);
void fill_random(double* to, std::int64_t count, double low, double high, std::uint64_t seed);

}  // namespace bench
