// Loading a text file.
#include "tests/misuse/misuse.h"

#include <cstdio>
#include <fstream>

MISUSE(file_that_is_no_npy_file) {
  const std::string path = testing::TempDir() + "kiln-misuse-numbers.csv";
  std::ofstream(path) << "1,2,3\n4,5,6\n";
  const auto program = [&] {
    next_line_is_wrong();
    return load(path.c_str());
  };
  const Misuse misuse{
      .kind = typeid(RuntimeError),
      .operation = "load(\"" + path + "\")",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "write it with numpy.save",
      .message = "load(\"" + path +
                 "\"): this is not a .npy file, it does not begin with \\x93NUMPY; write it with numpy.save",
  };
  expect_eager(misuse, program);
  std::remove(path.c_str());
}
