// Filling bytes with 300.
#include "tests/misuse/misuse.h"

MISUSE(full_of_a_number_that_does_not_fit) {
  const auto program = [] {
    next_line_is_wrong();
    return full({2}, 300, u8);
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "full",
      .dtypes = {"u8"},
      .shapes = {"(2,)"},
      .way_out = "cast it, as in u8(300)",
      .message = "'full' of u8 array of shape (2,) and 300: the number does not fit u8; cast it, as in u8(300)",
  };
  expect_everywhere(misuse, program);
}
