// Saving into a folder that is not there.
#include "tests/misuse/misuse.h"

MISUSE(saving_into_a_missing_folder) {
  const auto program = [] {
    next_line_is_wrong();
    save("/no/such/folder/result.npy", arange(3));
  };
  const Misuse misuse{
      .kind = typeid(RuntimeError),
      .operation = "save(\"/no/such/folder/result.npy\")",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "check the path",
      .message =
          "save(\"/no/such/folder/result.npy\"): cannot create the file: No such file or directory; check the path",
  };
  expect_eager(misuse, program);
}
