// Starting the test program again.
#include "tests/dispatch/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>

namespace kiln::test {

namespace {

std::map<std::string, ChildFunction>& children() {
  static std::map<std::string, ChildFunction> all;
  return all;
}

[[noreturn]] void become(const std::string& name, const std::vector<std::pair<std::string, std::string>>& environment) {
  for (const auto& [variable, value] : environment) {
    if (value.empty())
      unsetenv(variable.c_str());
    else
      setenv(variable.c_str(), value.c_str(), 1);
  }
  const std::string option = "--child=" + name;
  execl("/proc/self/exe", "kiln-dispatch", option.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

}  // namespace

RegisterChild::RegisterChild(const char* name, ChildFunction function) { children()[name] = function; }

ChildFunction child_named(const std::string& name) {
  const auto found = children().find(name);
  if (found == children().end()) throw std::out_of_range("no child is named " + name);
  return found->second;
}

ChildResult run_child(const std::string& name, const std::vector<std::pair<std::string, std::string>>& environment,
                      const std::function<void()>& before) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    if (before) before();
    become(name, environment);
  }
  close(ends[1]);
  ChildResult result;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    result.output.append(buffer.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace kiln::test
