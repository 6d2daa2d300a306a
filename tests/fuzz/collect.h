// Kernels of many random programs compiled at once, where NVRTC is the simulated one.
#pragma once

#include <functional>

namespace kiln::fuzz {

/// Calls `run` in a child in which every kernel's text is collected and refused, then has the texts compiled together:
/// calls that follow find them. Nothing where NVRTC is a real one.
void compile_together(const std::function<void()>& run);

}  // namespace kiln::fuzz
