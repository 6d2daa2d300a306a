// A number of points that is a float.
#include "tests/misuse/misuse.h"

MISUSE(count_that_is_a_float) {
  const auto program = [] {
    next_line_is_wrong();
    return linspace(0, 1, 2.5);
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "linspace",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "the count of linspace must be an integer, not an f64 scalar: integer / integer is a float, as u64 + i64 is; "
          "write floordiv(a, b), or cast with i64(x)",
  };
  expect_everywhere(misuse, program);
}
