// Failures of a launch whose threads may find several.
#include "core/frame.h"

#include <algorithm>
#include <atomic>

namespace kiln::detail {

void fail(Frame* frame, std::int64_t position, std::int32_t status, const std::int64_t* values,
          std::int32_t count) noexcept {
  // Held for a few stores, by threads that end right after.
  const std::atomic_ref<std::int32_t> failing(frame->failing);
  while (failing.exchange(1, std::memory_order_acquire) != 0) {
  }
  const std::atomic_ref<std::int64_t> failed_at(frame->failed_at);
  if (position < failed_at.load(std::memory_order_relaxed)) {
    frame->failed_status = status;
    std::copy_n(values, std::min(count, static_cast<std::int32_t>(most_shown)), frame->failed);
    failed_at.store(position, std::memory_order_relaxed);
  }
  failing.store(0, std::memory_order_release);
}

}  // namespace kiln::detail
