// Borrowing three numbers at a null pointer.
#include "tests/misuse/misuse.h"

MISUSE(borrowing_a_null_pointer) {
  const auto program = [] {
    double* const numbers = nullptr;
    next_line_is_wrong();
    return borrow(numbers, f64, {3});
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "borrow",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "give the address of its first element",
      .message = "borrow of a null pointer as f64 array of shape (3,): give the address of its first element",
  };
  expect_eager(misuse, program);
}
