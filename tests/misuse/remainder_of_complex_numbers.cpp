// The remainder of complex numbers.
#include "tests/misuse/misuse.h"

MISUSE(remainder_of_complex_numbers) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a % 2;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "'%'",
      .dtypes = {"c64", "i64"},
      .shapes = {"(3,)", "scalar"},
      .way_out = "apply it to real(z), imag(z) or abs(z)",
      .message =
          "'%' of c64 array of shape (3,) and i64 scalar: it does not take complex numbers: apply it to real(z), "
          "imag(z) or abs(z)",
  };
  expect_everywhere(misuse, program, zeros(3, c64));
}
