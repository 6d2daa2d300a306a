// Rolling by one and a half.
#include "tests/misuse/misuse.h"

MISUSE(shift_of_a_roll_that_is_a_float) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return roll(a, 1.5);
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "roll",
      .dtypes = {"f32", "f64"},
      .shapes = {"(5,)", "scalar"},
      .way_out = "write floordiv(a, b), or cast with i64(x)",
      .message =
          "the shift of a roll of f32 array of shape (5,) must be an integer, not an f64 scalar: integer / integer is "
          "a float, as u64 + i64 is; write floordiv(a, b), or cast with i64(x)",
  };
  expect_everywhere(misuse, program, zeros(5, f32));
}
