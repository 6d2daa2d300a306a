// An index array with an index that is not there.
#include "tests/misuse/misuse.h"

MISUSE(index_array_beyond_the_end) {
  const auto program = [](Array a, Array at) {
    next_line_is_wrong();
    return Array(a(at));
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "valid are -3 to 2",
      .message =
          "index 3 of an index array is out of bounds for axis 0 of f64 array of shape (3,), which has 3 elements "
          "there; valid are -3 to 2",
  };
  expect_everywhere(misuse, program, zeros(3), Array{0, 3, 1});
}
