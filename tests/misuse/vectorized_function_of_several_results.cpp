// A vectorized function that returns two numbers.
#include "tests/misuse/misuse.h"

#include <tuple>

MISUSE(vectorized_function_of_several_results) {
  next_line_is_wrong();
  const auto both = vectorize([](Value x) { return std::tuple(x, Value(x + 1)); });
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "vectorize",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "use jit for several results",
      .message = "a function given to vectorize returns one Value, not 2; use jit for several results",
  };
  expect_error(misuse, "compiled", [&] { (void)both(zeros(3)); });
}
