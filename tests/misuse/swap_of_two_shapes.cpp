// Swapping arrays of two lengths.
#include "tests/misuse/misuse.h"

MISUSE(swap_of_two_shapes) {
  const auto program = [](Array a, Array b, Value n) {
    for (Value t : range(n)) {
      b(rest) = 1.0 * t;
      next_line_is_wrong();
      kiln::swap(a, b);
    }
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "swap",
      .dtypes = {"f64"},
      .shapes = {"(3,)", "(4,)"},
      .way_out = "copy elements instead, as in a(rest) = b",
      .message =
          "swap of f64 array of shape (3,) and f64 array of shape (4,): both must have one shape; copy elements "
          "instead, as in a(rest) = b",
  };
  expect_traced(misuse, program, zeros(3), zeros(4), 2);
}
