// Asking for the code of a function that was never called.
#include "tests/misuse/misuse.h"

MISUSE(inspecting_before_the_first_call) {
  const auto doubled = jit([](Array a) { return a * 2; });
  const auto program = [&] {
    next_line_is_wrong();
    return doubled.inspect("program");
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "inspect",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "call the function first",
      .message = "inspect: nothing has been compiled yet; call the function first",
  };
  expect_eager(misuse, program);
}
