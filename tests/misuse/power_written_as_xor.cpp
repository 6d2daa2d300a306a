// Writing x ^ 2 for a power.
#include "tests/misuse/misuse.h"

MISUSE(power_written_as_xor) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a ^ 2;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'^'",
      .dtypes = {"f32", "i64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "write pow for a power, or cast, as in i64(x)",
      .message =
          "'^' of f32 array of shape (3,) and i64 scalar: it takes integers or bools: write pow for a power, or cast, "
          "as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, f32));
}
