// Making an array of a negative extent.
#include "tests/misuse/misuse.h"

MISUSE(negative_extent) {
  const auto program = [](Value n) {
    next_line_is_wrong();
    return zeros({2, n - 5});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "a new",
      .dtypes = {"f64"},
      .shapes = {"(2, -2)"},
      .way_out = "extents are 0 or more",
      .message = "a new f64 array of shape (2, -2): an extent is negative; extents are 0 or more",
  };
  expect_everywhere(misuse, program, 3);
}
