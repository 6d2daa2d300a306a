// Parts of tests that need a process of their own: the program starts itself again with an environment.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace kiln::test {

using ChildFunction = int (*)();

/// Names a function that a child process can run; it returns the exit status and prints what the test looks at.
struct RegisterChild {
  RegisterChild(const char* name, ChildFunction function);
};
ChildFunction child_named(const std::string& name);

struct ChildResult {
  int status = -1;  // exit status; 128 + the signal's number if it died
  std::string output;
};

/// Runs a registered child with these variables added to the environment; an empty value takes the variable away.
/// `before` runs in the process that is to become the child.
ChildResult run_child(const std::string& name, const std::vector<std::pair<std::string, std::string>>& environment,
                      const std::function<void()>& before = {});

}  // namespace kiln::test
