// Tracing: arrays as views of roots: slices, other shapes.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <algorithm>
#include <iterator>

namespace kiln::detail {

using ir::NodeId;
using ir::none;
using ir::RootId;
using ir::Statement;

const Symbol& Tracing::symbol_of(const Array& a, const Location& where) {
  switch (Access::state(a)) {
    case Access::State::undefined: throw no_elements("a traced function's operation", where);
    case Access::State::concrete:
      throw UsageError(
          text("a concrete array (", detail::described(a),
               ") is mixed into a traced function, which would freeze it at the first call: pass it as a parameter"),
          where);
    case Access::State::traced: break;
  }
  if (Access::trace(a) != id_)
    throw UsageError(text("this Array (", detail::described(a),
                          ") belongs to another traced function's run: pass it as a parameter"),
                     where);
  const Symbol& s = symbols_[Access::symbol(a)];
  if (!alive(s.scope))
    throw UsageError(
        text("this Array (", detail::described(a),
             ") was made inside a loop or branch that has ended; make it before, and store into it with x(rest) = …"),
        where);
  return s;
}

std::string Tracing::described(DType dtype, const NodeId* extents, int rank) const {
  std::int64_t numbers[max_rank];
  for (int k = 0; k < rank; ++k)
    if (!facts_.value(program_, extents[k], numbers[k])) return text(dtype, " array of rank ", rank);
  return text(dtype, " array of shape ", std::span<const std::int64_t>(numbers, static_cast<std::size_t>(rank)));
}

Array Tracing::make(const Symbol& symbol, const Location& where) {
  symbols_.push_back(symbol);
  symbols_.back().scope = scopes_.back().id;
  return Access::make_traced(id_, static_cast<std::uint32_t>(symbols_.size() - 1), symbol.dtype, symbol.rank,
                             symbol.read_only, where);
}

// The view of a root that is the whole root.
Symbol Tracing::whole(RootId root) {
  const ir::Root& r = program_.roots[root];
  Symbol s;
  s.root = root;
  s.dtype = r.dtype;
  s.rank = r.rank;
  s.read_only = r.read_only;
  for (int axis = 0; axis < r.rank; ++axis) {
    s.extents[axis] = build_.extent(root, static_cast<std::uint32_t>(axis));
    s.maps[axis] = {build_.integer(0), axis, build_.integer(1)};
  }
  return s;
}

Array Tracing::parameter(std::uint32_t argument, DType dtype, int rank, bool read_only, const Location& where) {
  ir::Root root;
  root.kind = ir::Root::Kind::parameter;
  root.dtype = dtype;
  root.rank = static_cast<std::uint8_t>(rank);
  root.read_only = read_only;
  root.argument = argument;
  root.location = location(where);
  const auto id = static_cast<RootId>(program_.roots.size());
  program_.roots.push_back(root);
  program_.array_arguments = std::max(program_.array_arguments, argument + 1);
  for (int axis = 0; axis < rank; ++axis) {
    const NodeId extent = build_.extent(id, static_cast<std::uint32_t>(axis));
    program_.roots[id].extents[axis] = extent;
  }
  return make(whole(id), where);
}

Array Tracing::allocate(DType dtype, const NodeId* extents, int rank, const Location& where) {
  ir::Root root;
  root.kind = ir::Root::Kind::allocated;
  root.dtype = dtype;
  root.rank = static_cast<std::uint8_t>(rank);
  root.contiguous = true;
  root.location = location(where);
  for (int axis = 0; axis < rank; ++axis) root.extents[axis] = extents[axis];
  if (rank > 0) root.unit_strides = static_cast<std::uint8_t>(1u << (rank - 1));
  const auto id = static_cast<RootId>(program_.roots.size());
  program_.roots.push_back(root);
  emit(Statement::Kind::allocate, where).target = id;
  return make(whole(id), where);
}

RootId Tracing::base(RootId root) const {
  while (program_.roots[root].kind == ir::Root::Kind::alias) root = program_.roots[root].of;
  return root;
}

NodeId Tracing::element_count(const Symbol& s) {
  NodeId n = build_.integer(1);
  for (int axis = 0; axis < s.rank; ++axis) n = build_.mul(n, s.extents[axis]);
  return n;
}

// ---- Views ----------------------------------------------------------------------------------------------------------

namespace {

// Replaces axis `axis` of the view: where it was indexed by i, it is now indexed by base + step * (new axis `to`, or
// none).
void remap(ir::Builder& build, Symbol& s, const Symbol& from, int axis, NodeId base, NodeId step, int to) {
  const int root_rank = build.program().roots[s.root].rank;
  for (int k = 0; k < root_rank; ++k) {
    if (from.maps[k].axis != axis) continue;
    s.maps[k].base = build.add(from.maps[k].base, build.mul(from.maps[k].step, base));
    s.maps[k].axis = to;
    s.maps[k].step = build.mul(from.maps[k].step, step);
  }
}

struct Bounds {
  NodeId first, extent;
  std::int64_t step;
};

}  // namespace

static Bounds slice_bounds(Tracing& t, const Array& a, NodeId n, const IndexItem& item) {
  ir::Builder& b = t.build();
  const auto step = b.constant_value(t.integer_of(item.item.step.value, "the step of a slice", item.where, &a));
  if (!step || *step == 0) throw step_of_zero(a, item.where);
  const auto bound = [&](const Bound& x, NodeId open) {
    if (x.open) return open;
    const NodeId node = t.integer_of(x.value, "a bound of a slice", item.where, &a);
    const auto known = b.constant_value(node);
    return known && *known < 0 ? b.add(n, node) : node;
  };
  const bool forward = *step > 0;
  const NodeId zero = b.integer(0), minus_one = b.integer(-1), last = b.sub(n, b.integer(1));
  NodeId lo = bound(item.item.lo, forward ? zero : last);
  NodeId hi = bound(item.item.hi, forward ? n : minus_one);
  // Inside its axis, as slices nearly always are, the extent needs no clamping, so that equal slices give equal nodes.
  const NodeId inside =
      forward ? b.logical_and(b.logical_and(b.less_equal(zero, lo), b.less_equal(lo, hi)), b.less_equal(hi, n))
              : b.logical_and(b.logical_and(b.less_equal(minus_one, hi), b.less_equal(hi, lo)), b.less_equal(lo, last));
  bool is_inside = false;
  if (const auto known = b.constant_value(inside)) {
    is_inside = *known != 0;
  } else {
    bool answered = false;
    is_inside = t.facts().condition(t.program(), inside, answered);
  }
  // Where nothing is folded, what is known to be inside is clamped all the same: the interpreter trusts no proof.
  const bool clamps = !is_inside || !b.folds();
  const auto kept = [&](NodeId clamped, NodeId x) { return !is_inside || b.same(clamped, x) ? clamped : x; };
  if (clamps) {
    lo = kept(forward ? b.min(b.max(lo, zero), n) : b.min(b.max(lo, minus_one), last), lo);
    hi = kept(forward ? b.min(b.max(hi, zero), n) : b.min(b.max(hi, minus_one), last), hi);
  }
  const std::int64_t width = forward ? *step : -*step;
  NodeId span = forward ? b.sub(hi, lo) : b.sub(lo, hi);
  if (width != 1) span = b.floordiv(b.add(span, b.integer(width - 1)), b.integer(width));
  if (clamps) span = kept(b.max(span, zero), span);
  return {lo, span, *step};
}

Array Tracing::view(const Array& a, const IndexItem* const* items, int count) {
  const Location where = items[0]->where;
  const Symbol from = symbol_of(a, where);
  build_.at(location(where));
  int named = 0, rests = 0;
  for (int k = 0; k < count; ++k) {
    named += items[k]->kind != IndexItem::Kind::newaxis && items[k]->kind != IndexItem::Kind::rest;
    rests += items[k]->kind == IndexItem::Kind::rest;
  }
  if (rests > 1) throw rest_twice(a, where);
  if (named > from.rank || (rests == 0 && named < from.rank)) throw wrong_item_count(a, named, where);
  Symbol s = from;
  s.rank = 0;
  int axis = 0;
  const auto check_rank = [&] {
    if (s.rank == max_rank) throw too_many_axes(text("a view of ", detail::described(a)), where);
  };
  const auto keep = [&](NodeId base, NodeId extent, std::int64_t step) {
    check_rank();
    remap(build_, s, from, axis, base, build_.integer(step), s.rank);
    s.extents[s.rank++] = extent;
    ++axis;
  };
  for (int k = 0; k < count; ++k) {
    const IndexItem& item = *items[k];
    switch (item.kind) {
      case IndexItem::Kind::all: keep(build_.integer(0), from.extents[axis], 1); break;
      case IndexItem::Kind::newaxis:
        check_rank();
        s.extents[s.rank++] = build_.integer(1);
        break;
      case IndexItem::Kind::rest:
        for (int n = from.rank - named; n > 0; --n) keep(build_.integer(0), from.extents[axis], 1);
        break;
      case IndexItem::Kind::array: throw too_many_index_arrays(a, item.where);
      case IndexItem::Kind::slice: {
        const Bounds b = slice_bounds(*this, a, from.extents[axis], item);
        keep(b.first, b.extent, b.step);
        break;
      }
      case IndexItem::Kind::scalar: {
        NodeId index = integer_of(item.item.lo.value, "an index", item.where, &a);
        const auto known = build_.constant_value(index);
        const bool from_end = known && *known < 0;
        if (from_end) index = build_.add(from.extents[axis], index);
        remap(build_, s, from, axis, index, build_.integer(0), -1);
        for (int r = 0; r < program_.roots[s.root].rank; ++r)
          if (from.maps[r].axis == axis) s.maps[r].from_end = from_end && is_whole_axis(from, r);
        ++axis;
        break;
      }
    }
  }
  return make(s, where);
}

Array Tracing::transpose(const Array& a, const int* axes, const Location& where) {
  const Symbol from = symbol_of(a, where);
  Symbol s = from;
  for (int k = 0; k < from.rank; ++k) {
    s.extents[k] = from.extents[axes[k]];
    for (int r = 0; r < program_.roots[s.root].rank; ++r)
      if (from.maps[r].axis == axes[k]) s.maps[r].axis = k;
  }
  return make(s, where);
}

Array Tracing::diagonal(const Array& a, const Location& where) {
  const Symbol from = symbol_of(a, where);
  build_.at(location(where));
  Symbol s = from;
  s.rank = 1;
  s.extents[0] = build_.min(from.extents[0], from.extents[1]);
  for (int r = 0; r < program_.roots[s.root].rank; ++r)
    if (from.maps[r].axis == 1) s.maps[r].axis = 0;
  return make(s, where);
}

bool Tracing::is_read_in_prange(NodeId id) const {
  const auto prange = std::find_if(scopes_.begin(), scopes_.end(),
                                   [](const Scope& scope) { return scope.kind == Scope::Kind::parallel; });
  if (prange == scopes_.end()) return false;
  const ir::Node& node = program_[id];
  if (node.op == ir::Op::load || node.op == ir::Op::read_variable) return id >= prange->first_node;
  return std::any_of(std::begin(node.operands), std::end(node.operands),
                     [&](NodeId operand) { return operand != none && is_read_in_prange(operand); });
}

void Tracing::check_extents(DType dtype, const NodeId* extents, int rank, const Location& where) {
  build_.at(location(where));
  for (int k = 0; k < rank; ++k) {
    if (is_read_in_prange(extents[k]))
      throw UsageError(text("a new ", described(dtype, extents, rank),
                            " inside prange has an extent computed from what the iteration reads, so that its size is "
                            "not known before the loop: make it as large as the largest and use a slice of it, or use "
                            "range"),
                       where);
    ir::Message message{ir::Message::Kind::shape, "a new ", {}, location(where)};
    message.append(program_, dtype, extents, rank);
    message.text += ": an extent is negative; extents are 0 or more";
    guard(build_.less_equal(build_.integer(0), extents[k]), std::move(message));
  }
}

Array Tracing::broadcast(const Array& a, const NodeId* extents, int rank, const Location& where) {
  const Symbol from = symbol_of(a, where);
  build_.at(location(where));
  Symbol s = from;
  s.rank = rank;
  s.read_only = true;
  const int shift = rank - from.rank;
  for (int k = 0; k < rank; ++k) {
    s.extents[k] = extents[k];
    const NodeId own = k < shift ? build_.integer(1) : from.extents[k - shift];
    const bool same = build_.same(own, extents[k]), repeats = !same && is_one(own);
    if (!same) {
      ir::Message message{ir::Message::Kind::shape, "broadcast_to of ", {}, location(where)};
      message.append(program_, s.dtype, from.extents, from.rank);
      message.text += " to ";
      message.append_shape(program_, extents, rank);
      message.text += ": extents must be equal, or 1 in the array, counted from the last axis, and none negative";
      const NodeId equal = build_.equal(own, extents[k]), grows = build_.less_equal(build_.integer(0), extents[k]);
      guard(repeats ? grows
            : may_be_one(own)
                ? build_.logical_or(equal, build_.logical_and(build_.equal(own, build_.integer(1)), grows))
                : equal,
            std::move(message));
    }
    if (k < shift) continue;
    const NodeId step = repeats                    ? build_.integer(0)
                        : !same && may_be_one(own) ? step_unless_one(own)
                                                   : build_.integer(1);
    remap(build_, s, from, k - shift, build_.integer(0), step, repeats ? -1 : k);
  }
  return make(s, where);
}

ir::Message Tracing::reshape_message(const Symbol& from, const NodeId* extents, int rank, const Location& where) {
  ir::Message message{ir::Message::Kind::shape, "reshape of ", {}, location(where)};
  message.append(program_, from.dtype, from.extents, from.rank);
  message.text += " to ";
  message.append_shape(program_, extents, rank);
  message.text += elements_must_stay;
  return message;
}

bool Tracing::is_contiguous(const Symbol& s) {
  if (program_.roots[s.root].rank != s.rank) return false;
  for (int k = 0; k < s.rank; ++k) {
    const bool whole = s.maps[k].axis == k && build_.constant_value(s.maps[k].base) == 0 &&
                       build_.constant_value(s.maps[k].step) == 1 &&
                       build_.same(s.extents[k], build_.extent(s.root, static_cast<std::uint32_t>(k)));
    if (!whole) return false;
  }
  ir::Root& root = program_.roots[s.root];
  if (root.kind == ir::Root::Kind::parameter && !root.contiguous)
    root.contiguous = facts_.contiguous(static_cast<int>(root.argument));
  return root.kind != ir::Root::Kind::parameter || root.contiguous;
}

Array Tracing::reshape(const Array& a, const Shape& shape, const Location& where) {
  const Symbol from = symbol_of(a, where);
  NodeId extents[max_rank];
  NodeId product = build_.integer(1);
  int unknown = -1;
  for (int k = 0; k < shape.rank(); ++k) {
    extents[k] = integer_of(shape[k], "an extent", shape.where());
    if (build_.constant_value(extents[k]) == -1) {
      if (unknown >= 0) throw two_unknown_extents(a, where);
      unknown = k;
    } else {
      product = build_.mul(product, extents[k]);
    }
  }
  const NodeId count = element_count(from);
  NodeId written[max_rank];
  std::copy_n(extents, shape.rank(), written);
  if (unknown >= 0) {
    extents[unknown] = build_.floordiv(count, product);
    product = build_.mul(product, extents[unknown]);
  }
  if (!build_.same(product, count)) {
    NodeId fits = build_.equal(product, count);  // (-2, -5) is no shape of ten elements
    for (int k = 0; k < shape.rank(); ++k)
      if (k != unknown) fits = build_.logical_and(fits, build_.less_equal(build_.integer(0), extents[k]));
    guard(fits, reshape_message(from, written, shape.rank(), where));
  }
  // A whole contiguous root is renamed; anything else is copied first.
  const bool whole_root = is_contiguous(from);
  const Array source = whole_root ? a : materialise(a, where);
  ir::Root alias;
  alias.kind = ir::Root::Kind::alias;
  alias.of = symbols_[Access::symbol(source)].root;
  alias.dtype = from.dtype;
  alias.rank = static_cast<std::uint8_t>(shape.rank());
  alias.contiguous = true;
  alias.read_only = from.read_only && whole_root;
  alias.location = location(where);
  if (alias.rank > 0) alias.unit_strides = static_cast<std::uint8_t>(1u << (alias.rank - 1));
  for (int k = 0; k < shape.rank(); ++k) alias.extents[k] = extents[k];
  program_.roots.push_back(alias);
  return make(whole(static_cast<RootId>(program_.roots.size() - 1)), where);
}

void Tracing::check_dot(const Array& a, const Array& b, const Location& where) {
  const NodeId x = symbol_of(a, where).extents[0], y = symbol_of(b, where).extents[0];
  if (build_.same(x, y)) return;
  build_.at(location(where));
  guard(build_.equal(x, y),
        {ir::Message::Kind::shape,
         text("dot of ", a.dtype(), " array of shape ({},) and ", b.dtype(),
              " array of shape ({},): both must have as many elements; slice the longer one, as in a(slice(_, n))"),
         {x, y},
         location(where)});
}

void Tracing::swap(Array& a, Array& b, const Location& where) {
  const Symbol x = symbol_of(a, where), y = symbol_of(b, where);
  const ir::Root &rx = program_.roots[x.root], &ry = program_.roots[y.root];
  const auto both = [&] { return text("swap of ", described(x), " and ", described(y), ": "); };
  if (rx.kind == ir::Root::Kind::alias || ry.kind == ir::Root::Kind::alias || x.rank != rx.rank || y.rank != ry.rank)
    throw UsageError(both() + "it exchanges parameters and arrays made in this function, not views; copy() the view",
                     where);
  if (x.dtype != y.dtype || x.rank != y.rank)
    throw ShapeError(both() + "both must have one dtype and shape; copy elements instead, as in a(rest) = b", where);
  for (const Scope& scope : scopes_)
    if (scope.kind == Scope::Kind::parallel)
      throw UsageError(both() + "inside prange, whose iterations run at the same time; swap after the loop", where);
  const auto check_equal = [&](NodeId first, NodeId second, ir::Message::Kind kind, const std::string& difference) {
    if (build_.same(first, second)) return;
    ir::Message message{kind, "swap of ", {}, location(where)};
    message.append(program_, x.dtype, x.extents, x.rank);
    message.text += " and ";
    message.append(program_, y.dtype, y.extents, y.rank);
    message.text += difference;
    guard(build_.equal(first, second), std::move(message));
  };
  for (int k = 0; k < x.rank; ++k)
    check_equal(x.extents[k], y.extents[k], ir::Message::Kind::shape,
                ": both must have one shape; copy elements instead, as in a(rest) = b");
  // Only the memory changes hands, so both must lie in it alike.
  for (int k = 0; k < x.rank; ++k) {
    const auto axis = static_cast<std::uint32_t>(k);
    check_equal(build_.stride(x.root, axis), build_.stride(y.root, axis), ir::Message::Kind::usage,
                text(", which lie differently in memory along axis ", k, "; copy() one of them"));
  }
  products_.clear();
  Statement& s = emit(Statement::Kind::swap, where);
  s.target = x.root;
  s.other = y.root;
}

}  // namespace kiln::detail
