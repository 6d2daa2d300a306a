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

/// The call behind a launch, for devices with memory of their own.
struct LaunchArguments {
  const Array* const* arrays;
  std::uint32_t count;
  std::uint64_t written;  // bit k: the call may write array k
  Location where;
};

/// Threads a launch may use, and what it used.
struct LaunchOptions {
  int threads = 0;                             // 0: chosen from measured cost
  bool force_threads = false;                  // exactly so many (0: all), for tests
  const LaunchArguments* arguments = nullptr;  // null on the CPU
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

/// A queue of a device's work, which it does in order.
class DeviceStream {
 public:
  virtual ~DeviceStream() = default;
  /// The device's own name for it: a CUstream.
  virtual void* handle() const = 0;
  /// Returns when all that was queued is done; throws RuntimeError for what went wrong in it.
  virtual void synchronize() = 0;
  virtual bool idle() = 0;
  /// Its user is done with it. What was queued goes on.
  virtual void retire() noexcept = 0;
};

/// Memory of a device that a Storage has there.
struct DeviceBuffer {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
};

/// A device's own memory and its streams. All throw RuntimeError for what the device reports.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual const char* name() const = 0;
  /// Which of its kind.
  virtual int number() const = 0;

  /// Where work goes that names no stream.
  virtual DeviceStream& default_stream() = 0;
  virtual DeviceStream& make_stream() = 0;
  /// Throws UsageError for what is not one stream.
  virtual DeviceStream& borrow_stream(void* handle, const Location& where) = 0;
  /// Returns when all that Kiln queued is done.
  virtual void synchronize() = 0;

  /// For work on this stream, and others that use() orders after it.
  virtual DeviceBuffer* allocate(std::size_t bytes, DeviceStream& stream) = 0;
  /// Memory of somebody else's, whose work is done or queued on this stream.
  virtual DeviceBuffer* borrow(std::uint64_t address, std::size_t bytes, DeviceStream& stream) = 0;
  virtual void deallocate(DeviceBuffer* buffer) noexcept = 0;
  /// What is queued on this stream from now on comes after what the use has to wait for.
  virtual void use(DeviceBuffer& buffer, bool writes, DeviceStream& stream) = 0;
  /// Somebody else has used it in the order of that stream.
  virtual void was_used(DeviceBuffer& buffer, DeviceStream& stream) = 0;
  /// `from` may change when it returns.
  virtual void copy_to_device(DeviceBuffer& to, const std::byte* from, DeviceStream& stream) = 0;
  /// The same from another device of the same kind, which nothing has to wait for but what writes it there next.
  virtual void copy_from_device(DeviceBuffer& to, DeviceMemory& other, DeviceBuffer& from, DeviceStream& stream) = 0;
  /// Returns when the bytes are there.
  virtual void copy_to_host(std::byte* to, DeviceBuffer& from) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  /// For its users: what it is.
  virtual std::string description() const = 0;
  virtual std::int64_t memory_bytes() const = 0;
  /// Whether nothing can run there any more; description() says why.
  virtual bool is_lost() const { return false; }
  /// Throws CompileError.
  virtual std::unique_ptr<Executable> compile(const ir::Program& scheduled, const CompileOptions& options) = 0;
  /// The generated code as text: "llvm" or "asm".
  virtual std::string inspect(const ir::Program& scheduled, const CompileOptions& options, const char* what) = 0;
  /// The host's memory; the CPU's backend has it. Throws RuntimeError naming the size.
  virtual void* allocate(std::size_t bytes);
  virtual void deallocate(void* memory, std::size_t bytes) noexcept;
  /// Gives back what is kept of freed memory, the host's or the device's own.
  virtual void trim_memory() = 0;
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
