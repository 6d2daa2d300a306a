// Adding a matrix to a vector in place.
#include "tests/misuse/misuse.h"

MISUSE(update_that_would_grow) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    a += b;
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'+='",
      .dtypes = {"f64"},
      .shapes = {"(3,)", "(2, 3)"},
      .way_out = "reduce or index the axes that are too many",
      .message =
          "'+=' of f64 array of shape (3,) and f64 array of shape (2, 3), which the left one cannot hold; reduce or "
          "index the axes that are too many",
  };
  expect_everywhere(misuse, program, zeros(3), zeros({2, 3}));
}
