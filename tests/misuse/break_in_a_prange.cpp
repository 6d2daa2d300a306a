// Leaving a parallel loop early.
#include "tests/misuse/misuse.h"

MISUSE(break_in_a_prange) {
  const auto program = [](Array a) {
    for (Value i : prange(a.shape(0))) {
      a(i) = 1;
      next_line_is_wrong();
      break_if(i > 2);
    }
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "break_",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "use range, or continue_ to skip one iteration",
      .message =
          "break_ inside prange: its iterations run at the same time, none is the last; use range, or continue_ to "
          "skip one iteration",
  };
  expect_traced(misuse, program, zeros(3));
}
