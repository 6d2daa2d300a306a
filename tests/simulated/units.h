// Units: many collected programs compiled at once.
#pragma once

#include "tests/simulated/host_compiler.h"

#include <string>

namespace kiln::simulated {

// Notes the program in the folder, unless it is kept already or cannot be part of a unit.
void collect(const CompilerInput& input, const std::string& folder);

// Compiles all that the folder has, on all cores, and keeps it; removes the folder. How many programs there were.
unsigned long long compile_collected(const std::string& folder);

}  // namespace kiln::simulated
