// Using an array of plain C++ code in a traced function.
#include "tests/misuse/misuse.h"

MISUSE(concrete_array_in_a_trace) {
  static const Array table = arange(3);
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a + table;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "concrete array",
      .dtypes = {"i64"},
      .shapes = {"(3,)"},
      .way_out = "pass it as a parameter",
      .message =
          "a concrete array (i64 array of shape (3,)) is mixed into a traced function, which would freeze it at the "
          "first call: pass it as a parameter",
  };
  expect_traced(misuse, program, zeros(3));
}
