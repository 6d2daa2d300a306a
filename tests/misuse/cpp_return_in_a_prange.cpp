// Returning from within a parallel loop.
#include "tests/misuse/misuse.h"

MISUSE(cpp_return_in_a_prange) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    for (Value i : prange(a.shape(0))) return Value(a(i) + 1);
    return Value(0.0);
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "loop",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "write break_(), break_if(c), or assign a Var",
      .message =
          "this traced loop was left with a C++ break, return or goto, which happens once, while tracing; write "
          "break_(), break_if(c), or assign a Var",
  };
  expect_traced(misuse, program, zeros(3));
}
