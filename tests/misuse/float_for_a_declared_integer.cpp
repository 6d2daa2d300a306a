// Assigning a float to a Var that was declared an integer.
#include "tests/misuse/misuse.h"

MISUSE(float_for_a_declared_integer) {
  const auto program = [](Value x) {
    Var n(0, i32);
    next_line_is_wrong();
    n = x;
    return n;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "Var",
      .dtypes = {"i32", "f64"},
      .shapes = {"scalar"},
      .way_out = "cast the value, as in i32(x), or declare the Var without a dtype",
      .message =
          "'=': this Var was declared an i32 scalar and is assigned an f64 scalar; cast the value, as in i32(x), or "
          "declare the Var without a dtype",
  };
  expect_everywhere(misuse, program, 2.5);
}
