// Asking for vectors of 100 bits.
#include "tests/misuse/misuse.h"

MISUSE(vector_width_that_does_not_exist) {
  const auto doubled = jit([](Array a) { return a * 2; });
  const auto program = [&] {
    next_line_is_wrong();
    return doubled.with({.vector_bits = 100})(zeros(3));
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "vector_bits",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "it must be 128, 256 or 512, or 0 for the machine's own",
      .message = "the option vector_bits is 100: it must be 128, 256 or 512, or 0 for the machine's own",
  };
  expect_eager(misuse, program);
}
