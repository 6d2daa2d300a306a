// Counting further back from the end than there are elements.
#include "tests/misuse/misuse.h"

MISUSE(index_before_the_start) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    a(-5) = 1;
  };
  const Misuse eager{
      .kind = typeid(IndexError),
      .operation = "index -5",
      .dtypes = {"f32"},
      .shapes = {"(4,)"},
      .way_out = "valid are -4 to 3",
      .message =
          "index -5 is out of bounds for axis 0 of f32 array of shape (4,), which has 4 elements there; valid are -4 "
          "to 3",
  };
  const Misuse traced{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f32"},
      .shapes = {"(4,)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: -5 on axis 0 of array argument 1 (f32 array of shape (4,)), which has 4 elements there "
          "(allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_eager(eager, program, zeros(4, f32));
  expect_traced(traced, program, zeros(4, f32));
}
