// One slice for a view of a matrix.
#include "tests/misuse/misuse.h"

MISUSE(too_few_positions) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a(slice(0, 1)).copy();
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "a view",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "add rest for the axes not named, as in a(i, rest)",
      .message =
          "a view of f64 array of shape (2, 3) is indexed with 1 position, but has 2 axes; add rest for the axes not "
          "named, as in a(i, rest)",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
