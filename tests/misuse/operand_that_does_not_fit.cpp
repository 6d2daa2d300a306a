// Adding an integer argument to bytes that cannot hold it.
#include "tests/misuse/misuse.h"

MISUSE(operand_that_does_not_fit) {
  const auto program = [](Array a, Value n) {
    next_line_is_wrong();
    return a + n;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'+'",
      .dtypes = {"i8"},
      .shapes = {"(3,)"},
      .way_out = "cast the other operand, as in i64(x)",
      .message =
          "'+' of i8 array of shape (3,) and -129: the number does not fit i8; cast the other operand, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, i8), -129);
}
