// Concatenating arrays that differ along another axis.
#include "tests/misuse/misuse.h"

MISUSE(concatenation_of_other_extents) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return concatenate({a, b});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "concatenate",
      .dtypes = {"f64", "i64"},
      .shapes = {"(2, 3)", "(2, 4)"},
      .way_out = "slice the longer one",
      .message =
          "concatenate of f64 array of shape (2, 3) and i64 array of shape (2, 4): along axis 1 both must have as many "
          "elements; slice the longer one",
  };
  expect_everywhere(misuse, program, zeros({2, 3}), arange(8).reshape({2, 4}));
}
