// Adding to a view whose rows are one.
#include "tests/misuse/misuse.h"

MISUSE(update_of_a_broadcast_view) {
  const auto program = [](Array a) {
    Array b = a.broadcast_to({2, 3});
    next_line_is_wrong();
    b += 1;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'+='",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "copy() it first",
      .message = "'+=' writes into a read-only array (f64 array of shape (2, 3)); copy() it first",
  };
  expect_everywhere(misuse, program, zeros(3));
}
