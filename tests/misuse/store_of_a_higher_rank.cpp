// Storing a matrix into a vector.
#include "tests/misuse/misuse.h"

MISUSE(store_of_a_higher_rank) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    a(rest) = b;
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'='",
      .dtypes = {"f64", "f32"},
      .shapes = {"(3,)", "(3, 3)"},
      .way_out = "reduce or index the axes that are too many",
      .message =
          "'=' of f64 array of shape (3,) and f32 array of shape (3, 3), which the left one cannot hold; reduce or "
          "index the axes that are too many",
  };
  expect_everywhere(misuse, program, zeros(3), zeros({3, 3}, f32));
}
