// Storing under a mask of another length.
#include "tests/misuse/misuse.h"

MISUSE(mask_of_another_shape) {
  const auto program = [](Array a, Array m) {
    next_line_is_wrong();
    a(m) = 0;
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "a mask",
      .dtypes = {"bool", "f64"},
      .shapes = {"(4,)", "(3, 2)"},
      .way_out = "make it of the array itself, as in a > 0",
      .message =
          "a mask (bool array of shape (4,)) of f64 array of shape (3, 2) has another number of elements along axis 0: "
          "it covers the leading axes, extent by extent; make it of the array itself, as in a > 0",
  };
  expect_everywhere(misuse, program, zeros({3, 2}), zeros(4, bool_));
}
