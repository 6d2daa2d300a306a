// Running this program again as a child process, with other arguments and environment, and reading what it prints.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace demo {

/// Returns the child's standard output; its standard error goes to ours. Throws std::runtime_error if it fails.
std::string run_again(const std::vector<std::string>& arguments,
                      const std::vector<std::pair<std::string, std::string>>& environment);

}  // namespace demo
