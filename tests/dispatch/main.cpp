// Runs the tests, or, as a child of one of them, a named part in a process of its own: kiln-dispatch --child=NAME
#include "tests/dispatch/child.h"

#include <gtest/gtest.h>

#include <cstring>
#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  constexpr const char* option = "--child=";
  if (argc == 2 && std::strncmp(argv[1], option, std::strlen(option)) == 0) {
    try {
      return kiln::test::child_named(argv[1] + std::strlen(option))();
    } catch (const std::exception& e) {
      std::cout << "exception: " << e.what() << std::endl;
      return 99;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
