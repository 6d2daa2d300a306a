// Assigning to an Array in a loop, which rebinds it once.
#include "tests/misuse/misuse.h"

MISUSE(array_rebound_in_a_loop) {
  const auto program = [](Array a, Value n) {
    Array z = zeros_like(a);
    for (Value t : range(n)) {
      next_line_is_wrong();
      z = z + a * t;
    }
    return z;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'='",
      .dtypes = {"f64"},
      .shapes = {"(3,)"},
      .way_out = "write x(rest) = … to store into it, or kiln::swap(a, b) to exchange two",
      .message =
          "'=' of f64 array of shape (3,): an Array declared outside a traced loop or branch is rebound inside it, "
          "which happens once, while tracing: write x(rest) = … to store into it, or kiln::swap(a, b) to exchange two",
  };
  expect_traced(misuse, program, zeros(3), 2);
}
