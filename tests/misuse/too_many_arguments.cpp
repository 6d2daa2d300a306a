// Passing forty-eight arrays.
#include "tests/misuse/misuse.h"

MISUSE(too_many_arguments) {
  struct Eight {
    Array a, b, c, d, e, f, g, h;
  };
  const auto first = jit([](Eight x, Eight, Eight, Eight, Eight, Eight) { return x.a; });
  const Array a = zeros(1);
  const Eight x{a, a, a, a, a, a, a, a};
  const auto program = [&] {
    next_line_is_wrong();
    return first(x, x, x, x, x, x);
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "arguments",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "put scalars into an array",
      .message =
          "a compiled function takes at most 40 arguments, members of structs counted; this one has 48; put scalars "
          "into an array",
  };
  expect_eager(misuse, program);
}
