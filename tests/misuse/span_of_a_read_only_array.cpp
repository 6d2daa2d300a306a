// A span to write into an array that is read-only.
#include "tests/misuse/misuse.h"

MISUSE(span_of_a_read_only_array) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.write<double>();
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "write()",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "copy() it first",
      .message = "write() of f64 array of shape (3,), which is read-only; copy() it first",
  };
  expect_eager(misuse, program, zeros(3).as_read_only());
}
