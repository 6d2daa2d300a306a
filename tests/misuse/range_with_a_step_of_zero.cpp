// A loop that never advances.
#include "tests/misuse/misuse.h"

MISUSE(range_with_a_step_of_zero) {
  const auto program = [](Array a, Value step) {
    next_line_is_wrong();
    for (Value i : range(0, a.shape(0), step)) a(i) = 1;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "range",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "the step must be other than 0",
      .message = "range with a step of 0 never ends: the step must be other than 0",
  };
  expect_traced(misuse, program, zeros(3), 0);
}
