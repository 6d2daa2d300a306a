// Loading a file whose end is missing.
#include "tests/misuse/misuse.h"

#include <cstdio>
#include <filesystem>

MISUSE(truncated_npy_file) {
  const std::string path = testing::TempDir() + "kiln-misuse-truncated.npy";
  save(path.c_str(), arange(100));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 8);
  const auto program = [&] {
    next_line_is_wrong();
    return load(path.c_str());
  };
  const Misuse misuse{
      .kind = typeid(RuntimeError),
      .operation = "load(\"" + path + "\")",
      .dtypes = nothing,
      .shapes = nothing,
      .way_out = "copy or write it again",
      .message = "load(\"" + path +
                 "\"): the file is truncated in its elements: it has 920 bytes and needs 928; copy or write it again",
  };
  expect_eager(misuse, program);
  std::remove(path.c_str());
}
