// A row whose number is known at run time.
#include "tests/misuse/misuse.h"

MISUSE(row_that_is_not_there) {
  const auto program = [](Array a, Value k) {
    next_line_is_wrong();
    return a(k, _).copy();
  };
  const Misuse eager{
      .kind = typeid(IndexError),
      .operation = "index 2",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "valid are -2 to 1",
      .message =
          "index 2 is out of bounds for axis 0 of f64 array of shape (2, 3), which has 2 elements there; valid are -2 "
          "to 1",
  };
  const Misuse traced{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: 2 on axis 0 of array argument 1 (f64 array of shape (2, 3)), which has 2 elements "
          "there (allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_eager(eager, program, zeros({2, 3}), 2);
  expect_traced(traced, program, zeros({2, 3}), 2);
}
