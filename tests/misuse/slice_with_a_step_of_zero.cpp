// A slice that never advances.
#include "tests/misuse/misuse.h"

MISUSE(slice_with_a_step_of_zero) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a(slice(0, 2, 0)).copy();
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "slice",
      .dtypes = {"f64"},
      .shapes = {"(4,)"},
      .way_out = "the step must be a C++ integer other than 0",
      .message = "a slice of f64 array of shape (4,): the step must be a C++ integer other than 0",
  };
  expect_everywhere(misuse, program, zeros(4));
}
