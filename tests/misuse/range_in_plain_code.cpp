// A traced loop outside a traced function.
#include "tests/misuse/misuse.h"

MISUSE(range_in_plain_code) {
  const auto program = [] {
    next_line_is_wrong();
    for (Value i : range(3)) (void)i;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "range",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "plain C++ code uses C++'s own control flow",
      .message =
          "range works only inside a traced function (jit, vectorize); plain C++ code uses C++'s own control flow",
  };
  expect_eager(misuse, program);
}
