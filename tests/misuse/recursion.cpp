// A traced function that calls itself.
#include "tests/misuse/misuse.h"

namespace {

Value factorial(Value n);
const auto traced_factorial = jit<factorial>();

Value factorial(Value n) {
  next_line_is_wrong();
  return n * traced_factorial(n - 1);
}

}  // namespace

MISUSE(recursion) {
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "calls itself",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "write a loop",
      .message = "a traced function calls itself: recursion cannot be traced; write a loop",
  };
  expect_traced(misuse, [](Value n) { return traced_factorial(n); }, 5);
}
