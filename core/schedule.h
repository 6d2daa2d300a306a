// How generated code runs each loop: which dimension goes across lanes, which loops are shared among threads.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Facts about a call's arguments. Each question may split specializations: it is asked only where the answer matters,
/// and once.
struct ScheduleOptions {
  void* context = nullptr;
  /// Whether a parameter root is C-contiguous.
  bool (*contiguous)(void* context, RootId root) = nullptr;
  /// Whether the stride of a parameter root's axis is 1.
  bool (*unit_stride)(void* context, RootId root, int axis) = nullptr;
  /// Whether the call's arrays are so large that results should bypass the cache.
  bool (*large)(void* context) = nullptr;
  /// For a GPU, whose threads have an iteration each; null for a CPU: whether an axis of a parameter root has at most
  /// so many elements.
  bool (*extent_at_most)(void* context, RootId root, int axis, std::size_t most) = nullptr;
};

/// Sets the schedule of all loops, merges dimensions that are contiguous everywhere, moves the dimension with unit
/// strides last, and records in the roots what it learned about their layout.
void schedule(Program& program, const ScheduleOptions& options);

}  // namespace kiln::ir
