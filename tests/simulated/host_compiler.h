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

// What it is made of.

std::string key_of(const CompilerInput& input);
bool is_kept(const CompilerInput& input);
// The line that gives the text its name, and its first line a number.
std::string begin_of(const CompilerInput& input, int line);
// The shared object of a program, empty where it is refused; what the compiler says goes to `log`.
std::string object_of(const CompilerInput& input, const std::string& program, std::string& log);
// `bytes` are a shared object, or the path of one in which the program has this number.
std::string cubin_of(const CompilerInput& input, unsigned number, const std::string& bytes);
// A file of the folder, published by rename; its path.
std::string keep(const std::string& name, const std::string& bytes);

}  // namespace kiln::simulated
