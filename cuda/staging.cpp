// Pinned memory in chunks: while one is on its way to the GPU, the next is filled.
#include "cuda/staging.h"

#include "cuda/device.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

namespace kiln::on_cuda {

namespace {

constexpr std::size_t chunk_bytes = 2 << 20;  // 40 us at 50 GB/s: long against the 5 us of a copy's launch
constexpr int most_chunks = 16;
constexpr std::size_t most_in_flight = 4;  // of one copy to the host

}  // namespace

// A chunk for the time of a copy, if there is one; given back whatever happens.
class Staging::Taken {
 public:
  Taken(Staging& staging, bool waits) : staging_(staging.take(chunk_, waits) ? &staging : nullptr) {}
  Taken(Taken&& other) noexcept : chunk_(other.chunk_), staging_(std::exchange(other.staging_, nullptr)) {}
  ~Taken() {
    if (staging_) staging_->give_back(chunk_);
  }
  Taken& operator=(Taken&&) = delete;
  explicit operator bool() const { return staging_ != nullptr; }
  std::byte* memory() const { return chunk_.memory; }
  CUevent event() const { return chunk_.event; }

 private:
  Chunk chunk_;
  Staging* staging_;
};

bool Staging::make(Chunk& chunk) {
  void* memory = nullptr;
  if (driver().cuMemHostAlloc(&memory, chunk_bytes, 0) != CUDA_SUCCESS) return false;
  chunk.memory = static_cast<std::byte*>(memory);
  if (driver().cuEventCreate(&chunk.event, CU_EVENT_DISABLE_TIMING) == CUDA_SUCCESS) return true;
  driver().cuMemFreeHost(memory);
  return false;
}

bool Staging::take(Chunk& chunk, bool waits) {
  {
    std::unique_lock lock(mutex_);
    const bool ready = !free_.empty() && driver().cuEventQuery(free_.front().event) == CUDA_SUCCESS;
    if (!ready && made_ < most_chunks) {
      ++made_;
      lock.unlock();
      if (make(chunk)) return true;
      lock.lock();
      --made_;
      freed_.notify_all();  // who waits for a chunk may be waiting for this one
    }
    if (free_.empty() && (!waits || made_ == 0)) return false;
    freed_.wait(lock, [&] { return !free_.empty() || made_ == 0; });
    if (free_.empty()) return false;
    chunk = free_.front();
    free_.pop_front();
  }
  const CUresult result = driver().cuEventSynchronize(chunk.event);
  if (result != CUDA_SUCCESS) give_back(chunk);
  device_.check(result, "wait for a copy");
  return true;
}

void Staging::give_back(Chunk chunk) {
  const std::lock_guard lock(mutex_);
  free_.push_back(chunk);
  freed_.notify_one();
}

// Where no memory can be pinned, the driver's own ways: they have read, or written, the host's memory when they return.

void Staging::to_device(std::uint64_t to, const std::byte* from, std::size_t bytes, Stream& stream) {
  for (std::size_t done = 0; done < bytes; done += chunk_bytes) {
    const std::size_t part = std::min(chunk_bytes, bytes - done);
    const Taken chunk(*this, true);
    if (chunk) std::memcpy(chunk.memory(), from + done, part);
    device_.check(driver().cuMemcpyHtoDAsync(to + done, chunk ? chunk.memory() : from + done, part, stream.get()),
                  "copy to the GPU", &stream);
    if (chunk) device_.check(driver().cuEventRecord(chunk.event(), stream.get()), "record an event", &stream);
  }
}

void Staging::to_host(std::byte* to, std::uint64_t from, std::size_t bytes, Stream& stream) {
  struct Part {
    Taken chunk;
    std::size_t at, bytes;
  };
  std::deque<Part> queued;
  const std::uint64_t launches = stream.launches();
  for (std::size_t next = 0; next < bytes || !queued.empty();) {
    if (next < bytes && queued.size() < most_in_flight) {
      // Who has one does not wait for a second: others may do the same.
      Taken chunk(*this, queued.empty());
      if (chunk || queued.empty()) {
        const std::size_t part = std::min(chunk_bytes, bytes - next);
        device_.check(driver().cuMemcpyDtoHAsync(chunk ? chunk.memory() : to + next, from + next, part, stream.get()),
                      "copy from the GPU", &stream);
        if (chunk) {
          device_.check(driver().cuEventRecord(chunk.event(), stream.get()), "record an event", &stream);
          queued.push_back({std::move(chunk), next, part});
        } else {
          device_.check(driver().cuStreamSynchronize(stream.get()), "wait for the GPU", &stream);
        }
        next += part;
        continue;
      }
    }
    const Part& first = queued.front();
    device_.check(driver().cuEventSynchronize(first.chunk.event()), "wait for the GPU", &stream);
    std::memcpy(to + first.at, first.chunk.memory(), first.bytes);
    queued.pop_front();
  }
  stream.went_well(launches);
}

}  // namespace kiln::on_cuda
