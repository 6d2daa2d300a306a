// Writing while_ of a number, as C++ allows.
#include "tests/misuse/misuse.h"

MISUSE(loop_condition_that_is_a_number) {
  const auto program = [](Value n) {
    Var x = n;
    next_line_is_wrong();
    while_([&] { return x; }, [&] { x -= 1; });
    return x;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "while_",
      .dtypes = {"i64", "bool"},
      .shapes = {"scalar"},
      .way_out = "compare it, as in x != 0",
      .message = "while_ of i64 scalar: its condition must be bool; compare it, as in x != 0",
  };
  expect_traced(misuse, program, 3);
}
