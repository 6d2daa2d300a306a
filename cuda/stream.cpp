// A stream of a GPU, its events, and the launches that an error may belong to.
#include "cuda/stream.h"

#include "core/error_text.h"
#include "cuda/device.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cuda {

Stream::Stream(Device& device, Kind kind, CUstream handle) : device_(device), handle_(handle), kind_(kind) {
  if (kind == Kind::legacy) handle_ = CU_STREAM_LEGACY;
  if (kind != Kind::own && kind != Kind::of_device) return;
  const unsigned flags = kind == Kind::own ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT;
  device.check(driver().cuStreamCreate(&handle_, flags), "make a stream");
}

void Stream::synchronize() {
  const Device::Current current(device_);
  const std::uint64_t before = launches();
  if (is_gone()) {
    const std::lock_guard lock(mutex_);
    if (event_) device_.check(driver().cuEventSynchronize(event_), "wait for the GPU", this);
  } else {
    device_.check(driver().cuStreamSynchronize(handle_), "wait for the GPU", this);
  }
  went_well(before);
}

bool Stream::reuse(CUstream handle) {
  const Device::Current current(device_);
  const std::lock_guard lock(mutex_);
  if (!is_gone() || homes_ != 0 || (event_ && driver().cuEventQuery(event_) != CUDA_SUCCESS)) return false;
  handle_ = handle;
  retired_ = false;
  return true;
}

void Stream::refuse_capture(const Location& where) const {
  if (kind_ != Kind::borrowed) return;
  const Device::Current current(device_);
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  device_.check(driver().cuStreamIsCapturing(handle_, &status), "ask for a stream's state");
  if (status != CU_STREAM_CAPTURE_STATUS_NONE)
    throw UsageError("a call on a stream that is being captured into a CUDA graph: call before or after the capture",
                     where);
}

bool Stream::idle() {
  const Device::Current current(device_);
  const CUresult result = driver().cuStreamQuery(handle_);
  if (result == CUDA_ERROR_NOT_READY) return false;
  device_.check(result, "ask for a stream's state", this);
  return true;
}

// The user's stream may be destroyed now: whoever waits for it later waits for this event.
void Stream::retire() noexcept {
  if (kind_ == Kind::legacy) return;
  try {
    const std::lock_guard lock(mutex_);
    const Device::Current current(device_);
    if (kind_ == Kind::borrowed) {
      if (!event_) device_.check(driver().cuEventCreate(&event_, CU_EVENT_DISABLE_TIMING), "make an event");
      device_.check(driver().cuEventRecord(event_, handle_), "record an event");
      retired_ = true;
      give_back();
    }
  } catch (const Error&) {
    // The device is lost: nobody waits for it any more.
  }
  retired_ = true;
  device_.retired(*this);
}

void Stream::wait_for(Stream& other) {
  if (this == &other) return;
  const std::lock_guard lock(other.mutex_);
  {
    Device& device = other.device_;
    const Device::Current current(device);
    if (!other.event_) device.check(driver().cuEventCreate(&other.event_, CU_EVENT_DISABLE_TIMING), "make an event");
    if (!other.is_gone()) device.check(driver().cuEventRecord(other.event_, other.handle_), "record an event", &other);
  }
  const Device::Current current(device_);
  device_.check(driver().cuStreamWaitEvent(handle_, other.event_, 0), "let a stream wait", this);
}

void Stream::launched(const Location& where) noexcept {
  const std::lock_guard lock(launches_mutex_);
  launches_[count_++ % remembered] = where;
}

std::uint64_t Stream::launches() const {
  const std::lock_guard lock(launches_mutex_);
  return count_;
}

void Stream::went_well(std::uint64_t launches) noexcept {
  const std::lock_guard lock(launches_mutex_);
  well_ = std::max(well_, launches);
}

std::string Stream::suspects() const {
  const std::lock_guard lock(launches_mutex_);
  const std::uint64_t since = count_ - well_;
  if (since == 0) return {};
  const auto line = [&](std::uint64_t number) {
    const Location& l = launches_[number % remembered];
    return l.line() ? text(l.file_name(), ":", l.line()) : std::string("a call without a line");
  };
  if (since == 1) return text("by the call of ", line(count_ - 1));
  std::string out = text("by one of the last ", since, " launches, newest first: ");
  for (std::uint64_t k = 0; k < std::min<std::uint64_t>(since, remembered); ++k)
    out += text(k ? ", " : "", line(count_ - 1 - k));
  if (since > remembered) out += " …";
  return out + "; KILN_SYNCHRONIZE=1 tells which";
}

}  // namespace kiln::on_cuda
