// An index that is read and lies outside, found by checked indices.
#include "tests/misuse/misuse.h"

MISUSE(checked_index_beyond_the_end) {
  const auto program = [](Array a, Array at, Array out) {
    for (Value i : prange(at.shape(0))) {
      next_line_is_wrong();
      out(i) = a(at(i));
    }
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f32"},
      .shapes = {"(7,)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: 9 on axis 0 of array argument 1 (f32 array of shape (7,)), which has 7 elements there "
          "(allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_checked(misuse, program, zeros(7, f32), Array{0, 9, 1}, zeros(3));
}
