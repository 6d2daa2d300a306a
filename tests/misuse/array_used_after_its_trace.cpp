// Keeping an Array of a traced function for later.
#include "tests/misuse/misuse.h"

#include <vector>

MISUSE(array_used_after_its_trace) {
  static std::vector<Array> kept;
  jit([](Array a) {
    kept.push_back(a + 1);
    return a;
  })(zeros(3));
  const auto program = [] {
    next_line_is_wrong();
    return kept[0] + 1;
  };
  const Misuse misuse{
      .kind = typeid(UsageError),
      .operation = "Array",
      .dtypes = {"f64"},
      .shapes = {"rank 1"},
      .way_out = "return it instead",
      .message =
          "an Array of a traced function (f64 array of rank 1) is used after its trace has ended: return it instead",
  };
  expect_eager(misuse, program);
}
