// What a launch hands to compiled code: pointers to the arguments, places for the results, and the runtime's services.
#pragma once

#include <kiln/array.h>

#include <cstddef>
#include <cstdint>

namespace kiln {

struct Frame;

namespace detail {
void fail(Frame* frame, std::int64_t position, std::int32_t status, const std::int64_t* values,
          std::int32_t count) noexcept;
}

/// Compiled code of one distributed loop: the iterations first … last of its distributed space. `captures` are the
/// values it reads from the function around it.
using LoopBody = void (*)(Frame* frame, void* captures, std::int64_t first, std::int64_t last, int thread);

/// The services compiled code calls; all noexcept, failures are status values.
struct RuntimeServices {
  /// Memory for a root, `bytes` long; null when there is none (the function then returns status_no_memory).
  std::byte* (*allocate)(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept;
  /// The same in a loop, where the root's memory of the turn before is free again.
  std::byte* (*allocate_again)(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept;
  /// Memory for a root of which every thread has its own, side by side, `bytes` each: as many as `thread` of a LoopBody
  /// can be.
  std::byte* (*allocate_per_thread)(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept;
  /// Runs a distributed loop of `count` units of work, `items` iterations together; `loop` names it, and with it what
  /// its units cost before.
  void (*parallel)(Frame* frame, std::uint32_t loop, LoopBody body, void* captures, std::int64_t count,
                   std::int64_t items) noexcept;
  /// How many threads a loop may run on from now on: `thread` of a LoopBody is less.
  std::int64_t (*threads)(Frame* frame) noexcept;
  /// Says that the call ends with `status`, found in iteration `position` of a distributed loop (0 outside of one), and
  /// what its error shows. Of several the least position counts, whichever thread comes first.
  void (*fail)(Frame* frame, std::int64_t position, std::int32_t status, const std::int64_t* values,
               std::int32_t count) noexcept = &detail::fail;
};

/// A result as compiled code leaves it.
struct ResultSlot {
  detail::Number16 number;  // scalar results
  std::byte* data;          // array results: first element
  std::uint32_t root;       // whose memory it is (after swaps: the root the memory began as)
  std::int64_t extents[max_rank];
  std::int64_t strides[max_rank];
};

/// The values that the message of a failed guard can show: the extents of two arrays.
inline constexpr std::size_t most_shown = 2 * max_rank;

/// What of an access outside its array is told, in this order; its root's extents follow.
enum class Outside : std::size_t { root, location, axis, index, extents };
static_assert(static_cast<std::size_t>(Outside::extents) + max_rank <= most_shown);

/// Frame::failed_at while nothing failed.
inline constexpr std::int64_t nothing_failed = INT64_MAX;

/// One call. Fields are read by compiled code at fixed offsets.
struct Frame {
  const RuntimeServices* services;
  const detail::Layout* const* arrays;  // the array arguments
  const detail::Number16* scalars;      // the scalar arguments
  ResultSlot* results;
  void* owner;                      // the dispatcher's
  std::int64_t failed[most_shown];  // the values a failed guard shows
  // Of a distributed loop, written by `fail` and read by other threads: the least iteration that failed, which those
  // after it need not run any more, and the status it ended with.
  std::int64_t failed_at = nothing_failed;
  std::int32_t failed_status = 0;
  std::int32_t failing = 0;  // a thread is in `fail`
};
static_assert(offsetof(Frame, failed_at) == 168 && offsetof(Frame, failed_status) == 176);
static_assert(offsetof(Frame, services) == 0 && offsetof(Frame, arrays) == 8 && offsetof(Frame, scalars) == 16 &&
              offsetof(Frame, results) == 24 && offsetof(Frame, failed) == 40);

/// Status of a compiled function: 0 is success, -1 no memory, -2 an access outside its array (Frame::failed says
/// which), k > 0 that guard message k - 1 failed.
inline constexpr std::int32_t status_ok = 0;
inline constexpr std::int32_t status_no_memory = -1;
inline constexpr std::int32_t status_outside = -2;

/// The entry point of compiled code.
using EntryPoint = std::int32_t (*)(Frame* frame);

}  // namespace kiln
