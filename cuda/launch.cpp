// The host's part of a call: numbers that the host knows, memory, launches, and what is read back.
#include "cuda/launch.h"

#include "core/access.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/visit.h"

#include <kiln/error.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace kiln::on_cuda {

namespace {

using detail::Number16;
using detail::Storage;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::RootId;

constexpr int threads_of_block = 256, threads_of_team = 128;
constexpr std::int64_t scratch_bytes = std::int64_t{256} << 20;  // at most so much for what every thread has

enum class Flow { next, leave, turn, failed };

/// Device memory for the time of a call.
class DeviceBlock {
 public:
  DeviceBlock(Device& device, std::size_t bytes) : device_(device), bytes_(bytes), address_(device.allocate(bytes)) {}
  ~DeviceBlock() { device_.deallocate(address_, bytes_); }
  DeviceBlock(const DeviceBlock&) = delete;
  std::uint64_t address() const { return address_; }

 private:
  Device& device_;
  std::size_t bytes_;
  std::uint64_t address_;
};

/// Where a root's elements are: on the device, and, for results, in the host's address space.
struct Memory {
  std::uint64_t address = 0;
  std::byte* host = nullptr;
  std::int64_t extents[max_rank] = {}, strides[max_rank] = {};
  std::int64_t capacity = 0;
  RootId origin = none;
  bool ready = false;
};

class Launch {
 public:
  Launch(const Loaded& loaded, Frame& frame, const LaunchOptions& options)
      : program_(loaded.program),
        plan_(loaded.plan),
        functions_(loaded.functions),
        device_(*loaded.device),
        frame_(frame),
        memory_(program_.roots.size()),
        indices_(program_.loops.size() * max_rank),
        slots_(device_, std::max<std::size_t>(plan_.slot_count, 1) * 16) {
    bind_parameters(options);
  }

  std::int32_t run() {
    if (steps(plan_.steps) == Flow::failed) return status_;
    fetch(plan_.fetched);
    results();
    return status_ok;
  }
  int serial_kernels = 0, kernels = 0;

 private:
  void bind_parameters(const LaunchOptions& options);
  const Memory& memory(RootId root);

  Number16 number(NodeId id);
  std::int64_t integer(NodeId id) { return number(id).i; }
  void fetch(const std::vector<NodeId>& nodes);

  Flow steps(const std::vector<Step>& list);
  Flow step(const Step& step);
  Flow loop(const Step& step);
  Flow while_loop(const Step& step);
  Flow allocate(const ir::Statement& s);
  Flow guard(const ir::Statement& s);
  void swap(const ir::Statement& s);
  Flow kernel(std::uint32_t which);
  std::int64_t iterations(ir::LoopId loop);
  struct Shape {
    std::int64_t total = 0, blocks = 1;
    int threads = 1;  // of a block
  };
  /// Device memory for the time of one kernel, by scratch root and by reduction.
  struct KernelMemory {
    std::vector<std::unique_ptr<DeviceBlock>> blocks;
    std::vector<std::uint64_t> scratch, partials, others;
    std::vector<std::int64_t> counts;  // of sums of blocks
    std::uint64_t failure = 0;
    std::uint64_t take(Device& device, std::int64_t bytes);
  };
  Shape shape_of(const Kernel& kernel);
  void take_scratch(const Kernel& kernel, Shape& shape, KernelMemory& memory);
  void take_memory(const Kernel& kernel, Shape& shape, KernelMemory& memory);
  std::uint64_t word(const Word& w, const Kernel& kernel, const KernelMemory& own);
  void start(CUfunction function, std::int64_t blocks, unsigned threads, void** parameters);
  bool failed(std::uint64_t failure);
  void results();

  const ir::Program& program_;
  const Plan& plan_;
  const Functions& functions_;
  Device& device_;
  Frame& frame_;
  std::vector<Memory> memory_;
  std::vector<std::int64_t> indices_;
  std::unordered_map<NodeId, Number16> fetched_;
  DeviceBlock slots_;
  std::int32_t status_ = status_ok;
};

void Launch::bind_parameters(const LaunchOptions& options) {
  for (RootId root = 0; root < program_.roots.size(); ++root) {
    const ir::Root& r = program_.roots[root];
    if (r.kind != ir::Root::Kind::parameter) continue;
    const detail::Layout& layout = *frame_.arrays[r.argument];
    Storage& storage = *detail::Access::storage(*options.arrays[r.argument]);
    Memory& m = memory_[root];
    const auto use = options.written >> r.argument & 1 ? Storage::Use::write : Storage::Use::read;
    m.address = storage.use_on_device(device_, use) + static_cast<std::uint64_t>(layout.data - storage.data());
    m.host = layout.data;
    std::copy_n(layout.extents, max_rank, m.extents);
    std::copy_n(layout.strides, max_rank, m.strides);
    m.origin = root;
    m.ready = true;
  }
}

void make_contiguous(Memory& memory, int rank) {
  std::int64_t stride = 1;
  for (int k = rank - 1; k >= 0; --k) {
    memory.strides[k] = stride;
    if (__builtin_mul_overflow(stride, memory.extents[k], &stride)) stride = 0;
  }
}

const Memory& Launch::memory(RootId root) {
  const ir::Root& r = program_.roots[root];
  Memory& memory = memory_[root];
  if (memory.ready) return memory;
  if (r.kind != ir::Root::Kind::alias) throw InternalError(text("root ", root, " is used before it is allocated"));
  const Memory& of = this->memory(r.of);
  memory.address = of.address;
  memory.host = of.host;
  memory.origin = of.origin;
  for (int k = 0; k < r.rank; ++k) memory.extents[k] = integer(r.extents[k]);
  make_contiguous(memory, r.rank);
  return memory;
}

// ---- Numbers --------------------------------------------------------------------------------------------------------

Number16 Launch::number(NodeId id) {
  const ir::Node& node = program_[id];
  if (const auto known = fetched_.find(id); known != fetched_.end()) return known->second;
  Number16 x;
  switch (node.op) {
    case Op::constant: return node.number;
    case Op::scalar_argument: return frame_.scalars[node.id];
    case Op::extent: x.i = memory(node.id).extents[node.axis]; return x;
    case Op::stride: x.i = memory(node.id).strides[node.axis]; return x;
    case Op::index: x.i = indices_[node.id * max_rank + node.axis]; return x;
    case Op::load:
    case Op::read_variable: throw InternalError(text("node ", id, " is not known to the host"));
    default: break;
  }
  const bool converts = node.op == Op::convert;
  Number16 operands[3];
  for (int k = 0, count = converts ? 1 : ir::row(node.op).arity; k < count; ++k) operands[k] = number(node.operands[k]);
  const int last = converts ? 0 : ir::row(node.op).arity - 1;
  const DType from = program_[node.operands[last]].type.dtype, to = node.type.dtype;
  return converts ? convert(operands[0], from, to) : evaluate(node.op, from, to, operands, program_.precise);
}

Number16 of_register(const std::byte* bytes, DType dtype) {
  return read_element(bytes, dtype == f16 || dtype == bf16 ? f32 : dtype);
}

void Launch::fetch(const std::vector<NodeId>& nodes) {
  for (const NodeId id : nodes) {
    std::byte bytes[16];
    device_.copy_to_host(bytes, slots_.address() + plan_.node_slots[id] * 16, 16);
    fetched_[id] = of_register(bytes, program_[id].type.dtype);
  }
}

// ---- Steps ----------------------------------------------------------------------------------------------------------

Flow Launch::steps(const std::vector<Step>& list) {
  for (const Step& s : list) {
    const Flow flow = step(s);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Flow Launch::step(const Step& s) {
  if (s.kind != Step::Kind::while_) fetch(s.fetched);
  switch (s.kind) {
    case Step::Kind::kernel: return kernel(s.kernel);
    case Step::Kind::allocate: return allocate(*s.statement);
    case Step::Kind::swap: swap(*s.statement); return Flow::next;
    case Step::Kind::guard: return guard(*s.statement);
    case Step::Kind::loop: return loop(s);
    case Step::Kind::while_: return while_loop(s);
    case Step::Kind::branch: return steps(integer(s.statement->condition) != 0 ? s.body : s.otherwise);
    case Step::Kind::break_: return Flow::leave;
    case Step::Kind::continue_: return Flow::turn;
  }
  throw InternalError("no such step");
}

std::int64_t trip_count(std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto b = static_cast<std::uint64_t>(begin), e = static_cast<std::uint64_t>(end);
  const auto s = static_cast<std::uint64_t>(step);
  if (step > 0 && begin < end) return static_cast<std::int64_t>((e - b - 1) / s + 1);
  if (step < 0 && begin > end) return static_cast<std::int64_t>((b - e - 1) / (0 - s) + 1);
  return 0;
}

Flow Launch::loop(const Step& s) {
  const ir::Loop& l = program_.loops[s.statement->target];
  std::int64_t* const index = &indices_[s.statement->target * max_rank];
  std::int64_t begin[max_rank], by[max_rank], trips[max_rank], position[max_rank] = {}, left = 1;
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) {
    index[k] = begin[k] = integer(l.dimensions[k].begin);
    by[k] = integer(l.dimensions[k].step);
    trips[k] = trip_count(begin[k], integer(l.dimensions[k].end), by[k]);
    left *= trips[k];
  }
  if (s.reducing != none) kernel(s.reducing);
  for (; left > 0; --left) {
    const Flow flow = steps(s.body);
    if (flow == Flow::failed) return flow;
    if (s.reducing != none) kernel(s.reducing + 1);
    if (flow == Flow::leave) break;
    for (std::size_t k = l.dimensions.size(); k-- > 0;) {
      if (++position[k] < trips[k]) {
        index[k] += by[k];
        break;
      }
      position[k] = 0;
      index[k] = begin[k];
    }
  }
  if (s.reducing != none) kernel(s.reducing + 2);
  return Flow::next;
}

Flow Launch::while_loop(const Step& s) {
  for (;;) {
    const Flow test = steps(s.body);
    if (test != Flow::next) return test;
    fetch(s.fetched);
    if (integer(s.statement->condition) == 0) return Flow::next;
    const Flow flow = steps(s.otherwise);
    if (flow == Flow::failed) return flow;
    if (flow == Flow::leave) return Flow::next;
  }
}

Flow Launch::allocate(const ir::Statement& s) {
  const ir::Root& root = program_.roots[s.target];
  Memory& m = memory_[s.target];
  auto bytes = static_cast<std::int64_t>(root.dtype.size());
  bool fits = true;
  for (int k = 0; k < root.rank; ++k) {
    m.extents[k] = std::max<std::int64_t>(integer(root.extents[k]), 0);
    fits &= !__builtin_mul_overflow(bytes, m.extents[k], &bytes);
  }
  if (!fits) bytes = std::numeric_limits<std::int64_t>::max();
  make_contiguous(m, root.rank);
  if (m.ready && m.origin == s.target && m.capacity >= bytes) return Flow::next;
  // The host's memory is an address only, until something is read there.
  m.host = frame_.services->allocate(&frame_, s.target, bytes);
  if (!m.host) {
    status_ = status_no_memory;
    return Flow::failed;
  }
  m.address = Storage::of(m.host, static_cast<std::size_t>(bytes))->use_on_device(device_, Storage::Use::overwrite);
  m.capacity = bytes;
  m.origin = s.target;
  m.ready = true;
  return Flow::next;
}

void Launch::swap(const ir::Statement& s) {
  for (const RootId root : {s.target, s.other}) {
    memory(root);
    memory_[root].ready = true;
  }
  std::swap(memory_[s.target], memory_[s.other]);
}

Flow Launch::guard(const ir::Statement& s) {
  if (integer(s.condition) != 0) return Flow::next;
  const ir::Message& message = program_.messages[s.message];
  const std::size_t shown = std::min(message.shown.size(), most_shown);
  for (std::size_t k = 0; k < shown; ++k) frame_.failed[k] = integer(message.shown[k]);
  status_ = static_cast<std::int32_t>(s.message) + 1;
  return Flow::failed;
}

// ---- Kernels --------------------------------------------------------------------------------------------------------

std::int64_t Launch::iterations(ir::LoopId loop) {
  std::int64_t total = 1;
  for (const ir::LoopDimension& d : program_.loops[loop].dimensions)
    total *= trip_count(integer(d.begin), integer(d.end), integer(d.step));
  return total;
}

std::uint64_t Launch::word(const Word& w, const Kernel& kernel, const KernelMemory& own) {
  std::uint64_t bits = 0;
  switch (w.kind) {
    case Word::Kind::node: {
      const Number16 x = number(w.id);
      const DType dtype = program_[w.id].type.dtype;
      if (!dtype.is_floating() && !dtype.is_complex()) return static_cast<std::uint64_t>(x.i);
      const double part = w.axis == 0 ? x.re : x.im;
      std::memcpy(&bits, &part, sizeof bits);
      return bits;
    }
    case Word::Kind::address: return memory(w.id).address;
    case Word::Kind::stride: return static_cast<std::uint64_t>(memory(w.id).strides[w.axis]);
    case Word::Kind::extent: return static_cast<std::uint64_t>(memory(w.id).extents[w.axis]);
    case Word::Kind::slots: return slots_.address();
    case Word::Kind::partials: return own.partials[w.id];
    case Word::Kind::scratch: {
      std::size_t at = 0;
      while (kernel.scratch[at].root != w.id) ++at;
      return own.scratch[at];
    }
    case Word::Kind::failure: return own.failure;
  }
  return bits;
}

void Launch::start(CUfunction function, std::int64_t blocks, unsigned threads, void** parameters) {
  const Device::Current current(device_);
  check(driver().cuLaunchKernel(function, static_cast<unsigned>(blocks), 1, 1, threads, 1, 1, 0, device_.stream(),
                                parameters, nullptr),
        "launch a kernel");
}

Launch::Shape Launch::shape_of(const Kernel& k) {
  Shape shape;
  shape.total = k.grid == Kernel::Grid::one ? 1 : iterations(k.loop);
  shape.threads = k.grid == Kernel::Grid::one ? 1 : k.grid == Kernel::Grid::teams ? threads_of_team : threads_of_block;
  std::int64_t units = k.grid == Kernel::Grid::teams ? shape.total : (shape.total + shape.threads - 1) / shape.threads;
  if (k.grid == Kernel::Grid::blocks) {
    const std::int64_t groups = shape.threads / k.group;
    units = ((shape.total + k.block_elements - 1) / k.block_elements + groups - 1) / groups;
  }
  // A few blocks for each place where one can run: more than that share them.
  shape.blocks = std::clamp<std::int64_t>(units, 1, static_cast<std::int64_t>(device_.multiprocessors()) * 32);
  return shape;
}

std::uint64_t Launch::KernelMemory::take(Device& device, std::int64_t bytes) {
  blocks.push_back(std::make_unique<DeviceBlock>(device, static_cast<std::size_t>(std::max<std::int64_t>(bytes, 1))));
  return blocks.back()->address();
}

// What the kernel's threads have of their own; where that is much, fewer of them run.
void Launch::take_scratch(const Kernel& k, Shape& shape, KernelMemory& memory) {
  const auto bytes_of_block = [&](const Kernel::Scratch& each) {
    const ir::Root& root = program_.roots[each.root];
    auto bytes = static_cast<std::int64_t>(root.dtype.size()) * (each.of_team ? 1 : shape.threads);
    for (int axis = 0; axis < root.rank; ++axis) bytes *= std::max<std::int64_t>(integer(root.extents[axis]), 0);
    return bytes;
  };
  std::int64_t all = 0;
  for (const Kernel::Scratch& each : k.scratch) all += bytes_of_block(each);
  if (all > 0) shape.blocks = std::clamp<std::int64_t>(scratch_bytes / all, 1, shape.blocks);
  for (const Kernel::Scratch& each : k.scratch)
    memory.scratch.push_back(memory.take(device_, bytes_of_block(each) * shape.blocks));
}

void Launch::take_memory(const Kernel& k, Shape& shape, KernelMemory& memory) {
  take_scratch(k, shape, memory);
  for (const Reduction& r : k.reductions) {
    const std::int64_t size = 32 * r.lanes, count = (shape.total + size - 1) / size;
    const auto bytes = static_cast<std::int64_t>(ir::accumulator_dtype(r.dtype).size());
    memory.counts.push_back(count);
    memory.partials.push_back(memory.take(device_, count * bytes));
    memory.others.push_back(memory.take(device_, (count + 1) / 2 * bytes));
  }
  if (!k.may_fail) return;
  memory.failure = memory.take(device_, sizeof(Failure));
  const Failure nothing;
  device_.copy_to_device(memory.failure, reinterpret_cast<const std::byte*>(&nothing), sizeof nothing);
}

Flow Launch::kernel(std::uint32_t which) {
  const Kernel& k = plan_.kernels[which];
  ++(k.grid == Kernel::Grid::one ? serial_kernels : kernels);
  Shape shape = shape_of(k);
  KernelMemory memory;
  take_memory(k, shape, memory);
  std::vector<std::uint64_t> words;
  for (const Word& w : k.words) words.push_back(word(w, k, memory));
  words.resize(std::max<std::size_t>(words.size(), 1));
  void* parameters[] = {words.data()};
  if (shape.total > 0) start(functions_.kernels[which], shape.blocks, static_cast<unsigned>(shape.threads), parameters);
  for (std::size_t r = 0; r < k.reductions.size(); ++r) {
    std::uint64_t slots = slots_.address();
    void* folding[] = {&memory.partials[r], &memory.others[r], &memory.counts[r], &slots};
    start(functions_.folders[which][r], 1, memory.counts[r] > 1024 ? 1024 : 256, folding);
  }
  return k.may_fail && failed(memory.failure) ? Flow::failed : Flow::next;
}

bool Launch::failed(std::uint64_t address) {
  Failure failure;
  device_.copy_to_host(reinterpret_cast<std::byte*>(&failure), address, sizeof failure);
  if (failure.status == 0) return false;
  status_ = failure.status;
  std::copy_n(failure.values, std::min<std::size_t>(most_shown, 16), frame_.failed);
  return true;
}

void Launch::results() {
  for (std::size_t k = 0; k < program_.results.size(); ++k) {
    const ir::Result& result = program_.results[k];
    ResultSlot& slot = frame_.results[k];
    if (!result.is_array) {
      slot.number = number(result.value);
      continue;
    }
    const Memory& m = memory(result.root);
    slot.data = m.host + integer(result.offset) * static_cast<std::int64_t>(program_.roots[result.root].dtype.size());
    slot.root = m.origin;
    for (int axis = 0; axis < result.rank; ++axis) {
      slot.extents[axis] = integer(result.extents[axis]);
      slot.strides[axis] = integer(result.strides[axis]);
    }
  }
}

}  // namespace

std::int32_t launch(const Loaded& loaded, Frame& frame, const LaunchOptions& options, LaunchReport* report) {
  Launch launch(loaded, frame, options);
  const std::int32_t status = launch.run();
  if (report) {
    report->threads = launch.kernels == 0 ? 1 : 0;
    report->reason = launch.kernels == 0          ? "a part that is not parallel runs on one thread of the GPU"
                     : launch.serial_kernels == 0 ? "a grid of threads"
                                                  : "a grid of threads; what is between parallel loops runs on one";
  }
  return status;
}

}  // namespace kiln::on_cuda
