// Multiplying matrices whose inner extents differ.
#include "tests/misuse/misuse.h"

MISUSE(matmul_of_shapes_that_do_not_meet) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return matmul(a, b);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "matmul",
      .dtypes = {"f64", "f32"},
      .shapes = {"(2, 3)", "(2, 4)"},
      .way_out = "transpose one, as in a.T()",
      .message =
          "matmul of f64 array of shape (2, 3) and f32 array of shape (2, 4): the left one's last extent must be the "
          "right one's first; transpose one, as in a.T()",
  };
  expect_everywhere(misuse, program, zeros({2, 3}), zeros({2, 4}, f32));
}
