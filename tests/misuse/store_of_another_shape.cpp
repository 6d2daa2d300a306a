// Storing an array of another length into a row.
#include "tests/misuse/misuse.h"

MISUSE(store_of_another_shape) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    a(0, _) = b;
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'='",
      .dtypes = {"f64", "i32"},
      .shapes = {"(4,)", "(3,)"},
      .way_out = "slice or broadcast the right side to the shape on the left",
      .message =
          "'=' of f64 array of shape (4,) and i32 array of shape (3,): extents must be equal, or 1 on the right; slice "
          "or broadcast the right side to the shape on the left",
  };
  expect_everywhere(misuse, program, zeros({2, 4}), zeros(3, i32));
}
