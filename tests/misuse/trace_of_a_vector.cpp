// The trace of an array that is no matrix.
#include "tests/misuse/misuse.h"

MISUSE(trace_of_a_vector) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return trace(a);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "trace",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "index the other axes, as in a(i, _, _)",
      .message = "trace of f64 array of shape (3,): it needs rank 2; index the other axes, as in a(i, _, _)",
  };
  expect_everywhere(misuse, program, zeros(3));
}
