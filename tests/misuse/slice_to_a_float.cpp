// Slicing to the half of an array with /.
#include "tests/misuse/misuse.h"

MISUSE(slice_to_a_float) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a(slice(_, a.shape(0) / 2)).copy();
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "slice",
      .dtypes = {"f32", "f64"},
      .shapes = {"(4,)", "scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "a bound of a slice of f32 array of shape (4,) must be an integer, not an f64 scalar: integer / integer is a "
          "float, as u64 + i64 is; write floordiv(a, b), or cast with i64(x)",
  };
  expect_everywhere(misuse, program, zeros(4, f32));
}
