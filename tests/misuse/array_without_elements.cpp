// Adding to an Array that was never assigned.
#include "tests/misuse/misuse.h"

MISUSE(array_without_elements) {
  const auto program = [](Array a) {
    const Array b;
    next_line_is_wrong();
    return a + b;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'+'",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "assign an array to it first",
      .message = "'+': this Array has no elements yet: assign an array to it first",
  };
  expect_everywhere(misuse, program, zeros(3));
}
