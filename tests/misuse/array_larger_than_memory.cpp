// Making an array of nine petabytes.
#include "tests/misuse/misuse.h"

MISUSE(array_larger_than_memory) {
  const auto program = [](Value n) {
    next_line_is_wrong();
    return zeros(n);
  };
  const Misuse misuse{
      .kind = typeid(RuntimeError),
      .operation = "a new",
      .dtypes = {"f64"},
      .shapes = {"(1125899906842624,)"},
      .way_out = "work on fewer elements at a time",
      .message =
          "no memory for a new f64 array of shape (1125899906842624,), 9007199254740992 bytes; work on fewer elements "
          "at a time",
  };
  expect_everywhere(misuse, program, std::int64_t{1} << 50);
}
