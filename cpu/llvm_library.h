// The plug-in with LLVM in it, opened on the first compile that misses the disk cache.
#pragma once

#include "cpu/plugin.h"

#include <string>

namespace kiln::on_cpu {

/// Compiles through libkiln-llvm.so, which lies beside this library. Throws CompileError; RuntimeError if the plug-in
/// cannot be opened, with the system's reason.
void compile_with_llvm(const CompileRequest& request, CompileResult& result);

/// Which build of the plug-in this is, without opening it: Kiln's version and the file's size and time, so that code
/// made by another code generator or another LLVM is not taken for its own.
std::string llvm_library_version();

}  // namespace kiln::on_cpu
