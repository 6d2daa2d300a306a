// The extent of a traced array as a C++ number.
#include "tests/misuse/misuse.h"

MISUSE(extent_of_a_traced_array) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a + static_cast<double>(a.extent(0));
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "extent()",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "write shape(axis), a Value",
      .message =
          "extent() of f64 array of shape (3,) inside a traced function, where it is a symbol without numbers; write "
          "shape(axis), a Value",
  };
  expect_traced(misuse, program, zeros(3));
}
