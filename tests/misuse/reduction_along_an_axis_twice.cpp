// Naming the last axis as 1 and as -1.
#include "tests/misuse/misuse.h"

MISUSE(reduction_along_an_axis_twice) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return mean(a, {.axis = {1, -1}});
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "mean",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "name each axis once",
      .message = "mean of f64 array of shape (2, 3) names axis -1 twice; name each axis once",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
