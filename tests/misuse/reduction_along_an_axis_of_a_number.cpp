// Summing an array of rank 0 along an axis.
#include "tests/misuse/misuse.h"

MISUSE(reduction_along_an_axis_of_a_number) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return sum(a, {.axis = 0});
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "sum",
      .dtypes = {"f64"},
      .shapes = {"()"},
      .way_out = "it is one number, leave the axis out",
      .message = "sum of f64 array of shape (): there is no axis 0; it is one number, leave the axis out",
  };
  expect_everywhere(misuse, program, zeros({}));
}
