// A plan's text in units, each a text of its own for NVRTC, that are compiled side by side.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kiln::on_cuda {

/// The kernels of `source` shared out to at most `most` texts, as many as pay: none takes much longer to compile than
/// the kernel that takes longest. Each begins with what is declared for all. The order of kernels is kept within a
/// unit.
std::vector<std::string> units(const std::string& source, std::size_t most);

/// compile() of each text to a cubin, on as many threads as there are cores. Throws what the first of them throws.
std::vector<std::string> compile_units(const std::vector<std::string>& texts, int architecture);

}  // namespace kiln::on_cuda
