// Keeping a Value of a loop in a std::vector.
#include "tests/misuse/misuse.h"

#include <vector>

MISUSE(value_of_a_loop_used_after_it) {
  const auto program = [](Array a) {
    std::vector<Value> kept;
    for (Value i : range(a.shape(0))) kept.push_back(a(i) * 2);
    next_line_is_wrong();
    return a + kept[0];
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "Value",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "carry it out in a Var declared before it",
      .message =
          "this Value (f64 scalar) was made inside a loop or branch that has ended; carry it out in a Var declared "
          "before it",
  };
  expect_traced(misuse, program, zeros(3));
}
