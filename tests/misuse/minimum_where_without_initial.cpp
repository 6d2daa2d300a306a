// The minimum of chosen elements, of which there may be none.
#include "tests/misuse/misuse.h"

MISUSE(minimum_where_without_initial) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return min(a, {.where = a > 0});
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "min",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "needs initial too: the result where nothing is left",
      .message =
          "min of f64 array of shape (2, 3) with the option where needs initial too: the result where nothing is left",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
