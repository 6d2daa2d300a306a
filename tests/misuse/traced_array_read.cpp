// Reading elements of an array that is not computed yet.
#include "tests/misuse/misuse.h"

MISUSE(traced_array_read) {
  const auto program = [](Array a) {
    const Array b = a + 1;
    next_line_is_wrong();
    return a + b.read<double>()[0];
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "read()",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "read it after the call",
      .message =
          "read() of f64 array of shape (3,) inside a traced function, where it is a symbol without numbers; read it "
          "after the call",
  };
  expect_traced(misuse, program, zeros(3));
}
