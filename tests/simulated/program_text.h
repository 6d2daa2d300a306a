// The text of a CUDA program, made ready for the host's compiler: kernels registered, dynamic shared arrays declared.
#pragma once

#include <string>
#include <string_view>

namespace kiln::simulated {

// Keeps the numbering of lines. Kernels are those with C linkage, as only their names can be looked up without a
// mangled one.
std::string translated(std::string_view text);

}  // namespace kiln::simulated
