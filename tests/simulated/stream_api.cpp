// The simulated driver's functions about streams and events.
#include "tests/simulated/driver.h"

#include <chrono>
#include <utility>

using namespace kiln::simulated;

namespace {

CUresult elapsed(float* milliseconds, CUevent start_handle, CUevent end_handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Event> start = call.driver.event_handles.find(start_handle);
  const std::shared_ptr<Event> end = call.driver.event_handles.find(end_handle);
  if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!start || !end || !start->timed || !end->timed || !start->last || !end->last) return CUDA_ERROR_INVALID_HANDLE;
  if (!start->last->done || !end->last->done) return CUDA_ERROR_NOT_READY;
  *milliseconds = std::chrono::duration<float, std::milli>(end->last->when - start->last->when).count();
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

// --- streams ---

CUresult cuStreamCreate(CUstream* handle, unsigned flags) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (handle == nullptr || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_stream, CUDA_ERROR_OUT_OF_MEMORY);
  if (fault != CUDA_SUCCESS) return fault;
  auto stream = std::make_shared<Stream>();
  stream->context = call.context;
  stream->non_blocking = flags == CU_STREAM_NON_BLOCKING;
  call.driver.streams.push_back(stream);
  *handle = call.driver.stream_handles.add(std::move(stream));
  return CUDA_SUCCESS;
}

CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned flags, int) { return cuStreamCreate(handle, flags); }

// What is queued still runs.
CUresult cuStreamDestroy(CUstream handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = call.driver.stream_handles.find(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  stream->destroyed = true;
  call.driver.stream_handles.remove(handle);
  if (stream->queue.empty() && !stream->busy) std::erase(call.driver.streams, stream);
  return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  ++call.driver.counts.synchronizations;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_synchronize, CUDA_ERROR_LAUNCH_FAILED);
  return fault != CUDA_SUCCESS ? fault : synchronize(call, stream);
}

// The device makes a step while the host asks: a client that polls gets through.
CUresult cuStreamQuery(CUstream handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->queue.empty() && stream->running == 0) return CUDA_SUCCESS;
  advance(call, stream);
  return call.context->sticky != CUDA_SUCCESS ? call.context->sticky : CUDA_ERROR_NOT_READY;
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (!stream_of(call, handle)) return CUDA_ERROR_INVALID_HANDLE;
  if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const bool captures = call.driver.settings.captures != nullptr && call.driver.settings.captures == handle;
  *status = captures ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned flags) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  const std::shared_ptr<Event> event = call.driver.event_handles.find(event_handle);
  if (!stream || !event) return CUDA_ERROR_INVALID_HANDLE;
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  ++call.driver.counts.waits;
  if (!event->last || event->last->stream == stream) return CUDA_SUCCESS;
  Operation operation;
  operation.waits_for = event->last;
  enqueue(call, stream, std::move(operation));
  return CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Operation operation;
  operation.run = [function, data](Lock& lock) {
    lock.unlock();
    inside_host_function = true;
    function(data);
    inside_host_function = false;
    lock.lock();
    return CUDA_SUCCESS;
  };
  enqueue(call, stream, std::move(operation));
  return CUDA_SUCCESS;
}

// --- events ---

CUresult cuEventCreate(CUevent* handle, unsigned flags) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (handle == nullptr || flags > 7) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_event, CUDA_ERROR_OUT_OF_MEMORY);
  if (fault != CUDA_SUCCESS) return fault;
  auto event = std::make_shared<Event>();
  event->context = call.context;
  event->timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
  *handle = call.driver.event_handles.add(std::move(event));
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  return call.driver.event_handles.remove(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, stream_handle);
  const std::shared_ptr<Event> event = call.driver.event_handles.find(handle);
  if (!stream || !event || event->context != stream->context) return CUDA_ERROR_INVALID_HANDLE;
  ++call.driver.counts.events_recorded;
  auto record = std::make_shared<Record>();
  record->stream = stream;
  event->last = record;
  Operation operation;
  operation.run = [record](Lock&) {
    record->done = true;
    record->when = std::chrono::steady_clock::now();
    return CUDA_SUCCESS;
  };
  enqueue(call, stream, std::move(operation));
  return CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Event> event = call.driver.event_handles.find(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if (!event->last || event->last->done) return CUDA_SUCCESS;
  advance_to(call, event->last);
  return event->context->sticky != CUDA_SUCCESS ? event->context->sticky : CUDA_ERROR_NOT_READY;
}

CUresult cuEventSynchronize(CUevent handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Event> event = call.driver.event_handles.find(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  ++call.driver.counts.synchronizations;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_synchronize, CUDA_ERROR_LAUNCH_FAILED);
  if (fault != CUDA_SUCCESS) return fault;
  return event->last ? wait_for(call, *event->context, event->last) : CUDA_SUCCESS;
}

#undef cuEventElapsedTime
__attribute__((visibility("default"))) CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return elapsed(milliseconds, start, end);
}
__attribute__((visibility("default"))) CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return elapsed(milliseconds, start, end);
}

}  // extern "C"
