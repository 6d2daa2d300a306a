// Asking for machine code where the function was only interpreted.
#include "tests/misuse/misuse.h"

MISUSE(inspecting_the_code_of_an_interpreted_call) {
  const auto doubled = jit([](Array a) { return a * 2; });
  doubled.with({.interpret = true})(zeros(3));
  const auto program = [&] {
    next_line_is_wrong();
    return doubled.inspect("asm");
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "inspect(\"asm\")",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "make a compiled call first",
      .message =
          "inspect(\"asm\"): the newest specialization is interpreted and has a \"program\" only; make a compiled call "
          "first",
  };
  expect_eager(misuse, program);
}
