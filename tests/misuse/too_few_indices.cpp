// One index for an element of a matrix.
#include "tests/misuse/misuse.h"

MISUSE(too_few_indices) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return Value(a(1));
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "an element",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "for a part of it write a(i, _) or a(i, rest)",
      .message =
          "an element of f64 array of shape (2, 3) needs 2 indices, not 1; for a part of it write a(i, _) or a(i, "
          "rest)",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
