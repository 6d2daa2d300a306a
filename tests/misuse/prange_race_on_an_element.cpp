// Dividing elements that several iterations may share.
#include "tests/misuse/misuse.h"

MISUSE(prange_race_on_an_element) {
  const auto program = [](Array a, Array at) {
    for (Value i : prange(at.shape(0))) {
      next_line_is_wrong();
      a(at(i)) /= 2;
    }
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'/='",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "use range, or +=, -=, *=, .min or .max, which never race",
      .message =
          "'/=' of an element of f64 array of shape (3,) inside prange, at an index that the iteration reads: others "
          "may update the same element at the same time; use range, or +=, -=, *=, .min or .max, which never race",
  };
  expect_traced(misuse, program, zeros(3), zeros(9, i64));
}
