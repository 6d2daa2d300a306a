// Multiplying unsigned integers by -1.
#include "tests/misuse/misuse.h"

MISUSE(negative_number_for_unsigned) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a * -1;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'*'",
      .dtypes = {"u16"},
      .shapes = {"(3,)"},
      .way_out = "cast the other operand, as in i64(x)",
      .message =
          "'*' of u16 array of shape (3,) and -1: the number does not fit u16; cast the other operand, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, u16));
}
