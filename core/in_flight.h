// Calls in flight: a specialization that is released is freed when no call can be reading it any more.
#pragma once

#include "core/specialize.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace kiln::detail {

/// What one thread tells the others: odd while it is in a call. Threads that end leave theirs to new ones.
struct ThreadCalls {
  std::atomic<std::uint64_t> count{0};
  std::atomic<bool> taken{true};
  ThreadCalls* next = nullptr;
};

/// The thread's own, null before its first call.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThreadCalls* calls_of_thread;

/// Finds or makes this thread's; never throws, for there is no call without one.
ThreadCalls& register_thread() noexcept;

/// While one lives, variants that this thread finds are not freed. The thread that frees them makes this thread's store
/// visible (membarrier), so that a call pays for two plain stores.
class InFlight {
 public:
  InFlight() : calls_(calls_of_thread ? *calls_of_thread : register_thread()) {
    const std::uint64_t count = calls_.count.load(std::memory_order_relaxed);
    outermost_ = count % 2 == 0;
    if (!outermost_) return;
    calls_.count.store(count + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~InFlight() {
    if (outermost_) calls_.count.store(calls_.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  InFlight(const InFlight&) = delete;

 private:
  ThreadCalls& calls_;
  bool outermost_;
};

/// Frees variants that no new call can find, now or, where calls may be running them, at a later call of this function.
void free_when_unused(std::vector<std::unique_ptr<Variant>> variants);

}  // namespace kiln::detail
