// Reading a complex number as a double.
#include "tests/misuse/misuse.h"

MISUSE(complex_number_as_a_double) {
  const auto program = [](Array z) {
    next_line_is_wrong();
    return Value(z(0)).as_double();
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "conversion",
      .dtypes = {"c64", "f64"},
      .shapes = {"scalar"},
      .way_out = "write real(z), imag(z) or abs(z)",
      .message = "a conversion of c64 scalar to f64 would drop the imaginary part: write real(z), imag(z) or abs(z)",
  };
  expect_eager(misuse, program, zeros(3, c64));
}
