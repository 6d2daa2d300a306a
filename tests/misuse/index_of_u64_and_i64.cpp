// An index computed from u64 and i64, whose common dtype is f64.
#include "tests/misuse/misuse.h"

MISUSE(index_of_u64_and_i64) {
  const auto program = [](Array a, Array i, Value k) {
    next_line_is_wrong();
    return Value(a(i(0) + i64(k)));
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "index",
      .dtypes = {"f32", "f64"},
      .shapes = {"(4,)", "scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "an index of f32 array of shape (4,) must be an integer, not an f64 scalar: integer / integer is a float, as "
          "u64 + i64 is; write floordiv(a, b), or cast with i64(x)",
  };
  expect_everywhere(misuse, program, zeros(4, f32), zeros(1, u64), 2);
}
