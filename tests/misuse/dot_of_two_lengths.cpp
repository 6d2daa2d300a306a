// The dot product of vectors of two lengths.
#include "tests/misuse/misuse.h"

MISUSE(dot_of_two_lengths) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return dot(a, b);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "dot",
      .dtypes = {"f64"},
      .shapes = {"(3,)", "(4,)"},
      .way_out = "slice the longer one, as in a(slice(_, n))",
      .message =
          "dot of f64 array of shape (3,) and f64 array of shape (4,): both must have as many elements; slice the "
          "longer one, as in a(slice(_, n))",
  };
  expect_everywhere(misuse, program, zeros(3), zeros(4));
}
