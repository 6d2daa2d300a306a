// Saving bf16, which .npy has no name for.
#include "tests/misuse/misuse.h"

MISUSE(dtype_without_an_npy_name) {
  const std::string path = testing::TempDir() + "kiln-misuse-bf16.npy";
  const auto program = [&] {
    next_line_is_wrong();
    save(path.c_str(), zeros(3, bf16));
  };
  const Misuse misuse{
      .kind = typeid(DTypeError),
      .operation = "save(\"" + path + "\", a)",
      .dtypes = {"bf16"},
      .shapes = {"(3,)"},
      .way_out = "save a.astype(f32)",
      .message =
          "save(\"" + path + "\", a) of bf16 array of shape (3,): .npy has no name for its dtype; save a.astype(f32)",
  };
  expect_eager(misuse, program);
}
