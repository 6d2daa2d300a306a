// Giving an array of eight axes a ninth.
#include "tests/misuse/misuse.h"

MISUSE(view_of_too_many_axes) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a(newaxis, rest).copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "a view",
      .dtypes = {"f64"},
      .shapes = {"(1, 1, 1, 1, 1, 1, 1, 1)"},
      .way_out = "join axes with reshape, or index some",
      .message =
          "a view of f64 array of shape (1, 1, 1, 1, 1, 1, 1, 1): arrays have at most 8 axes; join axes with reshape, "
          "or index some",
  };
  expect_everywhere(misuse, program, zeros({1, 1, 1, 1, 1, 1, 1, 1}));
}
