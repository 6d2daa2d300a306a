// Choosing by numbers, as if they were conditions.
#include "tests/misuse/misuse.h"

MISUSE(choice_by_numbers) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return where(a, 1, 2);
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'where'",
      .dtypes = {"i64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "compare it, as in where(x != 0, a, b)",
      .message =
          "'where' of i64 array of shape (3,) and i64 scalar and i64 scalar: the condition must be bool: compare it, "
          "as in where(x != 0, a, b)",
  };
  expect_everywhere(misuse, program, arange(3));
}
