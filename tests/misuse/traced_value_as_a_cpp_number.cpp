// Making a C++ number of a Value that is not computed yet.
#include "tests/misuse/misuse.h"

MISUSE(traced_value_as_a_cpp_number) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    const int n = static_cast<int>(a.shape(0) + 1);
    return a + n;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "C++ number",
      .dtypes = {"i64"},
      .shapes = {"scalar"},
      .way_out = "return it, or keep computing with Values",
      .message =
          "a Value of a traced function (i64 scalar) is read as a C++ number, which it does not have yet; return it, "
          "or keep computing with Values",
  };
  expect_traced(misuse, program, zeros(3));
}
