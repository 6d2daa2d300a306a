// A variance of dtype i32.
#include "tests/misuse/misuse.h"

MISUSE(variance_in_integers) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return variance(a, {.dtype = i32});
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "variance",
      .dtypes = {"f64", "i32"},
      .shapes = {"(2, 3)"},
      .way_out = "cast the result instead",
      .message =
          "variance of f64 array of shape (2, 3) with the option dtype i32: it must be a floating one, such as f64; "
          "cast the result instead",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
