// Leaving two extents of a reshape to be inferred.
#include "tests/misuse/misuse.h"

MISUSE(reshape_with_two_unknown_extents) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.reshape({-1, -1});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "reshape",
      .dtypes = {"i64"},
      .shapes = {"(12,)"},
      .way_out = "write out the other",
      .message =
          "reshape of i64 array of shape (12,) to a shape with -1 twice: one extent can be inferred; write out the "
          "other",
  };
  expect_everywhere(misuse, program, arange(12));
}
