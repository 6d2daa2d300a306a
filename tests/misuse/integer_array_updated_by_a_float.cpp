// Adding one half to integers in place.
#include "tests/misuse/misuse.h"

MISUSE(integer_array_updated_by_a_float) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a += 0.5;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'+='",
      .dtypes = {"i64", "f64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "write x(rest) = i64(…)",
      .message =
          "'+=' of i64 array of shape (3,) and f64 scalar gives f64, which an i64 array cannot hold; write x(rest) = "
          "i64(…)",
  };
  expect_everywhere(misuse, program, arange(3));
}
