// Adding arrays whose shapes do not broadcast.
#include "tests/misuse/misuse.h"

MISUSE(sum_of_shapes_that_do_not_broadcast) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return a + b;
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'+'",
      .dtypes = {"f64", "f32"},
      .shapes = {"(2, 3)", "(2, 4)"},
      .way_out = "a newaxis may be missing, as in a(_, newaxis)",
      .message =
          "'+' of f64 array of shape (2, 3) and f32 array of shape (2, 4): extents must be equal or 1, counted from "
          "the last axis; a newaxis may be missing, as in a(_, newaxis)",
  };
  expect_everywhere(misuse, program, zeros({2, 3}), zeros({2, 4}, f32));
}
