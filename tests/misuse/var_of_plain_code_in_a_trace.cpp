// Adding to a Var of plain C++ code in a traced loop.
#include "tests/misuse/misuse.h"

MISUSE(var_of_plain_code_in_a_trace) {
  static Var total = 0.0;
  const auto program = [](Array a) {
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      total += a(i);
    }
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "Var",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "declare a Var inside and return its value",
      .message =
          "a Var of plain C++ code (f64 scalar) is assigned inside a traced function, which would happen once, while "
          "tracing: declare a Var inside and return its value",
  };
  expect_traced(misuse, program, zeros(3));
}
