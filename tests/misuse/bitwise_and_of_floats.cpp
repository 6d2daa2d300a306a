// Taking bits of floats.
#include "tests/misuse/misuse.h"

MISUSE(bitwise_and_of_floats) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a & 1;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'&'",
      .dtypes = {"f64", "i64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "write && for a condition, or cast, as in i64(x)",
      .message =
          "'&' of f64 array of shape (3,) and i64 scalar: it takes integers or bools: write && for a condition, or "
          "cast, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3));
}
