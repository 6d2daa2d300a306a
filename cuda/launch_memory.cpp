// A call's memory: parameters made valid on the GPU, allocations, what is read back, and results.
#include "core/error_text.h"
#include "core/host_ops.h"
#include "cuda/launch_call.h"

#include <kiln/error.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

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

void Launch::bind_parameters() {
  refuse_overlap();
  for (RootId root = 0; root < program_.roots.size(); ++root) {
    const ir::Root& r = program_.roots[root];
    if (r.kind != ir::Root::Kind::parameter) continue;
    const detail::Layout& layout = *frame_.arrays[r.argument];
    const Array& array = *arguments_.arrays[r.argument];
    Memory& m = memory_[root];
    const auto use = arguments_.written >> r.argument & 1 ? Storage::Use::write : Storage::Use::read;
    m.address = detail::make_argument_valid_on_device(array, static_cast<int>(r.argument), device_, stream_, use,
                                                      arguments_.where) +
                static_cast<std::uint64_t>(layout.data - detail::Access::storage(array)->data());
    m.host = layout.data;
    std::copy_n(layout.extents, max_rank, m.extents);
    std::copy_n(layout.strides, max_rank, m.strides);
    m.origin = root;
    m.ready = true;
  }
}

// Memory of others that overlaps has a copy here for each array over it: the writes of one would not reach the other.
void Launch::refuse_overlap() {
  const auto shared = [&](std::uint32_t k) -> const Storage* {
    const Storage* const s = detail::Access::storage(*arguments_.arrays[k]);
    return s->at_home_on_host() || s->at_home_on_device() ? s : nullptr;
  };
  const auto first_byte = [&](const Storage& s) {
    return s.at_home_on_host() ? reinterpret_cast<std::uint64_t>(s.data()) : s.address_on(*s.newest());
  };
  for (std::uint32_t k = 1; k < arguments_.count; ++k) {
    const Storage* const a = shared(k);
    for (std::uint32_t j = 0; a && j < k; ++j) {
      const Storage* const b = shared(j);
      if (!b || a == b || a->at_home_on_host() != b->at_home_on_host() || a->newest() != b->newest()) continue;
      if (!((arguments_.written >> k | arguments_.written >> j) & 1)) continue;
      const std::uint64_t at_a = first_byte(*a), at_b = first_byte(*b);
      if (at_a < at_b + b->bytes() && at_b < at_a + a->bytes())
        throw UsageError(
            text("arguments ", j + 1, " and ", k + 1, " borrow memory that overlaps, and one of them is written on ",
                 device_.name(), ": borrow it once and pass views of that array"),
            arguments_.where);
    }
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

// Why there is no memory for an array that the function makes, at the line that makes it.
void Launch::refuse_memory(RootId id, const RuntimeError& why) {
  const ir::Root& root = program_.roots[id];
  std::int64_t extents[max_rank];
  for (int k = 0; k < root.rank; ++k) extents[k] = integer(root.extents[k]);
  const Location& line = program_.locations[root.location];
  throw RuntimeError(text("a new ", root.dtype, " array of shape ", std::span<const std::int64_t>(extents, root.rank),
                          ": ", why.what()),
                     line.line() ? line : arguments_.where);
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
    if (fetch({}, true) == Flow::failed) return Flow::failed;
    status_ = status_no_memory;
    return Flow::failed;
  }
  Storage* const storage = Storage::of(m.host, static_cast<std::size_t>(bytes));
  try {
    m.address = storage->use_on_device(device_, stream_, Storage::Use::overwrite);
  } catch (const RuntimeError& e) {
    refuse_memory(s.target, e);
  }
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

// All at once: the slots from the first to the last of them, and the Failure in front of them unless it is known.
Flow Launch::fetch(const std::vector<NodeId>& nodes, bool failures) {
  if (nodes.empty() && !(failures && unknown_)) return Flow::next;
  std::uint32_t first = nodes.empty() || unknown_ ? 0 : none, end = 0;
  for (const NodeId id : nodes) {
    first = std::min(first, plan_.node_slots[id]);
    end = std::max(end, plan_.node_slots[id] + 1);
  }
  const std::size_t begin = unknown_ ? 0 : slots_begin() + std::size_t{first} * 16;
  std::vector<std::byte> bytes(slots_begin() + std::size_t{end} * 16 - begin);
  device_.read_back(stream_, bytes.data(), slots_.address() + begin, bytes.size());
  if (unknown_) {
    Failure failure;
    std::memcpy(&failure, bytes.data(), sizeof failure);
    if (failure.status != 0) {
      status_ = failure.status;
      std::copy_n(failure.values, std::min<std::size_t>(most_shown, 16), frame_.failed);
      return Flow::failed;
    }
    unknown_ = false;
  }
  for (const NodeId id : nodes)
    fetched_[id] =
        of_register(&bytes[slots_begin() + std::size_t{plan_.node_slots[id]} * 16 - begin], program_[id].type.dtype);
  return Flow::next;
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
