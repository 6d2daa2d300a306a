// Kernels from their text: NVRTC, for the architecture of a device.
#pragma once

#include <string>
#include <vector>

namespace kiln::on_cuda {

/// What generated kernels are written in (prelude.cuh, prelude_reductions.cuh).
extern const char prelude[];

enum class Output { cubin, ptx };

/// Compiles generated text, the prelude in front of it, for `architecture` (90: sm_90). Throws CompileError; an error
/// in the text is InternalError, with NVRTC's words. `report`, if any, gets what the assembler says of each kernel:
/// registers, stack, spills.
std::string compile(const std::string& source, int architecture, Output output, std::string* report = nullptr);

/// Compiles nothing: what NVRTC does once in a process, 20 to 40 ms, is then done.
void start_compiler() noexcept;

/// What it asks NVRTC for in every compile.
std::vector<const char*> compile_options();

/// The largest architecture this NVRTC compiles for that a device of `architecture` runs; 0 if there is none.
int nearest_architecture(int architecture);

}  // namespace kiln::on_cuda
