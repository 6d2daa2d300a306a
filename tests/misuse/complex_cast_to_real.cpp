// Casting complex numbers to real ones.
#include "tests/misuse/misuse.h"

MISUSE(complex_cast_to_real) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.astype(f32);
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "conversion",
      .dtypes = {"c64", "f32"},
      .shapes = {"(3,)"},
      .way_out = "write real(z), imag(z) or abs(z)",
      .message =
          "a conversion of c64 array of shape (3,) to f32 would drop the imaginary part: write real(z), imag(z) or "
          "abs(z)",
  };
  expect_everywhere(misuse, program, zeros(3, c64));
}
