// Reading the element before the first.
#include "tests/misuse/misuse.h"

MISUSE(prange_before_the_start) {
  const auto program = [](Array a, Array b) {
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      b(i) = a(i - 1);
    }
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f32"},
      .shapes = {"(5,)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: -1 on axis 0 of array argument 1 (f32 array of shape (5,)), which has 5 elements there "
          "(allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_traced(misuse, program, zeros(5, f32), zeros(5));
}
