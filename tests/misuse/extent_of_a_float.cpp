// Making an array of half an extent with /.
#include "tests/misuse/misuse.h"

MISUSE(extent_of_a_float) {
  const auto program = [](Value n) {
    next_line_is_wrong();
    return zeros({2, n / 2});
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "extent",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "an extent of a shape must be an integer, not an f64 scalar: integer / integer is a float, as u64 + i64 is; "
          "write floordiv(a, b), or cast with i64(x)",
  };
  expect_everywhere(misuse, program, 4);
}
