// Reading a sum while other iterations add to it.
#include "tests/misuse/misuse.h"

MISUSE(prange_reduction_read_in_the_loop) {
  const auto program = [](Array a) {
    Var s = 0.0;
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      s += a(i);
      a(i) = s;
    }
    return s;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "prange",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "use only one of +=, *=, &=, |=, ^=, .min or .max (a reduction), or declare the Var inside",
      .message =
          "a prange iteration cannot both update and read a Var declared outside it (f64 scalar); use only one of +=, "
          "*=, &=, |=, ^=, .min or .max (a reduction), or declare the Var inside",
  };
  expect_traced(misuse, program, zeros(3));
}
