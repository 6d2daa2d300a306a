// Summing a matrix along its third axis.
#include "tests/misuse/misuse.h"

MISUSE(reduction_along_an_axis_that_is_not_there) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return sum(a, {.axis = 2});
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "sum",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "axes are -2 to 1",
      .message = "sum of f64 array of shape (2, 3): there is no axis 2; axes are -2 to 1",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
