// Dropping an axis of three elements.
#include "tests/misuse/misuse.h"

MISUSE(squeeze_of_a_long_axis) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return squeeze(a, 1).copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "squeeze",
      .dtypes = {"f64"},
      .shapes = {"(1, 3)"},
      .way_out = "only an axis of extent 1 can be dropped, index it instead",
      .message =
          "squeeze of f64 array of shape (1, 3): axis 1 has 3 elements; only an axis of extent 1 can be dropped, index "
          "it instead",
  };
  expect_everywhere(misuse, program, zeros({1, 3}));
}
