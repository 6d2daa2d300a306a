// Multiplying complex elements that several iterations share: not compiled, yet interpreted.
#include "tests/misuse/misuse.h"

MISUSE(complex_product_that_iterations_share) {
  const auto program = jit([](Array out, Array at, Array z) {
    for (Value i : prange(z.shape(0))) {
      next_line_is_wrong();
      out(at(i)) *= z(i);
    }
  });
  const Misuse misuse{
      .kind = typeid(CompileError),
      .operation = "'*='",
      .dtypes = {"c128"},
      .shapes = {"rank 1"},
      .way_out = "or use range, or update real and imaginary parts in arrays of floats",
      .message =
          "'*=' of an element of c128 array of rank 1 at an index that iterations of a prange may share is not "
          "compiled: += and -= are, whose parts add apart; or use range, or update real and imaginary parts in arrays "
          "of floats",
  };
  expect_error(misuse, "compiled", [&] { program(ones(3, c128), zeros(64, i64), ones(64, c128)); });
  EXPECT_NO_THROW(program.with({.interpret = true})(ones(3, c128), zeros(64, i64), ones(64, c128)));
}
