// Taking a span of a column, whose elements do not lie side by side.
#include "tests/misuse/misuse.h"

MISUSE(read_of_a_strided_view) {
  const auto program = [](Array a) {
    const Array column = a(_, 1);
    next_line_is_wrong();
    return column.read<double>();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "read()",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "copy() it first",
      .message = "read() of f64 array of shape (3,), a view whose elements do not lie side by side; copy() it first",
  };
  expect_eager(misuse, program, zeros({3, 4}));
}
