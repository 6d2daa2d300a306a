// Clipping bytes at -1.
#include "tests/misuse/misuse.h"

MISUSE(limit_that_does_not_fit) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return clip(a, -1, 5);
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'clip'",
      .dtypes = {"u8"},
      .shapes = {"(3,)"},
      .way_out = "cast the other operand, as in i64(x)",
      .message =
          "'clip' of u8 array of shape (3,) and -1: the number does not fit u8; cast the other operand, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, u8));
}
