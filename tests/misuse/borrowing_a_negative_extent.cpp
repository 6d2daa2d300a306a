// Borrowing minus three numbers.
#include "tests/misuse/misuse.h"

MISUSE(borrowing_a_negative_extent) {
  const auto program = [] {
    static double numbers[3];
    next_line_is_wrong();
    return borrow(numbers, f64, {-3});
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "borrow",
      .dtypes = {"f64"},
      .shapes = {"(-3,)"},
      .way_out = "extents are 0 or more",
      .message = "borrow as f64 array of shape (-3,): an extent is negative; extents are 0 or more",
  };
  expect_eager(misuse, program);
}
