// A call's memory: parameters made valid on the GPU, allocations, what is read back, and results.
#include "core/error_text.h"
#include "core/host_ops.h"
#include "cuda/launch_call.h"

#include <kiln/error.h>

#include <algorithm>
#include <limits>

namespace kiln::on_cuda {

namespace {

void make_contiguous(Memory& memory, int rank) {
  std::int64_t stride = 1;
  for (int k = rank - 1; k >= 0; --k) {
    memory.strides[k] = stride;
    if (__builtin_mul_overflow(stride, memory.extents[k], &stride)) stride = 0;
  }
}

Number16 of_register(const std::byte* bytes, DType dtype) {
  return read_element(bytes, dtype == f16 || dtype == bf16 ? f32 : dtype);
}

}  // namespace

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

void Launch::fetch(const std::vector<NodeId>& nodes) {
  for (const NodeId id : nodes) {
    std::byte bytes[16];
    device_.copy_to_host(bytes, slots_.address() + plan_.node_slots[id] * 16, 16);
    fetched_[id] = of_register(bytes, program_[id].type.dtype);
  }
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

}  // namespace kiln::on_cuda
