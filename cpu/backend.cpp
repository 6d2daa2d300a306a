// The CPU's backend: the disk cache, the compiler behind it, the loader, and memory.
#include "core/backend.h"

#include "backends/disk_cache.h"
#include "backends/program_bytes.h"
#include "core/config.h"
#include "core/error_text.h"
#include "cpu/launch.h"
#include "cpu/llvm_library.h"
#include "cpu/loader.h"
#include "cpu/memory.h"
#include "cpu/target.h"
#include "cpu/thread_pool.h"
#include "cpu/vector_math.h"

#include <kiln/error.h>

#include <kiln/inspect.h>

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstring>

namespace kiln::on_cpu {

namespace {

void* resolve(const char* name) {
  if (void* math = resolve_math_symbol(name)) return math;
  // What LLVM itself may call.
  if (std::strcmp(name, "memcpy") == 0)
    return reinterpret_cast<void*>(static_cast<void* (*)(void*, const void*, std::size_t)>(&std::memcpy));
  if (std::strcmp(name, "memmove") == 0)
    return reinterpret_cast<void*>(static_cast<void* (*)(void*, const void*, std::size_t)>(&std::memmove));
  if (std::strcmp(name, "memset") == 0)
    return reinterpret_cast<void*>(static_cast<void* (*)(void*, int, std::size_t)>(&std::memset));
  return nullptr;
}

class CpuExecutable final : public Executable {
 public:
  CpuExecutable(std::unique_ptr<LoadedObject> object, std::size_t loops)
      : object_(std::move(object)), costs_(loops), entry_(reinterpret_cast<EntryPoint>(object_->find("kiln_entry"))) {
    if (!entry_) throw CompileError("compiled code has no entry point");
  }

  std::int32_t run(Frame& frame, LaunchOptions options, LaunchReport* report) noexcept override {
    return launch(entry_, frame, options, costs_, report);
  }

 private:
  std::unique_ptr<LoadedObject> object_;
  LaunchCosts costs_;
  EntryPoint entry_;
};

class CpuBackend final : public Backend {
 public:
  CpuBackend() { prepare_memory_for_forks(); }
  const char* name() const override { return "cpu"; }

  std::unique_ptr<Executable> compile(const ir::Program& scheduled, const CompileOptions& options) override {
    const auto start = std::chrono::steady_clock::now();
    const Target target = target_for(options);
    const backends::Hash128 key = key_of(scheduled, target);
    bool from_disk = false;
    std::unique_ptr<Executable> executable;
    if (const auto blob = cache_.load(key)) {
      try {
        executable = load(*blob, scheduled);
        from_disk = true;
      } catch (const Error&) {
        // The cache can only help: what does not load is compiled again.
      }
    }
    if (!executable) {
      CompileRequest request{&scheduled, &target, false, false};
      CompileResult result;
      compile_with_llvm(request, result);
      executable = load(result.object, scheduled);
      cache_.store(key, result.object);
    }
    executable->from_disk = from_disk;
    executable->vector_bits = target.vector_bits;
    executable->codegen_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    return executable;
  }

  std::string description() const override {
    return text(host_target().cpu, ", ", host_target().vector_bits, "-bit vectors, ", num_threads(), " threads");
  }
  std::int64_t memory_bytes() const override {
    return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  }

  std::string inspect(const ir::Program& scheduled, const CompileOptions& options, const char* what) override {
    const Target target = target_for(options);
    const bool assembly = std::strcmp(what, "asm") == 0;
    CompileRequest request{&scheduled, &target, !assembly, assembly};
    CompileResult result;
    compile_with_llvm(request, result);
    return assembly ? result.assembly : result.ir;
  }

  void* allocate(std::size_t bytes) override { return on_cpu::allocate(bytes); }
  void deallocate(void* memory, std::size_t bytes) noexcept override { on_cpu::deallocate(memory, bytes); }
  void trim_memory() override { on_cpu::trim(); }
  // Half of the last-level cache: below it a reader finds the stores still cached (0.6 to 0.9 of the speed with
  // streaming stores), above it they gain 1.2 to 1.5 times.
  std::size_t streaming_bytes() const override { return host_target().last_level_cache_bytes / 2; }

 private:
  static Target target_for(const CompileOptions& options) {
    Target target = options.vector_bits ? host_target_with_vector_bits(options.vector_bits) : host_target();
    target.quick = options.quick;
    return target;
  }

  static backends::Hash128 key_of(const ir::Program& program, const Target& target) {
    std::string bytes = text(llvm_library_version(), "\n", target.cpu, "\n", target.features, "\n", target.vector_bits,
                             "\n", target.quick ? "quick\n" : "");
    bytes += backends::program_bytes(program);
    return backends::hash128(bytes);
  }

  static std::unique_ptr<Executable> load(std::span<const char> object, const ir::Program& program) {
    return std::make_unique<CpuExecutable>(LoadedObject::load(object, &resolve), program.loops.size());
  }

  backends::DiskCache cache_{{config().cache_directory, config().cache_bytes}};
};

}  // namespace

}  // namespace kiln::on_cpu

namespace kiln {

Backend& cpu_backend() {
  // Never torn down: arrays that are globals give their memory back after main.
  static on_cpu::CpuBackend& instance = *new on_cpu::CpuBackend;
  return instance;
}

}  // namespace kiln
