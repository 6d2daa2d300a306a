// Every iteration assigns one Var.
#include "tests/misuse/misuse.h"

MISUSE(prange_race_on_a_var) {
  const auto program = [](Array a) {
    Var last = 0.0;
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      last = a(i);
    }
    return last;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "prange",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "use only one of +=, *=, &=, |=, ^=, .min or .max (a reduction), or declare the Var inside",
      .message =
          "a prange iteration cannot assign a Var declared outside it (f64 scalar); use only one of +=, *=, &=, |=, "
          "^=, .min or .max (a reduction), or declare the Var inside",
  };
  expect_traced(misuse, program, zeros(3));
}
