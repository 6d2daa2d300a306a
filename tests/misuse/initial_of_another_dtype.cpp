// Starting a sum of integers at one half.
#include "tests/misuse/misuse.h"

MISUSE(initial_of_another_dtype) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return sum(a, {.initial = 0.5});
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "sum",
      .dtypes = {"i64", "f64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "cast it, as in i64(…)",
      .message =
          "sum of i64 array of shape (3,) with the option initial, an f64 scalar: the result is of i64, which cannot "
          "hold it; cast it, as in i64(…)",
  };
  expect_everywhere(misuse, program, arange(3));
}
