// Swapping arrays of two dtypes.
#include "tests/misuse/misuse.h"

MISUSE(swap_of_two_dtypes) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    kiln::swap(a, b);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "swap",
      .dtypes = {"f32", "f64"},
      .shapes = {"(3,)"},
      .way_out = "copy elements instead, as in a(rest) = b",
      .message =
          "swap of f32 array of shape (3,) and f64 array of shape (3,): both must have one dtype and shape; copy "
          "elements instead, as in a(rest) = b",
  };
  expect_traced(misuse, program, zeros(3, f32), zeros(3));
}
