// Optimizes an LLVM module just enough and turns it into an object in memory.
#include "cpu/object.h"

#include <mutex>
#include <utility>

#include <llvm/ADT/SmallString.h>
#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PassInstrumentation.h>
#include <llvm/IR/PassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/Mem2Reg.h>

#include <kiln/error.h>

#include "cpu/target.h"

namespace kiln::on_cpu {
namespace {

constexpr const char* triple = "x86_64-unknown-linux-gnu";

[[noreturn]] void throw_compile_error(std::string message) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  throw CompileError("LLVM: " + message);
}

// Thrown through LLVM's frames by the fatal-error handler. LLVM is built without exceptions but with unwind tables:
// its frames are skipped, their destructors do not run, so everything they may refer to has to be leaked.
struct FatalError {
  std::string message;
};

[[noreturn]] void throw_fatal_error(void*, const char* reason, bool) { throw FatalError{reason}; }

const llvm::Target& initialized_target() {
  static const llvm::Target* const found = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    // This copy of LLVM is hidden inside the plug-in, so the handler is ours alone.
    llvm::install_fatal_error_handler(throw_fatal_error);
    std::string error;
    const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
    if (target == nullptr) throw CompileError("LLVM has no x86-64 code generator: " + error);
    return target;
  }();
  return *found;
}

std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target) {
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.TrapUnreachable = false;
  // Position independent with the small model: constants are reached relative to the instruction inside the one
  // mapping the loader makes, calls go through PLT32 and so through the loader's stubs, at any distance.
  std::unique_ptr<llvm::TargetMachine> machine(
      initialized_target().createTargetMachine(triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                               llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default, true));
  if (machine == nullptr) throw CompileError("LLVM could not make a code generator for " + target.cpu);
  return machine;
}

// A target machine costs 0.2 ms and serves one compile at a time: idle ones wait here for the next compile.
class MachinePool {
 public:
  std::unique_ptr<llvm::TargetMachine> take(const Target& target) {
    {
      const std::lock_guard lock(mutex_);
      for (auto entry = idle_.begin(); entry != idle_.end(); ++entry) {
        if ((*entry)->getTargetCPU() != target.cpu || (*entry)->getTargetFeatureString() != target.features) continue;
        std::unique_ptr<llvm::TargetMachine> machine = std::move(*entry);
        idle_.erase(entry);
        return machine;
      }
    }
    return make_machine(target);
  }

  void give_back(std::unique_ptr<llvm::TargetMachine> machine) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < most_idle) idle_.push_back(std::move(machine));
  }

 private:
  static constexpr std::size_t most_idle = 16;
  std::mutex mutex_;
  std::vector<std::unique_ptr<llvm::TargetMachine>> idle_;
};

MachinePool& machine_pool() {
  static MachinePool& pool = *new MachinePool;  // never destroyed: another thread may compile during exit
  return pool;
}

// Without a handler LLVM prints an error and ends the process.
class ErrorCollector final : public llvm::DiagnosticHandler {
 public:
  explicit ErrorCollector(std::string& errors) : errors_(errors) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo& diagnostic) override {
    if (diagnostic.getSeverity() != llvm::DS_Error) return true;
    llvm::raw_string_ostream stream(errors_);
    llvm::DiagnosticPrinterRawOStream printer(stream);
    if (!errors_.empty()) stream << "; ";
    diagnostic.print(printer);
    return true;
  }

 private:
  std::string& errors_;
};

// The handler refers to a local of the compile, so the context gets its own back whatever happens.
class CollectErrors {
 public:
  explicit CollectErrors(llvm::LLVMContext& context) : context_(context), before_(context.getDiagnosticHandler()) {
    context_.setDiagnosticHandler(std::make_unique<ErrorCollector>(errors_));
  }
  ~CollectErrors() { context_.setDiagnosticHandler(std::move(before_)); }
  CollectErrors(const CollectErrors&) = delete;
  CollectErrors& operator=(const CollectErrors&) = delete;

  void throw_if_any() const {
    if (!errors_.empty()) throw_compile_error(errors_);
  }

 private:
  llvm::LLVMContext& context_;
  std::unique_ptr<llvm::DiagnosticHandler> before_;
  std::string errors_;
};

// The analyses these passes ask for, registered by hand: PassBuilder would pull every pass of LLVM into the plug-in.
// No pass here may change a floating-point value, and none does: no flag on any instruction allows it.
struct Passes {
  Passes(llvm::TargetMachine& machine, bool has_arrays) {
    analyses.registerPass([] { return llvm::PassInstrumentationAnalysis(); });
    analyses.registerPass([] { return llvm::DominatorTreeAnalysis(); });
    analyses.registerPass([] { return llvm::AssumptionAnalysis(); });
    analyses.registerPass([] { return llvm::TargetLibraryAnalysis(); });
    analyses.registerPass([&machine] { return machine.getTargetIRAnalysis(); });
    if (has_arrays) pipeline.addPass(llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
    pipeline.addPass(llvm::PromotePass());
    pipeline.addPass(llvm::EarlyCSEPass());
    pipeline.addPass(llvm::SimplifyCFGPass());
  }

  llvm::FunctionAnalysisManager analyses;
  llvm::FunctionPassManager pipeline;
};

// Whether a function has arrays of vectors of its own, whose elements may become registers.
bool has_arrays(const llvm::Module& module) {
  for (const llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    for (const llvm::Instruction& instruction : function.getEntryBlock())
      if (const auto* local = llvm::dyn_cast<llvm::AllocaInst>(&instruction))
        if (local->getAllocatedType()->isArrayTy() && local->getAllocatedType()->getArrayElementType()->isVectorTy())
          return true;
  }
  return false;
}

void run_passes(llvm::Module& module, llvm::TargetMachine& machine) {
  auto passes = std::make_unique<Passes>(machine, has_arrays(module));
  Passes* const running = passes.release();  // on a fatal error it is leaked
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) running->pipeline.run(function, running->analyses);
  delete running;
}

llvm::SmallVector<char, 0> run_codegen(llvm::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type) {
  // On the heap and leaked if LLVM gives up half-way: a pass manager interrupted in the middle cannot be destroyed.
  auto* const output = new llvm::SmallVector<char, 0>;
  auto* const stream = new llvm::raw_svector_ostream(*output);
  auto* const passes = new llvm::legacy::PassManager;
  if (machine.addPassesToEmitFile(*passes, *stream, nullptr, type))
    throw CompileError("LLVM cannot emit this file type");
  passes->run(module);
  llvm::SmallVector<char, 0> result = std::move(*output);
  delete passes;
  delete stream;
  delete output;
  return result;
}

[[maybe_unused]] void verify(const llvm::Module& module) {
  std::string problems;
  llvm::raw_string_ostream stream(problems);
  if (llvm::verifyModule(module, &stream)) throw InternalError("the generated LLVM module is not valid: " + problems);
}

ObjectResult emit(llvm::Module& module, llvm::TargetMachine& machine, bool want_assembly) {
  const CollectErrors errors(module.getContext());
#ifndef NDEBUG
  verify(module);
#endif
  ObjectResult result;
  run_passes(module, machine);
  if (want_assembly) {
    // Code generation consumes the module, so the text is made from a copy; it is leaked on a fatal error, like the
    // rest.
    llvm::Module* const copy = llvm::CloneModule(module).release();
    const auto text = run_codegen(*copy, machine, llvm::CodeGenFileType::AssemblyFile);
    delete copy;
    result.assembly.assign(text.begin(), text.end());
  }
  const auto object = run_codegen(module, machine, llvm::CodeGenFileType::ObjectFile);
  errors.throw_if_any();
  result.object.assign(object.begin(), object.end());
  return result;
}

// Compiles; on LLVM's fatal error `abandon` is called first, for what must not be destroyed any more.
template <typename Abandon>
ObjectResult emit_guarded(llvm::Module& module, const Target& target, bool want_assembly, Abandon abandon) {
  std::unique_ptr<llvm::TargetMachine> machine = machine_pool().take(target);
  machine->setOptLevel(target.quick ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default);
  try {
    ObjectResult result = emit(module, *machine, want_assembly);
    machine_pool().give_back(std::move(machine));
    return result;
  } catch (const FatalError& error) {
    static_cast<void>(machine.release());
    abandon();
    throw_compile_error(error.message);
  }
}

}  // namespace

void prepare_module(llvm::Module& module, const Target& target) {
  std::unique_ptr<llvm::TargetMachine> machine = machine_pool().take(target);
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  machine_pool().give_back(std::move(machine));
  const std::string width = std::to_string(target.vector_bits);
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
    function.addFnAttr("tune-cpu", target.tune_cpu);
    // Wider vectors are split into registers of this width, also where the processor has wider ones.
    function.addFnAttr("min-legal-vector-width", width);
    function.addFnAttr("prefer-vector-width", width);
    // With its own register for the frame, a function can align its stack: spilled vectors stay within a cache line.
    function.addFnAttr("frame-pointer", "all");
    // No unwind tables: nothing throws through a kernel, and the loader registers none.
    function.setDoesNotThrow();
    function.removeFnAttr(llvm::Attribute::UWTable);
  }
}

ObjectResult emit_object(llvm::Module& module, const Target& target, bool want_assembly) {
  return emit_guarded(module, target, want_assembly, [] {});
}

ObjectResult emit_object(std::unique_ptr<llvm::LLVMContext> context, std::unique_ptr<llvm::Module> module,
                         const Target& target, bool want_assembly) {
  // Locals, because the order in which parameters die is unspecified and the module has to die first.
  std::unique_ptr<llvm::LLVMContext> owned_context = std::move(context);
  std::unique_ptr<llvm::Module> owned_module = std::move(module);
  return emit_guarded(*owned_module, target, want_assembly, [&] {
    static_cast<void>(owned_module.release());
    static_cast<void>(owned_context.release());
  });
}

}  // namespace kiln::on_cpu
