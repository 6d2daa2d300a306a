// Programs as they are traced and scheduled, compared with committed texts: a change of a pass shows here as a
// difference that somebody has to read. KILN_UPDATE_GOLDEN=1 writes the texts anew.
#include "tests/golden/programs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace kiln::test {
namespace {

bool is_update() {
  const char* flag = std::getenv("KILN_UPDATE_GOLDEN");
  return flag && std::string(flag) == "1";
}

// The first line names the user's file and line, which are no part of the Program.
std::string without_name(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) out += (line.starts_with("program ") ? "program" : line) + "\n";
  return out;
}

class Golden : public testing::TestWithParam<GoldenProgram> {};

TEST_P(Golden, Text) {
  const GoldenProgram& program = GetParam();
  const Printed printed = program.print();
  const std::string now =
      "# as traced\n" + without_name(printed.traced) + "\n# as scheduled\n" + without_name(printed.scheduled);
  const std::string path = std::string(KILN_TESTS_FOLDER) + "/golden/" + program.name + ".txt";
  if (is_update()) {
    std::ofstream(path) << now;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing; KILN_UPDATE_GOLDEN=1 writes it";
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(expected.str(), now) << "if the change is meant, write " << path << " with KILN_UPDATE_GOLDEN=1";
}

INSTANTIATE_TEST_SUITE_P(Programs, Golden, testing::ValuesIn(golden_programs()),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace kiln::test
