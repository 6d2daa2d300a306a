// Three positions for a view of a matrix.
#include "tests/misuse/misuse.h"

MISUSE(too_many_positions) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a(_, _, 0).copy();
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "a view",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "leave some out, or make one more axis with newaxis",
      .message =
          "a view of f64 array of shape (2, 3) is indexed with 3 positions, but has 2 axes; leave some out, or make "
          "one more axis with newaxis",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
