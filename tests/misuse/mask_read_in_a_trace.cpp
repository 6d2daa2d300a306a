// Selecting by a mask, whose count a trace does not know.
#include "tests/misuse/misuse.h"

MISUSE(mask_read_in_a_trace) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return sum(a(a > 0));
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "mask",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "write where(mask, a, x), store with a(mask) = x, or pick outside",
      .message =
          "the elements of f64 array of shape (3,) under a mask, as a value in a traced function: how many they are is "
          "not known before it runs; write where(mask, a, x), store with a(mask) = x, or pick outside",
  };
  expect_traced(misuse, program, zeros(3));
}
