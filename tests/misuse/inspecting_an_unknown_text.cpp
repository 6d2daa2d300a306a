// Asking for a text that there is none of: the GPU has one of this name.
#include "tests/misuse/misuse.h"

MISUSE(inspecting_an_unknown_text) {
  const auto doubled = jit([](Array a) { return a * 2; }).on(cpu());
  doubled(zeros(3));
  const auto program = [&] {
    next_line_is_wrong();
    return doubled.inspect("ptx");
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "inspect(\"ptx\")",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "give \"program\", \"scheduled\", \"llvm\" or \"asm\"",
      .message = "inspect(\"ptx\"): give \"program\", \"scheduled\", \"llvm\" or \"asm\"",
  };
  expect_eager(misuse, program);
}
