// Dividing integers in place, which gives floats.
#include "tests/misuse/misuse.h"

MISUSE(integer_array_divided_in_place) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a /= 2;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'/='",
      .dtypes = {"i64", "f64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "write x(rest) = i64(…)",
      .message =
          "'/=' of i64 array of shape (3,) and i64 scalar gives f64, which an i64 array cannot hold; write x(rest) = "
          "i64(…)",
  };
  expect_everywhere(misuse, program, arange(3));
}
