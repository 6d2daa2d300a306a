// Adding one half to an integer atomically. An element outside a trace does not know its array.
#include "tests/misuse/misuse.h"

MISUSE(atomic_update_of_another_dtype) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return atomic_add(a(0), 0.5);
  };
  const Misuse eager{
      .kind = typeid(DTypeError),
      .operation = "'atomic_add'",
      .dtypes = {"i32", "f64"},
      .shapes = {"scalar"},
      .way_out = "cast the right side, as in i32(x)",
      .message =
          "'atomic_add' of an i32 scalar and an f64 scalar would not stay i32; cast the right side, as in i32(x)",
  };
  const Misuse traced{
      .kind = typeid(DTypeError),
      .operation = "'atomic_add'",
      .dtypes = {"i32", "f64"},
      .shapes = {"(3,)"},
      .way_out = "cast the right side, as in i32(x)",
      .message =
          "'atomic_add' of an element of i32 array of shape (3,) and f64 scalar would not stay i32; cast the right "
          "side, as in i32(x)",
  };
  expect_eager(eager, program, zeros(3, i32));
  expect_traced(traced, program, zeros(3, i32));
}
