// Broadcasting to fewer axes.
#include "tests/misuse/misuse.h"

MISUSE(broadcast_to_a_lower_rank) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.broadcast_to({2}).copy();
  };
  const Misuse misuse{
      .kind = typeid(ShapeError),
      .operation = "broadcast_to",
      .dtypes = {"f64"},
      .shapes = {"(3, 2)", "rank 1"},
      .way_out = "index them, as in a(0, rest)",
      .message = "broadcast_to of f64 array of shape (3, 2) to rank 1 would drop axes; index them, as in a(0, rest)",
  };
  expect_everywhere(misuse, program, zeros({3, 2}));
}
