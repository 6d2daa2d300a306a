// Calling a vectorized function with arrays of two lengths.
#include "tests/misuse/misuse.h"

static const auto scaled = vectorize([](Value x, Value y) { return x * y; });

MISUSE(vectorized_call_of_shapes_that_do_not_broadcast) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    return scaled(a, b);
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'vectorize'",
      .dtypes = {"f64", "i64"},
      .shapes = {"(3,)", "(2,)"},
      .way_out = "a newaxis may be missing, as in a(_, newaxis)",
      .message =
          "'vectorize' of f64 array of shape (3,) and i64 array of shape (2,): extents must be equal or 1, counted "
          "from the last axis; a newaxis may be missing, as in a(_, newaxis)",
  };
  expect_everywhere(misuse, program, zeros(3), arange(2));
}
