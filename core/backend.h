// What core asks of a device: compile a scheduled Program, allocate memory. Implemented by cpu/ and cuda/.
#pragma once

#include "core/frame.h"
#include "core/ir.h"

#include <memory>
#include <string>

namespace kiln {

struct CompileOptions {
  int vector_bits = 0;  // 0: the device's own
  bool quick = false;   // compiled in a third of the time to slower code of the same results: for tests
};

/// Threads a launch may use, and what it used.
struct LaunchOptions {
  int threads = 0;             // 0: chosen from measured cost
  bool force_threads = false;  // exactly so many (0: all), for tests
};
struct LaunchReport {
  int threads = 1;
  const char* reason = "";
};

/// Compiled code of one specialization.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Runs it; returns its status (frame.h). `report` may be null.
  virtual std::int32_t run(Frame& frame, LaunchOptions options, LaunchReport* report) noexcept = 0;
  double codegen_ms = 0;
  bool from_disk = false;
  int vector_bits = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  /// Throws CompileError.
  virtual std::unique_ptr<Executable> compile(const ir::Program& scheduled, const CompileOptions& options) = 0;
  /// The generated code as text: "llvm" or "asm".
  virtual std::string inspect(const ir::Program& scheduled, const CompileOptions& options, const char* what) = 0;
  /// Throws RuntimeError naming the size.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* memory, std::size_t bytes) noexcept = 0;
  /// Bytes from which a launch's stores should bypass the cache.
  virtual std::size_t streaming_bytes() const = 0;
};

/// The CPU's backend, made at its first use; defined in cpu/.
Backend& cpu_backend();

}  // namespace kiln
