// Choosing elements by a mask of another shape.
#include "tests/misuse/misuse.h"

MISUSE(reduction_where_of_another_shape) {
  const auto program = [](Array a, Array m) {
    next_line_is_wrong();
    return sum(a, {.where = m});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "sum where",
      .dtypes = {"f64", "bool"},
      .shapes = {"(2, 3)", "(2,)"},
      .way_out = "slice or broadcast the right side to the shape on the left",
      .message =
          "'sum where' of f64 array of shape (2, 3) and bool array of shape (2,): extents must be equal, or 1 on the "
          "right; slice or broadcast the right side to the shape on the left",
  };
  expect_everywhere(misuse, program, zeros({2, 3}), zeros(2, bool_));
}
