// Concatenating no arrays.
#include "tests/misuse/misuse.h"

MISUSE(concatenation_of_nothing) {
  const auto program = [] {
    next_line_is_wrong();
    return concatenate(std::vector<Array>());
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "concatenate",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "give one at least",
      .message = "concatenate of no arrays: give one at least",
  };
  expect_eager(misuse, program);
}
