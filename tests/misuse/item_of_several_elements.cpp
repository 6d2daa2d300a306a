// Reading the one element of an array of six.
#include "tests/misuse/misuse.h"

MISUSE(item_of_several_elements) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.item();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "item()",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "write the element's indices, as in a(0, 0)",
      .message =
          "item() of f64 array of shape (2, 3): it needs exactly one element; write the element's indices, as in a(0, "
          "0)",
  };
  expect_eager(misuse, program, zeros({2, 3}));
}
