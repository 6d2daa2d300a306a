// Borrowing numbers at an address that is not one of a double.
#include "tests/misuse/misuse.h"

#include <cstddef>

MISUSE(borrowing_a_misaligned_pointer) {
  const auto program = [] {
    alignas(8) static std::byte bytes[32];
    next_line_is_wrong();
    return borrow(bytes + 1, f64, {3});
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "borrow",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "copy the bytes into an array of f64",
      .message =
          "borrow as f64 array of shape (3,) of memory at an address that is no multiple of 8; copy the bytes into an "
          "array of f64",
  };
  expect_eager(misuse, program);
}
