// Streams as users hold them, and which one a thread's calls go to.
#include "core/stream.h"

#include "core/device.h"
#include "core/error_text.h"

#include <kiln/error.h>
#include <kiln/stream.h>

#include <atomic>

namespace kiln {

namespace detail {

struct StreamState {
  std::atomic<int> references{1};
  Device device;
  DeviceMemory& memory;
  DeviceStream& stream;
  bool is_default = false;

  static StreamState* innermost(const DeviceMemory& device);
};

}  // namespace detail

using detail::StreamState;

namespace {

constinit thread_local const StreamScope* innermost_scope = nullptr;

DeviceMemory& memory_of(Device device, const Location& l) {
  if (!device.said()) device = default_device();
  DeviceMemory* const memory = detail::backend_of(device, l).memory();
  if (!memory)
    throw UsageError(text("a stream of ", device.name().c_str(), ", whose calls return when they are done: name a GPU"),
                     l);
  return *memory;
}

}  // namespace

StreamState* StreamState::innermost(const DeviceMemory& device) {
  for (const StreamScope* s = innermost_scope; s; s = s->outer_)
    if (&s->stream_.state_->memory == &device) return s->stream_.state_;
  return nullptr;
}

DeviceStream& detail::current_stream_of(DeviceMemory& device) {
  if (!innermost_scope) return device.default_stream();
  const StreamState* const state = StreamState::innermost(device);
  return state ? state->stream : device.default_stream();
}

Stream::Stream(Device device, Location l) {
  DeviceMemory& memory = memory_of(device, l);
  state_ = new StreamState{1, cuda(memory.number()), memory, memory.make_stream()};
}

Stream Stream::borrow(void* handle, Device device, Location l) {
  DeviceMemory& memory = memory_of(device, l);
  return Stream(new StreamState{1, cuda(memory.number()), memory, memory.borrow_stream(handle, l)});
}

Stream::Stream(const Stream& other) : state_(other.state_) { ++state_->references; }
Stream& Stream::operator=(const Stream& other) {
  Stream copy(other);
  std::swap(state_, copy.state_);
  return *this;
}
Stream::~Stream() {
  if (--state_->references != 0) return;
  if (!state_->is_default) state_->stream.retire();
  delete state_;
}

Device Stream::device() const { return state_->device; }
void* Stream::handle() const { return state_->stream.handle(); }
void Stream::synchronize() const { state_->stream.synchronize(); }
bool Stream::idle() const { return state_->stream.idle(); }

Stream current_stream(Device device, Location l) {
  DeviceMemory& memory = memory_of(device, l);
  if (innermost_scope)
    if (StreamState* const state = StreamState::innermost(memory)) {
      ++state->references;
      return Stream(state);
    }
  return Stream(new StreamState{1, cuda(memory.number()), memory, memory.default_stream(), true});
}

StreamScope::StreamScope(const Stream& stream) : stream_(stream), outer_(innermost_scope) { innermost_scope = this; }
StreamScope::~StreamScope() { innermost_scope = outer_; }

void synchronize(Device device, Location l) {
  if (!device.said()) device = default_device();
  if (DeviceMemory* const memory = detail::backend_of(device, l).memory()) memory->synchronize();
}

void trim_memory(Device device, Location l) {
  if (!device.said()) device = default_device();
  detail::backend_of(device, l).trim_memory();
}

}  // namespace kiln
