// Storing into an array that is read-only.
#include "tests/misuse/misuse.h"

MISUSE(store_into_a_read_only_array) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a(rest) = 1;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'='",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "copy() it first",
      .message = "'=' writes into a read-only array (f64 array of shape (3,)); copy() it first",
  };
  expect_everywhere(misuse, program, zeros(3).as_read_only());
}
