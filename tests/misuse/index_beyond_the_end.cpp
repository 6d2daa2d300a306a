// An element behind the last one.
#include "tests/misuse/misuse.h"

MISUSE(index_beyond_the_end) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return Value(a(1, 3));
  };
  const Misuse eager{
      .kind = typeid(IndexError),
      .operation = "index 3",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "valid are -3 to 2",
      .message =
          "index 3 is out of bounds for axis 1 of f64 array of shape (2, 3), which has 3 elements there; valid are -3 "
          "to 2",
  };
  const Misuse traced{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f64"},
      .shapes = {"(2, 3)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: 3 on axis 1 of array argument 1 (f64 array of shape (2, 3)), which has 3 elements "
          "there (allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_eager(eager, program, zeros({2, 3}));
  expect_traced(traced, program, zeros({2, 3}));
}
