// An array in a parallel loop that is larger in each iteration: not compiled, yet interpreted.
#include "tests/misuse/misuse.h"

MISUSE(prange_array_that_grows) {
  const auto program = jit([](Array out) {
    for (Value i : prange(out.shape(0))) {
      next_line_is_wrong();
      const Array row = zeros(i + 1, i32);
      for (Value k : range(i)) row(k) = k;
      out(i) = sum(row);
    }
  });
  const Misuse misuse{
      .kind = typeid(CompileError),
      .operation = "a new",
      .dtypes = {"i32"},
      .shapes = {"rank 1"},
      .way_out = "make it as large as the largest and use a slice of it, or use range",
      .message =
          "a new i32 array of rank 1 whose extents differ between the iterations of a prange is not compiled yet: make "
          "it as large as the largest and use a slice of it, or use range",
  };
  expect_error(misuse, "compiled", [&] { program(zeros(3)); });
  EXPECT_NO_THROW(program.with({.interpret = true})(zeros(3)));
}
