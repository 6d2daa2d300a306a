// Reshaping to negative extents whose product is right.
#include "tests/misuse/misuse.h"

MISUSE(reshape_to_negative_extents) {
  const auto program = [](Array a, Value n) {
    next_line_is_wrong();
    return a.reshape({n, n - 3}).copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "reshape",
      .dtypes = {"i64"},
      .shapes = {"(10,)", "(-2, -5)"},
      .way_out = "give extents of 0 or more with that product, of which one may be -1",
      .message =
          "reshape of i64 array of shape (10,) to (-2, -5): the number of elements must stay; give extents of 0 or "
          "more with that product, of which one may be -1",
  };
  expect_everywhere(misuse, program, arange(10), -2);
}
