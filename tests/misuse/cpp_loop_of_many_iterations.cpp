// A loop of C++, which is unrolled, over thirty thousand iterations.
#include "tests/misuse/misuse.h"

MISUSE(cpp_loop_of_many_iterations) {
  const auto program = [](Value x) {
    Var s = 0.0;
    for (int k = 0; k < 30'000; ++k) {
      next_line_is_wrong();
      s = s * x;
    }
    return s;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "C++ loop",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "write for (Value i : range(n))",
      .message =
          "this line was recorded 20000 times in one trace: a C++ loop is unrolled here; write for (Value i : "
          "range(n))",
  };
  expect_traced(misuse, program, 1.0);
}
