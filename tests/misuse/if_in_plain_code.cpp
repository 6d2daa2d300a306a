// A traced branch outside a traced function.
#include "tests/misuse/misuse.h"

MISUSE(if_in_plain_code) {
  const auto program = [](Value x) {
    next_line_is_wrong();
    if_(x > 2, [] {});
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "if_",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "plain C++ code uses C++'s own control flow",
      .message = "if_ works only inside a traced function (jit, vectorize); plain C++ code uses C++'s own control flow",
  };
  expect_eager(misuse, program, 3);
}
