// Keeping a Value of a traced function for later.
#include "tests/misuse/misuse.h"

#include <vector>

MISUSE(value_used_after_its_trace) {
  static std::vector<Value> kept;
  jit([](Array a) {
    kept.push_back(a(0) + 1);
    return a;
  })(zeros(3));
  const auto program = [] {
    next_line_is_wrong();
    return kept[0] + 1;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "'+'",
      .dtypes = {"f64"},
      .shapes = {"scalar"},
      .way_out = "return it instead",
      .message = "'+' of a Value of a traced function (f64 scalar) after its trace has ended: return it instead",
  };
  expect_eager(misuse, program);
}
