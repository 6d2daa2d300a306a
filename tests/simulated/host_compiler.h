// The host's C++ compiler as the compiler of simulated device programs, and the folder that keeps what it made.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace kiln::simulated {

struct CompilerInput {
  std::string text;
  std::string name;                                          // of the program, for messages
  int architecture = 0;                                      // 90 for sm_90
  std::vector<std::string> definitions;                      // -D…, -U…, -I…
  std::vector<std::pair<std::string, std::string>> headers;  // name and text
};

struct CompilerOutput {
  bool compiled = false;
  bool from_cache = false;
  std::string log;
  std::string cubin;
};

CompilerOutput compile(const CompilerInput& input);

}  // namespace kiln::simulated
