// An index array of floats.
#include "tests/misuse/misuse.h"

MISUSE(index_array_of_floats) {
  const auto program = [](Array a, Array at) {
    next_line_is_wrong();
    return Array(a(at));
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "indexing",
      .dtypes = {"i32", "f64"},
      .shapes = {"(3,)"},
      .way_out = "cast it, as in i64(x)",
      .message =
          "indexing i32 array of shape (3,) with an array of f64: an index array must be of integers, a mask of bools; "
          "cast it, as in i64(x)",
  };
  expect_everywhere(misuse, program, zeros(3, i32), ones(2));
}
