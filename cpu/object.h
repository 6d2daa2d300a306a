// LLVM module in, machine code out: the half of the compiler plug-in that knows nothing of Kiln's Program.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
}  // namespace llvm

namespace kiln::on_cpu {

struct Target;

struct ObjectResult {
  std::vector<char> object;  // an ELF64 relocatable, for LoadedObject::load
  std::string assembly;      // only if asked for
};

// Sets triple, data layout and the attributes every kernel function shares. Call it after the functions exist (it
// covers those with a body); emit_object expects it.
void prepare_module(llvm::Module& module, const Target& target);

// Optimizes and compiles the module, which is changed on the way. Any number of threads may call it, each with its own
// context. Throws CompileError for what LLVM refuses and InternalError (debug builds) for a module that is not valid.
// After LLVM's own "fatal error" the module and its context must not be destroyed (frames of LLVM that still refer to
// them were skipped): the owning overload sees to that, prefer it.
ObjectResult emit_object(llvm::Module& module, const Target& target, bool want_assembly);
ObjectResult emit_object(std::unique_ptr<llvm::LLVMContext> context, std::unique_ptr<llvm::Module> module,
                         const Target& target, bool want_assembly);

}  // namespace kiln::on_cpu
