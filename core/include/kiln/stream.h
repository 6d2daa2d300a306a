// Streams: queues of a GPU's work. A call goes to its thread's current stream and does not wait for it.
#pragma once

#include <kiln/device.h>

namespace kiln {

namespace detail {
struct StreamState;
}

/// A queue of a GPU's work, done in order; what different streams do may overlap. A handle: copies are the same stream.
/// Arrays can be used on any stream, and on the host, at any time: what must come before is waited for, on the GPU.
class KILN_API Stream {
 public:
  /// A new stream. Throws RuntimeError where the GPU is not there, UsageError for the CPU.
  explicit Stream(Device device = cuda(), Location l = Location::current());
  /// The program's own stream, a CUstream or cudaStream_t of that GPU's primary context, which must live until the last
  /// copy of this handle is gone; null is CUDA's default stream. What is queued on it by others is ordered with Kiln's
  /// work by the stream itself. Throws UsageError for CUDA's default stream per thread, which is no single stream.
  static Stream borrow(void* handle, Device device = cuda(), Location l = Location::current());
  Stream(const Stream& other);
  Stream& operator=(const Stream& other);
  ~Stream();

  Device device() const;
  /// A CUstream, the same as a cudaStream_t.
  void* handle() const;
  /// Returns when all that was queued is done; throws RuntimeError for what went wrong in it.
  void synchronize() const;
  /// Whether all that was queued is done.
  bool idle() const;

  friend bool operator==(const Stream& a, const Stream& b) { return a.handle() == b.handle(); }

 private:
  friend class StreamScope;
  friend struct detail::StreamState;
  friend KILN_API Stream current_stream(Device device, Location l);
  explicit Stream(detail::StreamState* state) : state_(state) {}

  detail::StreamState* state_;
};

/// The stream that calls of this thread on that GPU go to: the innermost scope's, else the GPU's own, which all threads
/// share; CUDA's default stream and it wait for each other.
KILN_API Stream current_stream(Device device = cuda(), Location l = Location::current());

/// While it lives, calls of this thread on the stream's GPU go to the stream. Scopes end in the order of a stack.
class KILN_API StreamScope {
 public:
  explicit StreamScope(const Stream& stream);
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  friend struct detail::StreamState;
  Stream stream_;
  const StreamScope* outer_;
};

/// f(), its calls on the stream's GPU going to the stream.
template <class F>
decltype(auto) with_stream(const Stream& stream, F&& f) {
  const StreamScope scope(stream);
  return f();
}

/// Returns when all work that Kiln queued on the device is done (nothing is ever left on the CPU); throws RuntimeError
/// for what went wrong in it. Reading an array waits for what it needs by itself.
KILN_API void synchronize(Device device = {}, Location l = Location::current());

/// Gives what Kiln keeps of freed memory for the next allocations back to the system, or to the GPU's driver after
/// waiting for what is queued there. By itself that happens where there would be no memory otherwise.
KILN_API void trim_memory(Device device = {}, Location l = Location::current());

}  // namespace kiln
