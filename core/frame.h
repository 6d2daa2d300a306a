// What a launch hands to compiled code: pointers to the arguments, places for the results, and the runtime's services.
#pragma once

#include <kiln/array.h>

#include <cstddef>
#include <cstdint>

namespace kiln {

struct Frame;

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

/// One call. Fields are read by compiled code at fixed offsets.
struct Frame {
  const RuntimeServices* services;
  const detail::Layout* const* arrays;  // the array arguments
  const detail::Number16* scalars;      // the scalar arguments
  ResultSlot* results;
  void* owner;                      // the dispatcher's
  std::int64_t failed[most_shown];  // the values a failed guard shows
};
static_assert(offsetof(Frame, services) == 0 && offsetof(Frame, arrays) == 8 && offsetof(Frame, scalars) == 16 &&
              offsetof(Frame, results) == 24 && offsetof(Frame, failed) == 40);

/// Status of a compiled function: 0 is success, -1 no memory, k > 0 that guard message k - 1 failed.
inline constexpr std::int32_t status_ok = 0;
inline constexpr std::int32_t status_no_memory = -1;

/// The entry point of compiled code.
using EntryPoint = std::int32_t (*)(Frame* frame);

}  // namespace kiln
