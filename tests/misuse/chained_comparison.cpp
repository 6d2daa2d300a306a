// Writing 0 < a <= 2, as in mathematics.
#include "tests/misuse/misuse.h"

MISUSE(chained_comparison) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return 0 < a <= 2;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'<='",
      .dtypes = {"bool", "i64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "write a < b && b < c, or cast the bool, as in i64(x)",
      .message =
          "'<=' of bool array of shape (3,) and i64 scalar: a bool is compared with a number (a < b < c?): write a < b "
          "&& b < c, or cast the bool, as in i64(x)",
  };
  expect_everywhere(misuse, program, arange(3));
}
