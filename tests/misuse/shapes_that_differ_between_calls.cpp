// A function that is compiled and then called with shapes that do not fit.
#include "tests/misuse/misuse.h"

MISUSE(shapes_that_differ_between_calls) {
  const auto add = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a + b;
  });
  add(zeros({3, 3}), zeros({3, 3}));
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "'+'",
      .dtypes = {"f64"},
      .shapes = {"(4, 3)", "(5, 3)"},
      .way_out = "a newaxis may be missing, as in a(_, newaxis)",
      .message =
          "'+' of f64 array of shape (4, 3) and f64 array of shape (5, 3): extents must be equal or 1, counted from "
          "the last axis; a newaxis may be missing, as in a(_, newaxis)",
  };
  expect_error(misuse, "compiled before", [&] { (void)add(zeros({4, 3}), zeros({5, 3})); });
}
