// Uses an LLVM of the program's own, before and after Kiln's is loaded: the two must not meet.
#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include <string>

bool other_llvm_compiles() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();

  LLVMContextRef context = LLVMContextCreate();
  LLVMModuleRef module = LLVMModuleCreateWithNameInContext("other", context);
  LLVMTypeRef type = LLVMInt32TypeInContext(context);
  LLVMValueRef function = LLVMAddFunction(module, "plus_one", LLVMFunctionType(type, &type, 1, 0));
  LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
  LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(context, function, "entry"));
  LLVMBuildRet(builder, LLVMBuildAdd(builder, LLVMGetParam(function, 0), LLVMConstInt(type, 1, 0), "sum"));

  const char* triple = "x86_64-unknown-linux-gnu";
  LLVMTargetRef target = nullptr;
  char* message = nullptr;
  std::string assembly;
  if (LLVMGetTargetFromTriple(triple, &target, &message) == 0) {
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(target, triple, "x86-64", "", LLVMCodeGenLevelDefault,
                                                           LLVMRelocPIC, LLVMCodeModelDefault);
    LLVMMemoryBufferRef buffer = nullptr;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMAssemblyFile, &message, &buffer) == 0) {
      assembly.assign(LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
      LLVMDisposeMemoryBuffer(buffer);
    }
    LLVMDisposeTargetMachine(machine);
  }
  LLVMDisposeBuilder(builder);
  LLVMDisposeModule(module);
  LLVMContextDispose(context);
  return assembly.find("plus_one:") != std::string::npos;
}
