// Three indices for an element of a matrix.
#include "tests/misuse/misuse.h"

MISUSE(too_many_indices) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return Value(a(0, 1, 2));
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "an element",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "leave out the others",
      .message = "an element of f64 array of shape (2, 3) needs 2 indices, not 3; leave out the others",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
