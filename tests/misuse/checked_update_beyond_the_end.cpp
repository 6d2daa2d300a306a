// A bin that is computed and lies outside, found by checked indices.
#include "tests/misuse/misuse.h"

MISUSE(checked_update_beyond_the_end) {
  const auto program = [](Array bins, Array x) {
    for (Value i : prange(x.shape(0))) {
      next_line_is_wrong();
      bins(i64(floor(x(i)))) += 1;
    }
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"i64"},
      .shapes = {"(4,)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: -1 on axis 0 of array argument 1 (i64 array of shape (4,)), which has 4 elements there "
          "(allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_checked(misuse, program, zeros(4, i64), Array{0.5, 3.5, -0.5});
}
