// Pinned memory of the host through which bytes go to a GPU and back: copies of other memory would wait.
#pragma once

#include "cuda/symbols.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace kiln::on_cuda {

class Device;
class Stream;

class Staging {
 public:
  explicit Staging(Device& device) : device_(device) {}

  // All need the device's context to be current.

  /// Queues the copy; `from` has been read when it returns.
  void to_device(std::uint64_t to, const std::byte* from, std::size_t bytes, Stream& stream);
  /// Returns when the bytes are there.
  void to_host(std::byte* to, std::uint64_t from, std::size_t bytes, Stream& stream);

 private:
  struct Chunk {
    std::byte* memory = nullptr;
    CUevent event = nullptr;  // recorded behind the last copy
  };
  class Taken;
  /// False where there is none: without waiting, or at all.
  bool take(Chunk& chunk, bool waits);
  void give_back(Chunk chunk);
  bool make(Chunk& chunk);

  Device& device_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::deque<Chunk> free_;  // the longest free first
  int made_ = 0;
};

}  // namespace kiln::on_cuda
