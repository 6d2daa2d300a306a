// Using a Value of one traced function in another.
#include "tests/misuse/misuse.h"

#include <vector>

MISUSE(value_of_another_trace) {
  static std::vector<Value> kept;
  jit([](Array a) {
    kept.push_back(a(0) + 1);
    return a;
  })(zeros(3));
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a + kept[0];
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "Value",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "pass it as a parameter",
      .message = "this Value (f64 scalar) belongs to another traced function's run: pass it as a parameter",
  };
  expect_traced(misuse, program, zeros(3));
}
