// What is queued runs when somebody waits for it, and no earlier: a wait that is missing shows.
#include "tests/simulated/driver.h"

#include <algorithm>

namespace kiln::simulated {
namespace {

// As many as a real driver takes before a launch blocks.
constexpr std::size_t most_queued = 1024;

bool pending_before(const Stream& stream, std::uint64_t sequence) {
  if (stream.running != 0 && stream.running < sequence) return true;
  return !stream.queue.empty() && stream.queue.front().sequence < sequence;
}

void run_first(Call& call, const std::shared_ptr<Stream>& stream);

void run_before(Call& call, const std::shared_ptr<Stream>& stream, std::uint64_t sequence) {
  while (pending_before(*stream, sequence)) run_first(call, stream);
}

void run_until(Call& call, const std::shared_ptr<Record>& record) {
  const Stream& stream = *record->stream;
  while (!record->done && (stream.running != 0 || !stream.queue.empty())) run_first(call, record->stream);
}

// The null stream waits for all earlier work of streams that are not non-blocking, and those for its.
void run_implicit_dependencies(Call& call, const Stream& stream, std::uint64_t sequence) {
  Context& context = *stream.context;
  if (&stream != context.null_stream.get()) {
    if (!stream.non_blocking && context.null_stream) run_before(call, context.null_stream, sequence);
    return;
  }
  const std::vector<std::shared_ptr<Stream>> streams = call.driver.streams;
  for (const std::shared_ptr<Stream>& other : streams) {
    if (other->context == &context && !other->non_blocking && other.get() != &stream) run_before(call, other, sequence);
  }
}

// After a failure the rest of a context's work is dropped.
CUresult run(Call& call, Stream& stream, const Operation& operation) {
  if (stream.context->sticky != CUDA_SUCCESS) return stream.context->sticky;
  const CUresult lost = call.driver.lost[static_cast<std::size_t>(stream.context->device)];
  if (lost != CUDA_SUCCESS) return lost;
  return operation.run ? operation.run(call.lock) : CUDA_SUCCESS;
}

void run_first(Call& call, const std::shared_ptr<Stream>& stream) {
  if (stream->busy) {
    call.driver.changed.wait(call.lock, [&] { return !stream->busy; });
    return;
  }
  stream->busy = true;
  const std::shared_ptr<Record> waits_for = stream->queue.front().waits_for;
  const std::uint64_t sequence = stream->queue.front().sequence;
  const std::uint64_t generation = stream->context->generation;
  run_implicit_dependencies(call, *stream, sequence);
  if (waits_for) run_until(call, waits_for);
  if (stream->context->generation == generation && !stream->queue.empty()) {
    const Operation operation = std::move(stream->queue.front());
    stream->queue.pop_front();
    stream->running = operation.sequence;  // seen by other threads while a host function runs without the lock
    run(call, *stream, operation);
    stream->running = 0;
  }
  stream->busy = false;
  if (stream->destroyed && stream->queue.empty()) std::erase(call.driver.streams, stream);
  call.driver.changed.notify_all();
}

// What the context's next call would answer, which is where a failed operation shows.
CUresult status(const Call& call, const Context& context) {
  const CUresult lost = call.driver.lost[static_cast<std::size_t>(context.device)];
  return lost != CUDA_SUCCESS ? lost : context.sticky;
}

std::shared_ptr<Stream> new_stream(Call& call) {
  auto stream = std::make_shared<Stream>();
  stream->context = call.context;
  call.driver.streams.push_back(stream);
  return stream;
}

}  // namespace

std::shared_ptr<Stream> stream_of(Call& call, CUstream handle) {
  Context& context = *call.context;
  if (handle == nullptr || handle == CU_STREAM_LEGACY) {
    if (!context.null_stream) context.null_stream = new_stream(call);
    return context.null_stream;
  }
  if (handle == CU_STREAM_PER_THREAD) {
    std::shared_ptr<Stream>& stream = context.thread_streams[std::this_thread::get_id()];
    if (!stream) stream = new_stream(call);
    return stream;
  }
  std::shared_ptr<Stream> stream = call.driver.stream_handles.find(handle);
  return stream && stream->context == &context ? stream : nullptr;
}

void enqueue(Call& call, const std::shared_ptr<Stream>& stream, Operation operation) {
  operation.sequence = ++call.driver.last_sequence;
  stream->queue.push_back(std::move(operation));
  if (call.driver.settings.eager) {
    run_before(call, stream, call.driver.last_sequence + 1);
  } else {
    while (stream->queue.size() > most_queued) run_first(call, stream);
  }
}

CUresult synchronize(Call& call, const std::shared_ptr<Stream>& stream) {
  const std::uint64_t end = call.driver.last_sequence + 1;
  run_before(call, stream, end);
  run_implicit_dependencies(call, *stream, end);
  return status(call, *stream->context);
}

CUresult synchronize_context(Call& call, Context& context) {
  const std::uint64_t end = call.driver.last_sequence + 1;
  std::vector<std::shared_ptr<Stream>> streams = call.driver.streams;
  if (call.driver.settings.order == Order::reverse) std::reverse(streams.begin(), streams.end());
  for (const std::shared_ptr<Stream>& stream : streams) {
    if (stream->context == &context) run_before(call, stream, end);
  }
  return status(call, context);
}

CUresult wait_for(Call& call, Context& context, const std::shared_ptr<Record>& record) {
  run_until(call, record);
  return status(call, context);
}

void advance(Call& call, const std::shared_ptr<Stream>& stream) {
  if (!stream->busy && !stream->queue.empty()) run_first(call, stream);
}

void advance_to(Call& call, const std::shared_ptr<Record>& record) {
  if (!record->done) advance(call, record->stream);
}

CUresult break_context(Context& context, CUresult result, std::string diagnosis) {
  if (context.sticky == CUDA_SUCCESS) {
    context.sticky = result;
    driver().explain(result, std::move(diagnosis));
  }
  return result;
}

}  // namespace kiln::simulated
