// Reading the one element of a matrix whose size a trace does not know.
#include "tests/misuse/misuse.h"

MISUSE(item_of_a_matrix_in_a_trace) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.item();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "item()",
      .dtypes = {"f64"},
      .shapes = {"(1, 1)"},
      .way_out = "write the element's indices, as in a(0, 0)",
      .message =
          "item() of f64 array of shape (1, 1) inside a traced function, where its size is not known yet; write the "
          "element's indices, as in a(0, 0)",
  };
  expect_traced(misuse, program, zeros({1, 1}));
}
