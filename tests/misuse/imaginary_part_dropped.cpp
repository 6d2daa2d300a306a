// Storing complex numbers into a real array.
#include "tests/misuse/misuse.h"

MISUSE(imaginary_part_dropped) {
  const auto program = [](Array a, Array b) {
    next_line_is_wrong();
    a(rest) = b;
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "conversion",
      .dtypes = {"c128", "f64"},
      .shapes = {"(3,)"},
      .way_out = "write real(z), imag(z) or abs(z)",
      .message =
          "a conversion of c128 array of shape (3,) to f64 would drop the imaginary part: write real(z), imag(z) or "
          "abs(z)",
  };
  expect_everywhere(misuse, program, zeros(3), zeros(3, c128));
}
