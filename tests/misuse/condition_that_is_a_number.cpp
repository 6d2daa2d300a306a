// Writing if_(n), as C++ allows.
#include "tests/misuse/misuse.h"

MISUSE(condition_that_is_a_number) {
  const auto program = [](Value n) {
    Var x = 0;
    next_line_is_wrong();
    if_(n, [&] { x = 1; });
    return x;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "if_",
      .dtypes = {"i64", "bool"},
      .shapes = {"scalar"},
      .way_out = "compare it, as in x != 0",
      .message = "if_ of i64 scalar: its condition must be bool; compare it, as in x != 0",
  };
  expect_traced(misuse, program, 3);
}
