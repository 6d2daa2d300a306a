// Printing an array that is not computed yet.
#include "tests/misuse/misuse.h"

#include <sstream>

MISUSE(traced_array_printed) {
  const auto program = [](Array a) {
    std::ostringstream out;
    next_line_is_wrong();
    out << a * 2;
    return a;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "print",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "return it and print the result",
      .message =
          "cannot print f64 array of shape (3,) inside a traced function, where it has no numbers yet: return it and "
          "print the result",
  };
  expect_traced(misuse, program, zeros(3));
}
