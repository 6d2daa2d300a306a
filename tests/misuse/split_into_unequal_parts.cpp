// Splitting five elements into two equal parts.
#include "tests/misuse/misuse.h"

MISUSE(split_into_unequal_parts) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return split(a, 2)[0].copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "split",
      .dtypes = {"f64"},
      .shapes = {"(5,)"},
      .way_out = "say where to cut, as in split(a, {2, 5})",
      .message =
          "split of f64 array of shape (5,) along axis 0 into 2 parts: they would not be equal; say where to cut, as "
          "in split(a, {2, 5})",
  };
  expect_everywhere(misuse, program, zeros(5));
}
