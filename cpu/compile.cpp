// The plug-in's one function: Program to LLVM module to object file.
#include "cpu/codegen.h"
#include "cpu/object.h"
#include "cpu/plugin.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <string>

namespace {

// A call that hands over a whole register needs that register to be allowed in the function that calls, also where the
// generated code itself is narrower.
void allow_wide_calls(llvm::Module& module, const kiln::on_cpu::Target& target) {
  unsigned bits = static_cast<unsigned>(target.vector_bits);
  for (const llvm::Function& function : module)
    if (function.isDeclaration() && !function.isIntrinsic())
      bits = std::max(bits, static_cast<unsigned>(function.getReturnType()->getPrimitiveSizeInBits().getFixedValue()));
  if (bits == static_cast<unsigned>(target.vector_bits)) return;
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) function.addFnAttr("min-legal-vector-width", std::to_string(bits));
}

}  // namespace

extern "C" void kiln_llvm_plugin(const kiln::on_cpu::CompileRequest& request, kiln::on_cpu::CompileResult& result) {
  using namespace kiln::on_cpu;
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("kiln", *context);
  generate(*request.program, *request.target, *module);
  prepare_module(*module, *request.target);
  allow_wide_calls(*module, *request.target);
  if (request.want_ir) {
    llvm::raw_string_ostream stream(result.ir);
    module->print(stream, nullptr);
  }
  ObjectResult object = emit_object(std::move(context), std::move(module), *request.target, request.want_assembly);
  result.object = std::move(object.object);
  result.assembly = std::move(object.assembly);
}
