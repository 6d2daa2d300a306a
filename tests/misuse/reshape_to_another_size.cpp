// Reshaping to a shape of another number of elements.
#include "tests/misuse/misuse.h"

MISUSE(reshape_to_another_size) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.reshape({3, 4});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "reshape",
      .dtypes = {"i64"},
      .shapes = {"(10,)", "(3, 4)"},
      .way_out = "give extents of 0 or more with that product, of which one may be -1",
      .message =
          "reshape of i64 array of shape (10,) to (3, 4): the number of elements must stay; give extents of 0 or more "
          "with that product, of which one may be -1",
  };
  expect_everywhere(misuse, program, arange(10));
}
