// Halving an index with /, which gives a float.
#include "tests/misuse/misuse.h"

MISUSE(index_of_a_float) {
  const auto program = [](Array a, Value n) {
    next_line_is_wrong();
    return Value(a(n / 2));
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "index",
      .dtypes = {"i64", "f64"},
      .shapes = {"(4,)", "scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "an index of i64 array of shape (4,) must be an integer, not an f64 scalar: integer / integer is a float, as "
          "u64 + i64 is; write floordiv(a, b), or cast with i64(x)",
  };
  expect_everywhere(misuse, program, arange(4), 2);
}
