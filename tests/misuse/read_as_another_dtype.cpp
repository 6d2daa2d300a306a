// Reading doubles as floats.
#include "tests/misuse/misuse.h"

MISUSE(read_as_another_dtype) {
  const auto program = [](Array a) {
    next_line_is_wrong();
    return a.read<float>();
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "read()",
      .dtypes = {"f64", "f32"},
      .shapes = {"(3,)"},
      .way_out = "astype(f32) converts it",
      .message = "read() of f64 array of shape (3,) as f32; astype(f32) converts it",
  };
  expect_eager(misuse, program, zeros(3));
}
