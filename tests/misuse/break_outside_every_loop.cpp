// break_ where there is no loop.
#include "tests/misuse/misuse.h"

MISUSE(break_outside_every_loop) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    break_();
    return a;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "break_",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "it belongs inside range or while_",
      .message = "break_ stands outside every traced loop: it belongs inside range or while_",
  };
  expect_traced(misuse, program, zeros(3));
}
