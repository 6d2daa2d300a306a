// Leaving a traced loop with break of C++.
#include "tests/misuse/misuse.h"

MISUSE(cpp_break_in_a_traced_loop) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    for (Value i : range(a.shape(0))) {
      a(i) = 1;
      break;
    }
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
