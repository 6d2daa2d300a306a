// The one door of libkiln-llvm.so: a scheduled Program goes in, an object file comes out.
#pragma once

#include "core/ir.h"
#include "cpu/target.h"

#include <kiln/export.h>

#include <string>
#include <vector>

namespace kiln::on_cpu {

struct CompileRequest {
  const ir::Program* program;
  const Target* target;
  bool want_ir = false, want_assembly = false;
};

struct CompileResult {
  std::vector<char> object;  // ELF64 relocatable; defines `kiln_entry` (frame.h: EntryPoint)
  std::string ir, assembly;
};

}  // namespace kiln::on_cpu

/// Throws kiln::CompileError. Thread-safe.
extern "C" KILN_API void kiln_llvm_plugin(const kiln::on_cpu::CompileRequest& request,
                                          kiln::on_cpu::CompileResult& result);
