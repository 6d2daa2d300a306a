// Broadcasting to minus two elements.
#include "tests/misuse/misuse.h"

MISUSE(broadcast_to_a_negative_extent) {
  const auto program = [](Array a, Value n) {
    next_line_is_wrong();
    return a.broadcast_to(n).copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "broadcast_to",
      .dtypes = {"f32"},
      .shapes = {"(1,)", "(-2,)"},
      .way_out = "extents must be equal, or 1 in the array, counted from the last axis, and none negative",
      .message =
          "broadcast_to of f32 array of shape (1,) to (-2,): extents must be equal, or 1 in the array, counted from "
          "the last axis, and none negative",
  };
  expect_everywhere(misuse, program, zeros(1, f32), -2);
}
