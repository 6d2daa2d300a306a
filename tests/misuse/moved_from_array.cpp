// Using an Array after a move.
#include "tests/misuse/misuse.h"

#include <utility>

MISUSE(moved_from_array) {
  const auto program = [](Array a) {
    const Array b = std::move(a);
    next_line_is_wrong();
    return a * b;  // NOLINT(bugprone-use-after-move)
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'*'",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "assign an array to it first",
      .message = "'*': this Array has no elements yet: assign an array to it first",
  };
  expect_everywhere(misuse, program, zeros(3));
}
