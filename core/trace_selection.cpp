// Tracing: elements picked by index arrays and masks.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <limits>

namespace kiln::detail {

using ir::NodeId;
using ir::none;
using ir::Statement;

namespace {

constexpr Type number_type{i64, Strength::weak}, truth{bool_, Strength::strong};

}  // namespace

// An index array's element as i64; what i64 has not becomes the greatest, which no axis has.
NodeId Tracing::as_index(NodeId element) {
  if (program_[element].type.dtype != u64) return build_.convert(element, number_type);
  Number16 greatest;
  greatest.i = std::numeric_limits<std::int64_t>::max();
  return build_.convert(
      build_.node(ir::Op::minimum, {u64, Strength::strong}, {element, build_.constant(u64, greatest)}), number_type);
}

// Checks, before anything is read through it, that an index array stays inside its axis: its least and greatest
// element.
void Tracing::check_picking(const Symbol& base, const Symbol& index, int axis, const Location& where) {
  const DType dtype = i64;
  const auto start = [&](std::int64_t x) { return Access::make({i64, Strength::strong}, {.i = x, .im = 0}); };
  const std::uint32_t least = declare(start(0), where, &dtype), greatest = declare(start(-1), where, &dtype);
  const ElementLoop loop = open_elements(index.extents, index.rank, where);
  const NodeId element = Access::node(load(index, loop.indices, where));
  const NodeId number = build_.convert(as_index(element), {i64, Strength::strong});
  const auto reduce = [&](std::uint32_t variable, ir::Op op) {
    Statement& r = emit(Statement::Kind::reduce, where);
    r.target = variable;
    r.op = op;
    r.value = number;
    r.loop = loop.loop;
  };
  reduce(least, ir::Op::minimum);
  reduce(greatest, ir::Op::maximum);
  close_elements();
  const NodeId low = build_.convert(Access::node(read(least, where)), number_type);
  const NodeId high = build_.convert(Access::node(read(greatest, where)), number_type);
  build_.at(location(where));
  const NodeId extent = base.extents[axis], from_end = build_.sub(build_.integer(0), extent);
  // Compared as it is: one more than the greatest number would wrap.
  const NodeId starts = build_.less_equal(from_end, low), ends = build_.node(ir::Op::less, truth, {high, extent});
  ir::Message m{ir::Message::Kind::index, "index ", {}, location(where)};
  m.append(program_, build_.select(starts, high, low));
  m.text += text(" of an index array is out of bounds for axis ", axis, " of ");
  m.append(program_, base.dtype, base.extents, base.rank);
  m.text += ", which has ";
  m.append(program_, extent);
  m.text += " elements there; valid are ";
  m.append(program_, from_end);
  m.text += " to ";
  m.append(program_, build_.sub(extent, build_.integer(1)));
  guard(build_.logical_and(starts, ends), std::move(m));
}

// The shape of what is picked, and the checks that all of it is there.
Tracing::Picking Tracing::pick(const Picked& picked, std::string_view name, const Location& where) {
  Picking p;
  p.base = symbol_of(*picked.base, where);
  p.count = picked.count;
  const Symbol* indices[max_rank];
  bool is_indexed[max_rank] = {};
  for (int k = 0; k < picked.count; ++k) {
    p.indices[k] = symbol_of(*picked.indices[k], where);
    p.axes[k] = picked.axes[k];
    is_indexed[picked.axes[k]] = true;
    indices[k] = &p.indices[k];
  }
  p.index_rank = broadcast_extents(indices, picked.count, p.index_extents, name, where);
  p.first = picked.first_axis;
  for (int axis = 0; axis < p.base.rank; ++axis)
    if (!is_indexed[axis]) p.kept[p.kept_count++] = axis;
  p.rank = p.kept_count + p.index_rank;
  if (p.rank > max_rank) throw too_many_axes(text("indexing ", described(p.base), " with arrays"), where);
  for (int k = 0; k < p.index_rank; ++k) p.extents[p.first + k] = p.index_extents[k];
  for (int k = 0; k < p.kept_count; ++k) p.extents[p.place_of_kept(k)] = p.base.extents[p.kept[k]];
  for (int k = 0; k < p.count; ++k) check_picking(p.base, p.indices[k], p.axes[k], where);
  return p;
}

// The base's indices for an element of the result; `loop` has an index for each of its axes.
void Tracing::picked_indices(const Picking& p, const ElementLoop& loop, NodeId* out, const Location& where) {
  ElementLoop of_indices{loop.loop, {}};
  for (int k = 0; k < p.index_rank; ++k) of_indices.indices[k] = loop.indices[p.first + k];
  for (int k = 0; k < p.count; ++k) {
    const NodeId element = load_broadcast(p.indices[k], of_indices, p.index_extents, p.index_rank, where);
    const NodeId index = as_index(element);
    out[p.axes[k]] = index;
    if (p.indices[k].dtype.kind() == TypeKind::unsigned_integer) continue;
    const NodeId from_end = build_.add(index, p.base.extents[p.axes[k]]);
    const NodeId is_negative = build_.node(ir::Op::less, truth, {index, build_.integer(0)});
    out[p.axes[k]] = build_.select(is_negative, from_end, index);
  }
  for (int k = 0; k < p.kept_count; ++k) out[p.kept[k]] = loop.indices[p.place_of_kept(k)];
}

Array Tracing::gather(const Picked& picked, const Location& where) {
  const Picking p = pick(picked, "indexing", where);
  const Array result = allocate(p.base.dtype, p.extents, p.rank, where);
  const ElementLoop loop = open_elements(p.extents, p.rank, where);
  NodeId at[max_rank];
  picked_indices(p, loop, at, where);
  store(symbol_of(result, where), loop.indices, Access::node(load(p.base, at, where)), where);
  close_elements();
  return result;
}

// What is read while `target` is written: itself where it is another memory, else a copy.
Array Tracing::read_before(const Array& a, const Symbol& target, const Location& where) {
  const ir::RootId own = base(symbol_of(a, where).root), to = base(target.root);
  const bool apart = own != to && !(program_.roots[own].may_overlap && program_.roots[to].may_overlap);
  return apart ? a : materialise(a, where);
}

// The loops are sequential, so that of several stores to one element the last one stays; those of axes that no array
// indexes are not.
void Tracing::scatter(const Picked& picked, const MixedOperand& x, std::string_view name, const Location& where) {
  const Symbol target = symbol_of(*picked.base, where);
  written(target, name, where);
  Picked apart = picked;
  Array copies[max_rank];
  for (int k = 0; k < picked.count; ++k) {
    Access::rebind(copies[k], read_before(*picked.indices[k], target, where));
    apart.indices[k] = &copies[k];
  }
  Picking p = pick(apart, "indexing", where);
  Symbol shape = target;
  shape.rank = p.rank;
  for (int k = 0; k < p.rank; ++k) shape.extents[k] = p.extents[k];
  NodeId value = none;
  Symbol from;
  if (x.array) {
    const Array source = read_before(*x.array, target, where);
    from = symbol_of(source, where);
    check_stored(shape, from, name, where);
  } else {
    check_fits(*x.scalar, target.dtype, name, [&] { return described(target); }, where);
    value = converted(*x.scalar, target.dtype, where);
  }
  const std::size_t depth = scopes_.size();
  ElementLoop all{none, {}};
  for (int k = 0; k < p.index_rank; ++k) {
    const ElementLoop loop = open_turns(p.index_extents[k], where);
    all.indices[p.first + k] = loop.indices[0];
  }
  if (p.kept_count > 0) {
    NodeId kept[max_rank];
    for (int k = 0; k < p.kept_count; ++k) kept[k] = p.base.extents[p.kept[k]];
    const ElementLoop loop = open_elements(kept, p.kept_count, where);
    for (int k = 0; k < p.kept_count; ++k) all.indices[p.place_of_kept(k)] = loop.indices[k];
  }
  NodeId at[max_rank];
  picked_indices(p, all, at, where);
  if (x.array)
    value = build_.convert(load_broadcast(from, all, p.extents, p.rank, where), {target.dtype, Strength::strong});
  store(target, at, value, where);
  while (scopes_.size() > depth) scopes_.pop_back();
}

// A sequential loop over an axis of an array.
Tracing::ElementLoop Tracing::open_turns(NodeId extent, const Location& where) {
  ir::Loop loop;
  loop.location = location(where);
  loop.dimensions.push_back({build_.integer(0), extent, build_.integer(1)});
  ElementLoop open{static_cast<ir::LoopId>(program_.loops.size()), {}};
  program_.loops.push_back(std::move(loop));
  const ir::BlockId body = program_.new_block();
  Statement& s = emit(Statement::Kind::loop, where);
  s.target = open.loop;
  s.body = body;
  open_scope(Scope::Kind::sequential, body, open.loop, where);
  open.indices[0] = build_.index(open.loop, 0);
  return open;
}

void Tracing::store_masked(const Array& to, const Array& mask, const MixedOperand& x, std::string_view name,
                           const Location& where) {
  const Symbol target = symbol_of(to, where);
  written(target, name, where);
  const Array own_mask = read_before(mask, target, where);
  const Symbol m = symbol_of(own_mask, where);
  build_.at(location(where));
  for (int k = 0; k < m.rank; ++k) {
    if (build_.same(m.extents[k], target.extents[k])) continue;
    ir::Message message{ir::Message::Kind::index, "a mask (", {}, location(where)};
    message.append(program_, m.dtype, m.extents, m.rank);
    message.text += ") of ";
    message.append(program_, target.dtype, target.extents, target.rank);
    message.text += text(" has another number of elements along axis ", k,
                         ": it covers the leading axes, extent by extent; make it of the array itself, as in a > 0");
    guard(build_.equal(m.extents[k], target.extents[k]), std::move(message));
  }
  NodeId value = none;
  Symbol from;
  if (x.array) {
    const Array source = read_before(*x.array, target, where);
    from = symbol_of(source, where);
    check_stored(target, from, name, where);
  } else {
    check_fits(*x.scalar, target.dtype, name, [&] { return described(target); }, where);
    value = converted(*x.scalar, target.dtype, where);
  }
  const ElementLoop loop = open_elements(target.extents, target.rank, where);
  const Value holds = load(m, loop.indices, where);
  if (x.array)
    value = build_.convert(load_broadcast(from, loop, target.extents, target.rank, where),
                           {target.dtype, Strength::strong});
  open_branch(Operand(holds, where));
  store(target, loop.indices, value, where);
  close_branch();
  close_elements();
}

}  // namespace kiln::detail
