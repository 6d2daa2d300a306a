// The plug-in with LLVM in it, opened on the first compile that misses the disk cache.
#pragma once

#include "cpu/plugin.h"

namespace kiln::cpu {

/// Compiles through libkiln-llvm.so, which lies beside this library. Throws CompileError; RuntimeError if the plug-in
/// cannot be opened, with the system's reason.
void compile_with_llvm(const CompileRequest& request, CompileResult& result);

}  // namespace kiln::cpu
