// Looping over one array and storing into a shorter one.
#include "tests/misuse/misuse.h"

MISUSE(store_into_a_shorter_array) {
  const auto program = [](Array a, Array b) {
    for (auto [i, j] : prange(a.shape(0), a.shape(1))) {
      next_line_is_wrong();
      b(i, j) = a(i, j);
    }
  };
  const Misuse misuse{
      .kind = typeid(IndexError),
      .operation = "index",
      .dtypes = {"f64"},
      .shapes = {"(3, 6)"},
      .way_out = "shorten the range, or guard the access with if_ or where",
      .message =
          "index out of bounds: 6 on axis 1 of array argument 2 (f64 array of shape (3, 6)), which has 6 elements "
          "there (allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where",
  };
  expect_traced(misuse, program, zeros({3, 7}), zeros({3, 6}));
}
