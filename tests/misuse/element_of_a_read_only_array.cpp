// Storing into one element of a read-only array.
#include "tests/misuse/misuse.h"

MISUSE(element_of_a_read_only_array) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a(0) = 1;
  };
  const Misuse eager{
      .kind = typeid(UsageError),
      .operation = "'='",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "copy() it first",
      .message = "'=' writes an element (f64 scalar) of a read-only array; copy() it first",
  };
  const Misuse traced{
      .kind = typeid(UsageError),
      .operation = "'='",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "copy() it first",
      .message = "'=' writes into a read-only array (f64 array of shape (3,)); copy() it first",
  };
  expect_eager(eager, program, zeros(3).as_read_only());
  expect_traced(traced, program, zeros(3).as_read_only());
}
