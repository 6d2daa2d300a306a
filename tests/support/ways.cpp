// Reads the environment once.
#include "tests/support/ways.h"

#include <cstdlib>
#include <string>

namespace kiln::tests {

Ways ways() {
  static const Ways asked = [] {
    const char* const text = std::getenv("KILN_TEST_WAYS");
    return text == nullptr ? Ways::all : std::string(text) == "few" ? Ways::few : Ways::pairs;
  }();
  return asked;
}

}  // namespace kiln::tests
