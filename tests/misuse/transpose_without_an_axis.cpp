// Permuting two of three axes.
#include "tests/misuse/misuse.h"

MISUSE(transpose_without_an_axis) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.transpose({1, 0}).copy();
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "transpose",
      .dtypes = {"f64"},
      .shapes = {"(2, 3, 4)"},
      .way_out = "give each of its axes once, as in a.transpose({2, 1, 0})",
      .message =
          "transpose of f64 array of shape (2, 3, 4) to the axes {1, 0}: give each of its axes once, as in "
          "a.transpose({2, 1, 0})",
  };
  expect_everywhere(misuse, program, zeros({2, 3, 4}));
}
