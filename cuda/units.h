// A plan's text in units, each a text of its own for NVRTC, that are compiled side by side.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kiln::on_cuda {

struct Unit {
  std::string text;
  std::vector<std::string> kernels;  // their names
};

/// The kernels of `source` shared out to at most `most` units, as many as pay: none takes much longer to compile than
/// the kernel that takes longest. Each text begins with what is declared for all, and has its kernels in the order of
/// `source`.
std::vector<Unit> units(const std::string& source, std::size_t most);

/// compile() of those texts whose cubin is empty, on as many threads as there are cores. Throws what the first of them
/// throws.
void compile_units(const std::vector<Unit>& units, int architecture, std::vector<std::string>& cubins);

}  // namespace kiln::on_cuda
