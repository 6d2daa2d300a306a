// Returning an Array that was never assigned.
#include "tests/misuse/misuse.h"

MISUSE(returning_an_array_without_elements) {
  next_line_is_wrong();
  const auto program = jit([](Array) { return Array(); });
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "returns an Array",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "assign an array to it first",
      .message = "a traced function returns an Array that has no elements yet: assign an array to it first",
  };
  expect_error(misuse, "compiled", [&] { (void)program(zeros(3)); });
  expect_error(misuse, "interpreted", [&] { (void)program.with({.interpret = true})(zeros(3)); });
}
