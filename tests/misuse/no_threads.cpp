// Running on no thread.
#include "tests/misuse/misuse.h"

MISUSE(no_threads) {
  const auto program = [] {
    next_line_is_wrong();
    set_num_threads(0);
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "set_num_threads(0)",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "give 1 or more threads, the caller's included",
      .message = "set_num_threads(0): give 1 or more threads, the caller's included",
  };
  expect_eager(misuse, program);
}
