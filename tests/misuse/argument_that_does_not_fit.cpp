// Storing an integer argument into bytes that cannot hold it: found at the call, also once the function is compiled.
#include "tests/misuse/misuse.h"

MISUSE(argument_that_does_not_fit) {
  const auto program = [](Array a, Value n) {
    next_line_is_wrong();
    a(rest) = n * 100;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'='",
      .dtypes = {"u8"},
      .shapes = {"(3,)"},
      .way_out = "cast it, as in u8(300)",
      .message = "'=' of u8 array of shape (3,) and 300: the number does not fit u8; cast it, as in u8(300)",
  };
  expect_everywhere(misuse, program, zeros(3, u8), 3);

  const auto compiled = jit(program);
  compiled(zeros(3, u8), 2);
  expect_error(misuse, "compiled before", [&] { compiled(zeros(3, u8), 3); });
}
