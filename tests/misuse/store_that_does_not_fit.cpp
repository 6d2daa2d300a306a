// Storing 300 into bytes.
#include "tests/misuse/misuse.h"

MISUSE(store_that_does_not_fit) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a(rest) = 300;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'='",
      .dtypes = {"u8"},
      .shapes = {"(3,)"},
      .way_out = "cast it, as in u8(300)",
      .message = "'=' of u8 array of shape (3,) and 300: the number does not fit u8; cast it, as in u8(300)",
  };
  expect_everywhere(misuse, program, zeros(3, u8));
}
