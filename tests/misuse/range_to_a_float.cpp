// Looping over the half of an array with /.
#include "tests/misuse/misuse.h"

MISUSE(range_to_a_float) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    for (Value i : range(a.shape(0) / 2)) a(i) = 1;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "range",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "the extent or end of a range must be an integer, not an f64 scalar: integer / integer is a float, as u64 + "
          "i64 is; write floordiv(a, b), or cast with i64(x)",
  };
  expect_traced(misuse, program, zeros(4));
}
