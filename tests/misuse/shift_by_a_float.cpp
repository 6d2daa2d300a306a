// Shifting integers by a float.
#include "tests/misuse/misuse.h"

MISUSE(shift_by_a_float) {
  const auto program = [](Array a, Value x) {
    next_line_is_wrong();
    return a << x;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'<<'",
      .dtypes = {"i64", "f64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "cast, as in i64(x), or multiply by a power of 2",
      .message =
          "'<<' of i64 array of shape (3,) and f64 scalar: shifts take integers: cast, as in i64(x), or multiply by a "
          "power of 2",
  };
  expect_everywhere(misuse, program, arange(3), 2.0);
}
