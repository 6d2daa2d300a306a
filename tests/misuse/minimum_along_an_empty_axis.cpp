// The minimum along an axis without elements.
#include "tests/misuse/misuse.h"

MISUSE(minimum_along_an_empty_axis) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return min(a, {.axis = 0});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'min'",
      .dtypes = {"f64"},
      .shapes = {"(0, 3)"},
      .way_out = "test the extents first",
      .message =
          "'min' of f64 array of shape (0, 3) along an empty axis: it has no smallest or largest element; test the "
          "extents first",
  };
  expect_everywhere(misuse, program, zeros({0, 3}));
}
