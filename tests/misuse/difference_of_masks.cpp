// Subtracting masks.
#include "tests/misuse/misuse.h"

MISUSE(difference_of_masks) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return a - b;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'-'",
      .dtypes = {"bool"},
      .shapes = {"(3,)"},
      .way_out = "use != or ^, or cast one, as in i64(x)",
      .message =
          "'-' of bool array of shape (3,) and bool array of shape (3,): bools have no difference: use != or ^, or "
          "cast one, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, bool_), zeros(3, bool_));
}
