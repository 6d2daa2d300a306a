// Loading a file that is not there.
#include "tests/misuse/misuse.h"

MISUSE(missing_file) {
  const auto program = [] {
    next_line_is_wrong();
    return load("/no/such/file.npy");
  };
  const Misuse misuse{
      .kind = typeid(RuntimeError),
      .operation = "load(\"/no/such/file.npy\")",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "check the path",
      .message = "load(\"/no/such/file.npy\"): cannot open the file: No such file or directory; check the path",
  };
  expect_eager(misuse, program);
}
