// Making an array whose size in bytes is no number.
#include "tests/misuse/misuse.h"

MISUSE(array_larger_than_any_memory) {
  const auto program = [](Value n) {
    next_line_is_wrong();
    return zeros({n, n}, f32);
  };
  const Misuse misuse{
      .kind = typeid(RuntimeError),
      .operation = "a new",
      .dtypes = {"f32"},
      .shapes = {"(1125899906842624, 1125899906842624)"},
      .way_out = "work on fewer elements at a time",
      .message =
          "no memory for a new f32 array of shape (1125899906842624, 1125899906842624), 9223372036854775807 bytes or "
          "more; work on fewer elements at a time",
  };
  expect_everywhere(misuse, program, std::int64_t{1} << 50);
}
