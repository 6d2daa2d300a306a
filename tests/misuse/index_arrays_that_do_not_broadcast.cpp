// Index arrays of two lengths.
#include "tests/misuse/misuse.h"

MISUSE(index_arrays_that_do_not_broadcast) {
  const auto program = [](Array a, Array i, Array j) {
    next_line_is_wrong();
    return Array(a(i, j));
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'indexing'",
      .dtypes = {"i32"},
      .shapes = {"(2,)", "(3,)"},
      .way_out = "a newaxis may be missing, as in a(_, newaxis)",
      .message =
          "'indexing' of i32 array of shape (2,) and i32 array of shape (3,): extents must be equal or 1, counted from "
          "the last axis; a newaxis may be missing, as in a(_, newaxis)",
  };
  expect_everywhere(misuse, program, zeros({4, 4}), Array{0, 1}, Array{0, 1, 2});
}
