// Stacking arrays of two shapes.
#include "tests/misuse/misuse.h"

MISUSE(stack_of_two_shapes) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return stack({a, b});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "stack",
      .dtypes = {"f64"},
      .shapes = {"(2,)", "(3,)"},
      .way_out = "slice the longer one",
      .message =
          "stack of f64 array of shape (2,) and f64 array of shape (3,): along axis 0 both must have as many elements; "
          "slice the longer one",
  };
  expect_everywhere(misuse, program, zeros(2), zeros(3));
}
