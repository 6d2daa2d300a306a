// Naming rest twice.
#include "tests/misuse/misuse.h"

MISUSE(rest_twice) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a(rest, 0, rest).copy();
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "a view",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "write it once",
      .message = "a view of f64 array of shape (2, 3) names rest twice in one index list; write it once",
  };
  expect_everywhere(misuse, program, zeros({2, 3}));
}
