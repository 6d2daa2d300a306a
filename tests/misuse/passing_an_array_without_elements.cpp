// Passing an Array that was never assigned.
#include "tests/misuse/misuse.h"

static const auto doubled = jit([](Array x) { return x * 2; });

MISUSE(passing_an_array_without_elements) {
  const auto program = [] {
    next_line_is_wrong();
    return doubled(Array());
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "argument 1",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "assign an array to it first",
      .message = "argument 1: this Array has no elements yet: assign an array to it first",
  };
  expect_everywhere(misuse, program);
}
