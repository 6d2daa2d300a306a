// The maximum of an empty array.
#include "tests/misuse/misuse.h"

MISUSE(maximum_of_nothing) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return max(a);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'max'",
      .dtypes = {"f64"},
      .shapes = {"(0, 3)"},
      .way_out = "test size() first",
      .message =
          "'max' of f64 array of shape (0, 3), which is empty: it has no smallest or largest element; test size() "
          "first",
  };
  expect_everywhere(misuse, program, zeros({0, 3}));
}
