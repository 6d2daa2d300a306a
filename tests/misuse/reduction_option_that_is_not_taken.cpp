// A ddof for a sum.
#include "tests/misuse/misuse.h"

MISUSE(reduction_option_that_is_not_taken) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return sum(a, {.ddof = 1});
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "sum",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "it takes axis, keepdims, dtype, where, initial",
      .message =
          "sum of f64 array of shape (2, 3) takes no option ddof: it takes axis, keepdims, dtype, where, initial",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
