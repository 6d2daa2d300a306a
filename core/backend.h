// What core asks of a device: compile a scheduled Program, allocate memory. Implemented by cpu/ and cuda/.
#pragma once

#include "core/frame.h"
#include "core/ir.h"

#include <cstddef>
#include <memory>
#include <string>

namespace kiln {

struct CompileOptions {
  int vector_bits = 0;  // 0: the device's own
  bool quick = false;   // compiled in a third of the time to slower code of the same results: for tests
};

/// Threads a launch may use, and what it used.
struct LaunchOptions {
  int threads = 0;                            // 0: chosen from measured cost
  bool force_threads = false;                 // exactly so many (0: all), for tests
  const Array* const* arrays = nullptr;       // the array arguments
  std::uint64_t written = ~std::uint64_t{0};  // bit k: the call may write array k
};
struct LaunchReport {
  int threads = 1;
  const char* reason = "";
};

/// Compiled code of one specialization.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Runs it; returns its status (frame.h). `report` may be null. Throws RuntimeError for what a GPU reports.
  virtual std::int32_t run(Frame& frame, LaunchOptions options, LaunchReport* report) = 0;
  double codegen_ms = 0;
  bool from_disk = false;
  int vector_bits = 0;
};

/// Moves bytes to a device's own memory and back. Addresses are the device's.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  /// Throws RuntimeError naming the size.
  virtual std::uint64_t allocate(std::size_t bytes) = 0;
  virtual void deallocate(std::uint64_t address, std::size_t bytes) noexcept = 0;
  virtual void copy_to_device(std::uint64_t to, const std::byte* from, std::size_t bytes) = 0;
  /// Returns when the bytes are there.
  virtual void copy_to_host(std::byte* to, std::uint64_t from, std::size_t bytes) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  /// For its users: what it is.
  virtual std::string description() const = 0;
  virtual std::int64_t memory_bytes() const = 0;
  /// Throws CompileError.
  virtual std::unique_ptr<Executable> compile(const ir::Program& scheduled, const CompileOptions& options) = 0;
  /// The generated code as text: "llvm" or "asm".
  virtual std::string inspect(const ir::Program& scheduled, const CompileOptions& options, const char* what) = 0;
  /// The host's memory; the CPU's backend has it. Throws RuntimeError naming the size.
  virtual void* allocate(std::size_t bytes);
  virtual void deallocate(void* memory, std::size_t bytes) noexcept;
  /// Memory of its own; null: it works in the host's.
  virtual DeviceMemory* memory() { return nullptr; }
  /// Bytes from which a launch's stores should bypass the cache.
  virtual std::size_t streaming_bytes() const = 0;
};

/// The CPU's backend, made at its first use; defined in cpu/.
Backend& cpu_backend();

/// What is known of a GPU.
struct CudaDevice {
  Backend* backend = nullptr;  // null: it is not there
  std::string description;     // name and architecture, or why it is not there and what to do
  std::int64_t memory_bytes = 0;
};
/// GPU number `index`, asked for the first time or again; defined in cuda/, and where that is not built in core/.
CudaDevice cuda_device(int index);
int cuda_device_count();

}  // namespace kiln
