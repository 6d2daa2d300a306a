// The position of the maximum along two axes.
#include "tests/misuse/misuse.h"

MISUSE(argmax_along_two_axes) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return argmax(a, {.axis = {0, 1}});
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "argmax",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "make one of them with transpose and reshape",
      .message =
          "argmax of f64 array of shape (2, 3) along 2 axes: it takes one, or all by taking none; make one of them "
          "with transpose and reshape",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
