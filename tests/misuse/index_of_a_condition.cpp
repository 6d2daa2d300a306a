// Indexing an element with a condition.
#include "tests/misuse/misuse.h"

MISUSE(index_of_a_condition) {
  const auto program = [](Array a, Value n) {
    next_line_is_wrong();
    return Value(a(n > 1));
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "index",
      .dtypes = {"i64", "bool"},
      .shapes = {"(4,)", "scalar"},
      .way_out = "cast it with i64(x)",
      .message = "an index of i64 array of shape (4,) must be an integer, not a bool scalar; cast it with i64(x)",
  };
  expect_everywhere(misuse, program, arange(4), 2);
}
