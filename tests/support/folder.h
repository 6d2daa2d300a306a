// Where the tests' reference values are: beside the sources, or where KILN_TESTS says, once the programs were carried
// away.
#pragma once

#include <cstdlib>
#include <string>

namespace kiln::test {

inline std::string tests_folder() {
  const char* const said = std::getenv("KILN_TESTS");
  return said ? said : KILN_TESTS_FOLDER;
}

}  // namespace kiln::test
