// Adding 300 to bytes.
#include "tests/misuse/misuse.h"

MISUSE(number_that_does_not_fit) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a + 300;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'+'",
      .dtypes = {"u8"},
      .shapes = {"(3,)"},
      .way_out = "cast the other operand, as in i64(x)",
      .message =
          "'+' of u8 array of shape (3,) and 300: the number does not fit u8; cast the other operand, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, u8));
}
