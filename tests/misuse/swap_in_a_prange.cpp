// Swapping arrays while iterations use them.
#include "tests/misuse/misuse.h"

MISUSE(swap_in_a_prange) {
  const auto program = [](Array a, Array b) {
    for (Value i : prange(a.shape(0))) {
      a(i) = i;
      next_line_is_wrong();
      kiln::swap(a, b);
    }
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "swap",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "swap after the loop",
      .message =
          "swap of f64 array of shape (3,) and f64 array of shape (3,): inside prange, whose iterations run at the "
          "same time; swap after the loop",
  };
  expect_traced(misuse, program, zeros(3), zeros(3));
}
