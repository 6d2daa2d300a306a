// Broadcasting an axis that is not of extent 1.
#include "tests/misuse/misuse.h"

MISUSE(broadcast_to_another_extent) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.broadcast_to({4, 2}).copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "broadcast_to",
      .dtypes = {"f64"},
      .shapes = {"(3, 2)", "(4, 2)"},
      .way_out = "extents must be equal, or 1 in the array, counted from the last axis, and none negative",
      .message =
          "broadcast_to of f64 array of shape (3, 2) to (4, 2): extents must be equal, or 1 in the array, counted from "
          "the last axis, and none negative",
  };
  expect_everywhere(misuse, program, zeros({3, 2}));
}
