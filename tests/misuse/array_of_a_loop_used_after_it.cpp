// Keeping an Array of a loop in a std::vector.
#include "tests/misuse/misuse.h"

#include <vector>

MISUSE(array_of_a_loop_used_after_it) {
  const auto program = [](Array a, Value n) {
    std::vector<Array> kept;
    for (Value i : range(n)) kept.push_back(a * i);
    next_line_is_wrong();
    return a + kept[0];
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "Array",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "make it before, and store into it with x(rest) = …",
      .message =
          "this Array (f64 array of shape (3,)) was made inside a loop or branch that has ended; make it before, and "
          "store into it with x(rest) = …",
  };
  expect_traced(misuse, program, zeros(3), 2);
}
