// An array in a parallel loop, as large as what the iteration reads.
#include "tests/misuse/misuse.h"

MISUSE(prange_array_of_a_size_that_is_read) {
  const auto program = [](Array n, Array out) {
    for (Value i : prange(n.shape(0))) {
      next_line_is_wrong();
      const Array row = zeros(n(i) + 1, f32);
      out(i) = sum(row);
    }
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "a new",
      .dtypes = {"f32"},
      .shapes = {"rank 1"},
      .way_out = "make it as large as the largest and use a slice of it, or use range",
      .message =
          "a new f32 array of rank 1 inside prange has an extent computed from what the iteration reads, so that its "
          "size is not known before the loop: make it as large as the largest and use a slice of it, or use range",
  };
  expect_traced(misuse, program, arange(3), zeros(3));
}
