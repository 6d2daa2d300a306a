// The call: signature, look-up, specialization if there is none, launch; readable from top to bottom.
#include "core/dispatch.h"

#include "core/access.h"
#include "core/array_errors.h"
#include "core/compile_log.h"
#include "core/config.h"
#include "core/error_text.h"
#include "core/floating_point.h"
#include "core/forks.h"
#include "core/frozen.h"
#include "core/in_flight.h"
#include "core/index_error.h"
#include "core/interpret.h"
#include "core/last_call.h"
#include "core/results.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace kiln::detail {

namespace {

// Past so many variants of one signature a generic one is made, which consults no optional fact.
constexpr int most_variants = 8;

constinit std::atomic<FunctionState*> functions{nullptr};  // all that were called; only ever grows

bool matches(const Variant& v, const GatheredCall& call) {
  if (!(v.signature == call.signature)) return false;
  for (const Fact& fact : v.facts)
    if (holds(fact, call.arguments(), v.traced) != fact.answer) return false;
  return true;
}

Variant* find(const FunctionState& state, const GatheredCall& call) {
  for (Variant* v = state.variants.load(std::memory_order_acquire); v; v = v->next)
    if (matches(*v, call)) return v;
  return nullptr;
}

// Why none of the variants there are serves this call: the fact that keeps the nearest one from it.
std::string reason_for(const FunctionState& state, const GatheredCall& call, int& same_signature) {
  std::string reason = state.variants.load() ? "a new signature" : "the first call";
  same_signature = 0;
  std::size_t fewest = std::numeric_limits<std::size_t>::max();
  for (Variant* v = state.variants.load(); v; v = v->next) {
    if (!(v->signature == call.signature)) continue;
    ++same_signature;
    std::vector<Fact> different;
    for (Fact fact : v->facts) {
      const bool now = holds(fact, call.arguments(), v->traced);
      if (now == fact.answer) continue;
      fact.answer = now;
      different.push_back(fact);
    }
    if (different.empty() || different.size() >= fewest) continue;
    fewest = different.size();
    reason = describe(different.front());
  }
  return reason;
}

// Puts the signature into the list of those being compiled and takes it out, whatever happens.
class InProgress {
 public:
  InProgress(FunctionState& state, const Signature& signature, const CompilesLock& lock)
      : state_((state.in_progress.push_back(signature), state)), signature_(signature), holds_off_forks_(lock) {}
  ~InProgress() {
    const CompilesLock lock;
    std::erase_if(state_.in_progress, [&](const Signature& s) { return s == signature_; });
  }

 private:
  FunctionState& state_;
  const Signature& signature_;
  const HoldsOffForks holds_off_forks_;  // its end wakes those who wait
};

// Compiles the variant for this call, or waits for the thread that is already doing so.
Variant* find_or_specialize(Function& function, const JitOptions& options, const Argument* arguments, int count,
                            const GatheredCall& call) {
  FunctionState& state = state_of(function);
  const CanonicalFloatingPoint canonical;  // constants are folded as compiled code computes
  std::optional<InProgress> in_progress;
  {
    CompilesLock lock;
    for (;;) {
      if (Variant* v = find(state, call)) return v;
      bool busy = lock.fork_is_waiting();
      for (const Signature& s : state.in_progress) busy |= s == call.signature;
      if (!busy) break;
      lock.wait();
    }
    in_progress.emplace(state, call.signature, lock);
  }
  int same_signature = 0;
  std::string reason = reason_for(state, call, same_signature);
  std::unique_ptr<Variant> made =
      specialize(function, options, arguments, count, call, same_signature >= most_variants);
  if (same_signature >= most_variants)
    reason = text("the generic variant, after ", same_signature, " of this signature");
  made->reason = std::move(reason);
  Variant* v = made.release();
  last_call_state.compiled = true;
  const std::size_t length = v->reason.copy(last_call_state.lookup, sizeof last_call_state.lookup - 1);
  last_call_state.lookup[length] = 0;
  v->next = state.variants.load();
  while (!state.variants.compare_exchange_weak(v->next, v, std::memory_order_release)) {
  }
  log_compile(function, *v);
  return v;
}

// ---- Launch ---------------------------------------------------------------------------------------------------------

// The memory a launch takes; results keep theirs.
struct LaunchMemory {
  struct Block {
    Storage* storage;
    std::uint32_t root;
  };
  static constexpr int inline_blocks = 16;
  Block blocks[inline_blocks];
  int count = 0;
  std::uint32_t handed_on = 0;  // a bit for each block whose reference a result has
  std::vector<Block> more;
  std::uint32_t refused_root = ir::none;  // the root that no memory was found for
  std::int64_t refused_bytes = 0;

  ~LaunchMemory() {
    for (int k = 0; k < count; ++k)
      if (!(handed_on >> k & 1)) blocks[k].storage->release();
    for (const Block& block : more) block.storage->release();
  }
  void add(Storage* storage, std::uint32_t root) {
    if (count < inline_blocks)
      blocks[count++] = {storage, root};
    else
      more.push_back({storage, root});
  }
  // The block that was made for a root, null if there is none yet.
  Block* find(std::uint32_t root) {
    for (int k = 0; k < count; ++k)
      if (blocks[k].root == root) return &blocks[k];
    for (Block& block : more)
      if (block.root == root) return &block;
    return nullptr;
  }
  // A reference to the block that `data` lies in, the launch's own where it still has it; null if it is none of these.
  Storage* reference(const std::byte* data) {
    const auto holds = [&](const Storage* s) { return data >= s->data() && data <= s->data() + s->bytes(); };
    for (int k = 0; k < count; ++k) {
      Storage* const storage = blocks[k].storage;
      if (!holds(storage)) continue;
      if (handed_on >> k & 1) storage->retain();
      handed_on |= 1u << k;
      return storage;
    }
    for (const Block& block : more) {
      if (!holds(block.storage)) continue;
      block.storage->retain();
      return block.storage;
    }
    return nullptr;
  }
};

std::byte* allocate(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept {
  auto& memory = *static_cast<LaunchMemory*>(frame->owner);
  try {
    if (memory.count == LaunchMemory::inline_blocks) memory.more.reserve(memory.more.size() + 1);
    Storage* s = Storage::allocate(static_cast<std::size_t>(bytes < 0 ? 0 : bytes));
    memory.add(s, root);
    return s->data();
  } catch (...) {
    memory.refused_root = root;
    memory.refused_bytes = bytes;
    return nullptr;
  }
}

std::byte* allocate_again(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept {
  LaunchMemory::Block* const block = static_cast<LaunchMemory*>(frame->owner)->find(root);
  if (!block) return allocate(frame, root, bytes);
  if (bytes <= static_cast<std::int64_t>(block->storage->bytes())) return block->storage->data();
  auto& memory = *static_cast<LaunchMemory*>(frame->owner);
  try {
    Storage* const larger = Storage::allocate(static_cast<std::size_t>(bytes));
    block->storage->release();
    block->storage = larger;
    return larger->data();
  } catch (...) {
    memory.refused_root = root;
    memory.refused_bytes = bytes;
    return nullptr;
  }
}

// Without a thread pool: all of a distributed loop on this thread. Devices put their own in its place.
void run_serially(Frame* frame, std::uint32_t, LoopBody body, void* captures, std::int64_t count,
                  std::int64_t) noexcept {
  body(frame, captures, 0, count, 0);
}

std::int64_t one_thread(Frame*) noexcept { return 1; }

constexpr RuntimeServices services{&allocate, &allocate_again, &allocate, &run_serially, &one_thread};

// An array made by the call, as errors name it.
std::string described(const ir::Program& program, const ir::Root& root, const CallArguments& arguments) {
  std::int64_t extents[max_rank];
  for (std::size_t k = 0; k < root.rank; ++k)
    if (!host_value(program, root.extents[k], arguments, extents[k]))
      return text(root.dtype, " array of rank ", int{root.rank});
  return text(root.dtype, " array of shape ", std::span<const std::int64_t>(extents, root.rank));
}

[[noreturn]] void raise(const Variant& v, const GatheredCall& call, const Frame& frame, std::int32_t status,
                        const Location& where) {
  const ir::Program& program = v.program();
  if (status == status_no_memory) {
    const auto& memory = *static_cast<const LaunchMemory*>(frame.owner);
    if (memory.refused_root >= program.roots.size())
      throw RuntimeError(text("no memory for the partial results of a reduction, ", memory.refused_bytes,
                              " bytes; work on fewer elements at a time"),
                         where);
    const ir::Root& root = program.roots[memory.refused_root];
    const Location& line = program.locations[root.location];
    throw no_memory(described(program, root, call.arguments()), memory.refused_bytes, line.line() ? line : where);
  }
  if (status == status_outside) {
    const auto value = [&](Outside which) { return frame.failed[static_cast<std::size_t>(which)]; };
    OutsideAccess access;
    access.root = static_cast<ir::RootId>(value(Outside::root));
    access.location = static_cast<std::uint32_t>(value(Outside::location));
    access.axis = static_cast<std::uint32_t>(value(Outside::axis));
    access.index = value(Outside::index);
    access.extents = frame.failed + static_cast<std::size_t>(Outside::extents);
    raise_index_error(program, access, where);
  }
  const ir::Message& m = program.messages[static_cast<std::size_t>(status - 1)];
  std::string message = m.text;
  for (std::size_t k = 0; k < m.shown.size() && k < most_shown; ++k) {
    const std::size_t at = message.find("{}");
    if (at != std::string::npos) message.replace(at, 2, std::to_string(frame.failed[k]));
  }
  const Location& made = program.locations[m.location];
  const Location& line = made.line() ? made : where;  // the eager operations' Programs have no lines of their own
  switch (m.kind) {
    case ir::Message::Kind::shape: throw ShapeError(message, line);
    case ir::Message::Kind::index: throw IndexError(message, line);
    case ir::Message::Kind::usage: break;
  }
  throw UsageError(message, line);
}

void take_results(const Variant& v, const GatheredCall& call, const Frame& frame, LaunchMemory& memory,
                  Results& results) {
  for (std::size_t k = 0; k < v.traced.results.size(); ++k) {
    const ir::Result& r = v.traced.results[k];
    const ResultSlot& slot = frame.results[k];
    if (!r.is_array) {
      results.add(Access::make(v.traced[r.value].type, slot.number));
      continue;
    }
    Storage* storage = memory.reference(slot.data);
    bool read_only = false;
    for (int a = 0; a < call.array_count && !storage; ++a) {
      Storage* s = Access::storage(*call.arrays[a]);
      if (slot.data >= s->data() && slot.data <= s->data() + s->bytes()) {
        storage = s;
        storage->retain();
        read_only = Access::read_only(*call.arrays[a]);
      }
    }
    std::byte* data = slot.data;
    // A view without elements may begin anywhere: at the last one of none, say.
    if (!storage && std::find(slot.extents, slot.extents + r.rank, 0) != slot.extents + r.rank) {
      storage = Storage::allocate(0);
      data = storage->data();
    }
    if (!storage) throw InternalError("a result lies in no memory of this call");
    results.add_concrete(storage, v.traced.roots[r.root].dtype, r.rank, data, slot.extents, slot.strides, read_only);
  }
}

std::int32_t run_on_device(const Variant& v, const JitOptions& options, const GatheredCall& call, Frame& frame,
                           LaunchReport& report) {
  const LaunchArguments arguments{call.arrays, static_cast<std::uint32_t>(call.array_count), v.written, call.where};
  try {
    return v.executable->run(frame, {options.threads, options.force_threads, &arguments}, &report);
  } catch (const RuntimeError& e) {
    if (e.line() != 0) throw;
    throw RuntimeError(e.what(), call.where);
  }
}

void make_valid_on_host(const Variant& v, const GatheredCall& call) {
  for (int k = 0; k < call.array_count; ++k)
    make_argument_valid_on_host(*call.arrays[k], k, v.written >> k & 1 ? Storage::Use::write : Storage::Use::read,
                                call.where);
}

void launch(const Variant& v, const JitOptions& options, const GatheredCall& call, Results& results,
            const Location& where) {
  constexpr std::size_t inline_results = 8;
  union InlineSlots {
    InlineSlots() {}  // compiled code writes those it has
    ResultSlot slots[inline_results];
  } inline_slots;
  std::vector<ResultSlot> more_slots;
  LaunchMemory memory;
  Frame frame;  // `failed` is written by what fails
  frame.services = &services;
  frame.arrays = call.layouts;
  frame.scalars = call.scalars;
  frame.results = inline_slots.slots;
  if (v.traced.results.size() > inline_results) {
    more_slots.resize(v.traced.results.size());
    frame.results = more_slots.data();
  }
  for (std::size_t k = 0; k < v.traced.results.size(); ++k) frame.results[k].number = {};
  frame.owner = &memory;
  LaunchReport& report = last_call_state.report;
  std::int32_t status;
  if (!v.memory && !call.only_on_host) make_valid_on_host(v, call);
  if (v.executable) {
    status = v.memory ? run_on_device(v, options, call, frame, report)
                      : v.executable->run(frame, {options.threads, options.force_threads}, &report);
    last_call_state.vector_bits = v.executable->vector_bits;
  } else {
    const CanonicalFloatingPoint canonical;
    status = interpret(v.traced, frame);
    report = {1, "the interpreter runs on one thread"};
    last_call_state.vector_bits = 0;
  }
  last_call_state.device = v.device;
  if (status != status_ok) raise(v, call, frame, status, where);
  take_results(v, call, frame, memory, results);
}

}  // namespace

FunctionState& state_of(Function& function) {
  const std::atomic_ref<void*> slot(function.state);
  void* state = slot.load(std::memory_order_acquire);
  if (!state) {
    auto* made = new FunctionState;
    if (!slot.compare_exchange_strong(state, made)) {
      delete made;
      return *static_cast<FunctionState*>(state);
    }
    state = made;
    made->next = functions.load(std::memory_order_relaxed);
    while (!functions.compare_exchange_weak(made->next, made, std::memory_order_release)) {
    }
  }
  return *static_cast<FunctionState*>(state);
}

namespace {

void take_variants(FunctionState& state, std::vector<std::unique_ptr<Variant>>& taken) {
  for (Variant* v = state.variants.exchange(nullptr, std::memory_order_acq_rel); v;) {
    Variant* const next = v->next;  // before the list may free it
    taken.emplace_back(v);
    v = next;
  }
}

}  // namespace

void release_specializations(Function& function) {
  std::vector<std::unique_ptr<Variant>> taken;
  take_variants(state_of(function), taken);
  free_when_unused(std::move(taken));
}

void locate(Function& function, const Location& where) {
  const CompilesLock lock;
  const std::atomic_ref<bool> located(function.located);
  if (located.load(std::memory_order_relaxed)) return;
  function.where = where;
  located.store(true, std::memory_order_release);
}

void call(Function& function, const JitOptions& options, const Argument* arguments, int count, Results& results,
          const Location& where) {
  if (Tracing* tracing = Tracing::checked()) return tracing->run(function, arguments, count, results, where);
  GatheredCall call;
  gather(arguments, count, options, where, call);
  const InFlight in_flight;
  last_call_state.compiled = false;
  if (last_call_state.transfers.any()) last_call_state.transfers = {};
  Variant* v = find(state_of(function), call);
  if (!v)
    v = find_or_specialize(function, options, arguments, count, call);
  else if (config().check)
    check_frozen(function, options, arguments, count, call, *v);
  launch(*v, options, call, results, where);
}

}  // namespace kiln::detail

namespace kiln {

void release_specializations() {
  std::vector<std::unique_ptr<detail::Variant>> taken;
  for (detail::FunctionState* f = detail::functions.load(std::memory_order_acquire); f; f = f->next)
    detail::take_variants(*f, taken);
  detail::free_when_unused(std::move(taken));
}

}  // namespace kiln
