// The Programs that are compared with committed texts.
#pragma once

#include <string>
#include <vector>

namespace kiln::test {

struct Printed {
  std::string traced, scheduled;
};

struct GoldenProgram {
  const char* name;
  Printed (*print)();
};

std::vector<GoldenProgram> golden_programs();

}  // namespace kiln::test
