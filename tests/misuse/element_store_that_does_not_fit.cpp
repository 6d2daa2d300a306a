// Storing 300 into one byte. An element outside a trace does not know its array.
#include "tests/misuse/misuse.h"

MISUSE(element_store_that_does_not_fit) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a(1) = 300;
  };
  const Misuse eager{
      .kind = typeid(DTypeError),
      .operation = "'='",
      .dtypes = {"u8"},
      .shapes = {"scalar"},
      .way_out = "cast it, as in u8(300)",
      .message = "'=' of u8 scalar and 300: the number does not fit u8; cast it, as in u8(300)",
  };
  const Misuse traced{
      .kind = typeid(DTypeError),
      .operation = "'='",
      .dtypes = {"u8"},
      .shapes = {"(3,)"},
      .way_out = "cast it, as in u8(300)",
      .message = "'=' of u8 array of shape (3,) and 300: the number does not fit u8; cast it, as in u8(300)",
  };
  expect_eager(eager, program, zeros(3, u8));
  expect_traced(traced, program, zeros(3, u8));
}
