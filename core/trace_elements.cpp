// Tracing: elements of arrays: loads, stores and updates.
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

void Tracing::root_indices(const Symbol& s, const NodeId* indices, NodeId* out) {
  for (int axis = 0; axis < program_.roots[s.root].rank; ++axis) {
    const AxisMap& map = s.maps[axis];
    out[axis] = map.axis < 0 ? map.base : build_.add(map.base, build_.mul(map.step, indices[map.axis]));
  }
}

// Whether an axis of the root is all of an axis of the view, as it is.
bool Tracing::is_whole_axis(const Symbol& s, int root_axis) {
  const AxisMap& map = s.maps[root_axis];
  return map.axis >= 0 && build_.constant_value(map.base) == 0 && build_.constant_value(map.step) == 1 &&
         build_.same(s.extents[map.axis], build_.extent(s.root, static_cast<std::uint32_t>(root_axis)));
}

std::uint8_t Tracing::root_axes_from_end(const Symbol& s, unsigned from_end) {
  unsigned bits = 0;
  for (int k = 0; k < program_.roots[s.root].rank; ++k) {
    const AxisMap& map = s.maps[k];
    if (map.axis < 0 ? map.from_end : (from_end >> map.axis & 1) != 0 && is_whole_axis(s, k)) bits |= 1u << k;
  }
  return static_cast<std::uint8_t>(bits);
}

Value Tracing::load(const Symbol& s, const NodeId* indices, const Location& where, unsigned from_end) {
  NodeId at[max_rank];
  build_.at(location(where));
  root_indices(s, indices, at);
  ir::Node n;
  n.op = ir::Op::load;
  n.type = {s.dtype, Strength::strong};
  n.id = s.root;
  n.axis = static_cast<std::uint32_t>(program_.indices.size());
  n.count = program_.roots[s.root].rank;
  n.from_end = root_axes_from_end(s, from_end);
  n.location = location(where);
  program_.indices.insert(program_.indices.end(), at, at + n.count);
  const NodeId node = program_.append(n);
  emit(Statement::Kind::evaluate, where).value = node;
  return value_of(node);
}

void Tracing::written(const Symbol& s, std::string_view operation, const Location& where) {
  if (s.read_only)
    throw UsageError(text("'", operation, "' writes into a read-only array (", described(s), "); copy() it first"),
                     where);
  const RootId target = base(s.root);
  std::erase_if(products_,
                [&](const Product& p) { return base(symbols_[p.symbol].root) == target || p.reads(program_, target); });
  if (program_.roots[target].kind != ir::Root::Kind::parameter) return;
  const std::uint32_t argument = program_.roots[target].argument;
  for (ir::Root& other : program_.roots) {
    if (other.kind != ir::Root::Kind::parameter || other.argument == argument) continue;
    if (facts_.overlap(static_cast<int>(std::min(argument, other.argument)),
                       static_cast<int>(std::max(argument, other.argument)))) {
      other.may_overlap = true;
      program_.roots[target].may_overlap = true;
    }
  }
}

void Tracing::store(const Symbol& s, const NodeId* indices, NodeId value, const Location& where) {
  written(s, "=", where);
  NodeId at[max_rank];
  build_.at(location(where));
  root_indices(s, indices, at);
  const auto first = static_cast<std::uint32_t>(program_.indices.size());
  const std::uint32_t count = program_.roots[s.root].rank;
  program_.indices.insert(program_.indices.end(), at, at + count);
  Statement& st = emit(Statement::Kind::store, where);
  st.target = s.root;
  st.from_end = root_axes_from_end(s, 0);
  st.value = value;
  st.first_index = first;
  st.index_count = count;
}

Element Tracing::element(const Array& a, const Operand* const* operands, int count, const Location& where) {
  const Symbol s = symbol_of(a, where);
  if (count != s.rank) throw wrong_index_count(a, count, where);
  NodeId indices[max_rank];
  unsigned from_end = 0;
  for (int k = 0; k < count; ++k) {
    indices[k] = integer_of(operands[k]->value, "an index", operands[k]->where, &a);
    // Only literal indices count from the end: a run-time test in every access would cost more than it gives.
    if (const auto known = build_.constant_value(indices[k]); known && *known < 0) {
      indices[k] = build_.add(s.extents[k], indices[k]);
      from_end |= 1u << k;
    }
  }
  const Value v = load(s, indices, where, from_end);
  const ir::Node& n = program_[Access::node(v)];
  ElementAccess access{s.root, scopes_.back().id, {}, n.from_end, Access::symbol(a)};
  access.indices.assign(program_.indices.begin() + n.axis, program_.indices.begin() + n.axis + n.count);
  elements_.push_back(std::move(access));
  return Access::make_element(v, s.dtype, s.read_only, nullptr, static_cast<std::uint32_t>(elements_.size() - 1));
}

void Tracing::store_element(std::uint32_t element, std::string_view operation, const Value& x, const Location& where) {
  const ElementAccess access = elements_[element];
  const Symbol s = symbols_[access.symbol];
  written(s, operation, where);
  check_fits(x, s.dtype, operation, [&] { return described(s); }, where);
  const NodeId value = converted(x, s.dtype, where);
  const auto first = static_cast<std::uint32_t>(program_.indices.size());
  program_.indices.insert(program_.indices.end(), access.indices.begin(), access.indices.end());
  Statement& st = emit(Statement::Kind::store, where);
  st.target = access.root;
  st.from_end = access.from_end;
  st.value = value;
  st.first_index = first;
  st.index_count = static_cast<std::uint32_t>(access.indices.size());
}

bool Tracing::in_prange() const {
  return std::any_of(scopes_.begin(), scopes_.end(),
                     [](const Scope& scope) { return scope.kind == Scope::Kind::parallel; });
}

// The value that an element of `s` is updated by; throws where the result would not be of the array's dtype.
NodeId Tracing::update_operand(const Symbol& s, ir::Op op, const Value& x, std::string_view name,
                               const Location& where) {
  const Type in[2] = {{s.dtype, Strength::strong}, Access::type(x)};
  ir::OpTypes types{};
  std::string_view reason;
  if (!ir::infer(op, in, 2, types, reason) || types.result.dtype != s.dtype)
    throw DTypeError(text("'", name, "' of an element of ", described(s), " and ", in[1].dtype, " scalar",
                          reason.empty() ? text(" would not stay ", s.dtype) : text(": ", reason),
                          "; cast the right side, as in ", s.dtype, "(x)"),
                     where);
  check_fits(x, s.dtype, name, [&] { return described(s); }, where);
  return converted(x, s.dtype, where);
}

Statement& Tracing::emit_update(const ElementAccess& access, ir::Op op, NodeId value, const Location& where) {
  const auto first = static_cast<std::uint32_t>(program_.indices.size());
  program_.indices.insert(program_.indices.end(), access.indices.begin(), access.indices.end());
  Statement& st = emit(Statement::Kind::update, where);
  st.target = access.root;
  st.from_end = access.from_end;
  st.op = op;
  st.value = value;
  st.first_index = first;
  st.index_count = static_cast<std::uint32_t>(access.indices.size());
  return st;
}

void Tracing::update_element(std::uint32_t element, ir::Op op, const Value& x, const Location& where) {
  const ElementAccess access = elements_[element];
  const Symbol s = symbols_[access.symbol];
  // x -= y adds -y, which is the same number, so that it is an update that never races too.
  const bool adds_negative = op == ir::Op::subtract;
  const bool can_update = adds_negative || op == ir::Op::add || op == ir::Op::multiply || op == ir::Op::minimum ||
                          op == ir::Op::maximum || op == ir::Op::bit_and || op == ir::Op::bit_or ||
                          op == ir::Op::bit_xor;
  const std::string name = update_name(op);
  const auto is_read = [&](NodeId index) { return is_read_in_prange(index); };
  const bool parallel = in_prange();
  if (parallel && !can_update && std::any_of(access.indices.begin(), access.indices.end(), is_read))
    throw UsageError(text("'", name, "' of an element of ", described(s),
                          " inside prange, at an index that the iteration reads: others may update the same element at "
                          "the same time; use range, or +=, -=, *=, .min or .max, which never race"),
                     where);
  if (!parallel || !can_update) {
    const Operand operands[2] = {Operand(load(whole(access.root), access.indices.data(), where), where),
                                 Operand(x, where)};
    return store_element(element, name, apply(op, operands, 2, name), where);
  }
  written(s, name, where);
  NodeId value = update_operand(s, op, x, name, where);
  if (adds_negative) value = build_.node(ir::Op::negative, {s.dtype, Strength::strong}, {value});
  emit_update(access, adds_negative ? ir::Op::add : op, value, where);
}

Value Tracing::exchange_element(std::uint32_t element, const Exchange& exchange) {
  const Location& where = exchange.where;
  const ElementAccess access = elements_[element];
  const Symbol s = symbols_[access.symbol];
  const bool puts = exchange.op == ir::Op::select;
  written(s, exchange.name, where);
  // The dtype must be able to hold what is put there, as it would the larger of both.
  const ir::Op rule = puts ? ir::Op::maximum : exchange.op;
  const NodeId value = update_operand(s, rule, exchange.value, exchange.name, where);
  const NodeId expected = exchange.expected ? update_operand(s, rule, *exchange.expected, exchange.name, where) : none;
  build_.at(location(where));
  if (in_prange()) {
    ir::Variable v;
    v.type = {s.dtype, Strength::strong};
    v.fixed = true;
    const std::uint32_t old = declare(v, where);
    Statement& st = emit_update(access, exchange.op, value, where);
    st.expected = expected;
    st.other = old;
    return read(old, where);
  }
  const Value old = load(whole(access.root), access.indices.data(), where);
  const Type type{s.dtype, Strength::strong};
  build_.at(location(where));
  NodeId result = puts ? value : build_.node(exchange.op, type, {Access::node(old), value});
  if (expected != none) {
    const NodeId equal = build_.node(ir::Op::equal, {bool_, Strength::strong}, {Access::node(old), expected});
    result = build_.node(ir::Op::select, type, {equal, result, Access::node(old)});
  }
  const auto first = static_cast<std::uint32_t>(program_.indices.size());
  program_.indices.insert(program_.indices.end(), access.indices.begin(), access.indices.end());
  Statement& st = emit(Statement::Kind::store, where);
  st.target = access.root;
  st.from_end = access.from_end;
  st.value = result;
  st.first_index = first;
  st.index_count = static_cast<std::uint32_t>(access.indices.size());
  return old;
}

}  // namespace kiln::detail
