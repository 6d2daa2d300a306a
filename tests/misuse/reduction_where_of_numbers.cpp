// Choosing elements by numbers.
#include "tests/misuse/misuse.h"

MISUSE(reduction_where_of_numbers) {
  const auto program = [](Array a, Array m) {
    next_line_is_wrong();
    return sum(a, {.where = m});
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "sum",
      .dtypes = {"f64", "i64"},
      .shapes = {"(2, 3)", "(3,)"},
      .way_out = "compare it, as in m != 0",
      .message =
          "sum of f64 array of shape (2, 3) with the option where, an i64 array of shape (3,): it must be of bool; "
          "compare it, as in m != 0",
  };
  expect_everywhere(misuse, program, zeros({2, 3}), arange(3));
}
