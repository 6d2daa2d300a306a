// Reading the next element of the last.
#include "tests/misuse/misuse.h"

MISUSE(range_beyond_the_end) {
  const auto program = [](Array a) {
    Var s = 0.0;
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      s += a(i + 1) - a(i);
    }
    return s;
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f64"},
      .shapes = {"(5,)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: 5 on axis 0 of array argument 1 (f64 array of shape (5,)), which has 5 elements there "
          "(allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_traced(misuse, program, zeros(5));
}
