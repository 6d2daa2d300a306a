// The dot product of a matrix and a vector.
#include "tests/misuse/misuse.h"

MISUSE(dot_of_a_matrix) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return dot(a, b);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "dot",
      .dtypes = {"f64"},
      .shapes = {"(3, 3)", "(3,)"},
      .way_out = "for others write matmul(a, b), or sum(a * b, {.axis = …})",
      .message =
          "dot of f64 array of shape (3, 3) and f64 array of shape (3,): both must have rank 1; for others write "
          "matmul(a, b), or sum(a * b, {.axis = …})",
  };
  expect_everywhere(misuse, program, zeros({3, 3}), zeros(3));
}
