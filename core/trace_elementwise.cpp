// Tracing: whole-array operations become parallel loops, an operation each; the fuse pass joins them again.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>

namespace kiln::detail {

using ir::NodeId;
using ir::none;
using ir::Statement;

// ---- Shapes ---------------------------------------------------------------------------------------------------------

bool Tracing::is_one(NodeId extent) {
  if (const auto known = build_.constant_value(extent)) return *known == 1;
  if (facts_.generic()) return false;
  const ir::Node& n = program_[extent];
  if (n.op == ir::Op::extent && program_.roots[n.id].kind == ir::Root::Kind::parameter)
    return facts_.extent_is_one(static_cast<int>(program_.roots[n.id].argument), static_cast<int>(n.axis));
  bool known = false;
  return facts_.condition(program_, build_.equal(extent, build_.integer(1)), known);
}

bool Tracing::may_be_one(NodeId extent) { return facts_.generic() && !build_.constant_value(extent); }

NodeId Tracing::step_unless_one(NodeId extent) {
  return build_.select(build_.equal(extent, build_.integer(1)), build_.integer(0), build_.integer(1));
}

int Tracing::broadcast_extents(const Symbol* const* symbols, int count, NodeId* extents, std::string_view operation,
                               const Location& where) {
  int rank = 0;
  for (int k = 0; k < count; ++k) rank = std::max(rank, symbols[k]->rank);
  build_.at(location(where));
  for (int axis = 0; axis < rank; ++axis) {
    NodeId result = none;
    for (int k = 0; k < count; ++k) {
      const int own = axis - (rank - symbols[k]->rank);
      if (own < 0) continue;
      const NodeId extent = symbols[k]->extents[own];
      if (result == none || build_.same(result, extent)) {
        if (result == none) result = extent;
        continue;
      }
      if (is_one(extent)) continue;
      if (is_one(result)) {
        result = extent;
        continue;
      }
      ir::Message m{ir::Message::Kind::shape, text("'", operation, "' of "), {}, location(where)};
      for (int j = 0; j < count; ++j) {
        m.text += j ? " and " : "";
        m.append(program_, symbols[j]->dtype, symbols[j]->extents, symbols[j]->rank);
      }
      m.text +=
          ": extents must be equal or 1, counted from the last axis; a newaxis may be missing, as in a(_, newaxis)";
      NodeId condition = build_.equal(result, extent);
      NodeId broadcast = result;
      if (may_be_one(extent)) condition = build_.logical_or(condition, build_.equal(extent, build_.integer(1)));
      if (may_be_one(result)) {
        const NodeId result_is_one = build_.equal(result, build_.integer(1));
        condition = build_.logical_or(condition, result_is_one);
        broadcast = build_.select(result_is_one, extent, result);
      }
      if (build_.constant_value(condition) == 0) {
        for (NodeId shown : m.shown) {
          const std::size_t at = m.text.find("{}");
          const auto value = build_.constant_value(shown);
          m.text.replace(at, 2, value ? std::to_string(*value) : "n");
        }
        throw ShapeError(m.text, where);
      }
      guard(condition, std::move(m));
      result = broadcast;
    }
    extents[axis] = result;
  }
  return rank;
}

// ---- Loops over elements --------------------------------------------------------------------------------------------

Tracing::ElementLoop Tracing::open_elements(const NodeId* extents, int rank, const Location& where) {
  ir::Loop loop;
  loop.parallel = true;
  loop.from_array = true;
  loop.location = location(where);
  // An array of rank 0 is a loop of one turn.
  for (int k = 0; k < std::max(rank, 1); ++k)
    loop.dimensions.push_back({build_.integer(0), rank == 0 ? build_.integer(1) : extents[k], build_.integer(1)});
  ElementLoop open{static_cast<ir::LoopId>(program_.loops.size()), {}};
  program_.loops.push_back(std::move(loop));
  const ir::BlockId body = program_.new_block();
  Statement& s = emit(Statement::Kind::loop, where);
  s.target = open.loop;
  s.body = body;
  open_scope(Scope::Kind::parallel, body, open.loop, where);
  for (int k = 0; k < rank; ++k) open.indices[k] = build_.index(open.loop, static_cast<std::uint32_t>(k));
  return open;
}

NodeId Tracing::load_broadcast(const Symbol& s, const ElementLoop& loop, const NodeId* extents, int rank,
                               const Location& where) {
  NodeId indices[max_rank];
  const int shift = rank - s.rank;
  for (int k = 0; k < s.rank; ++k) {
    const NodeId own = s.extents[k];
    indices[k] = loop.indices[k + shift];
    if (build_.same(own, extents[k + shift])) continue;
    if (is_one(own))
      indices[k] = build_.integer(0);
    else if (may_be_one(own))
      indices[k] = build_.mul(indices[k], step_unless_one(own));
  }
  return Access::node(load(s, indices, where));
}

Array Tracing::elementwise(ir::Op op, const MixedOperand* operands, int count, const Location& where,
                           std::string_view name) {
  if (name.empty()) name = ir::row(op).spelling;
  Type in[3];
  Symbol symbols[3];
  const Symbol* arrays[3] = {};
  int array_count = 0;
  for (int k = 0; k < count; ++k) {
    if (operands[k].array) {
      symbols[k] = symbol_of(*operands[k].array, where);
      arrays[array_count++] = &symbols[k];
      in[k] = {symbols[k].dtype, Strength::strong};
    } else {
      in[k] = Access::type(*operands[k].scalar);
    }
  }
  ir::OpTypes types{};
  std::string_view reason;
  if (!ir::infer(op, in, count, types, reason)) {
    throw DTypeError(text("'", name, "' of ", detail::described(operands, count), ": ", reason), where);
  }
  if (ir::row(op).rule == ir::Rule::comparison && types.operand.dtype.is_integer())
    for (int k = 0; k < count; ++k)
      if (!operands[k].array && does_not_fit(*operands[k].scalar, types.operand.dtype))
        types.operand = {wide_comparison(types.operand.dtype), Strength::strong};
  const bool exactly = compares_exactly(op, in, types);
  const auto operand_dtype = [&](int k) {
    return exactly ? in[k].dtype : op == ir::Op::select && k == 0 ? bool_ : types.operand.dtype;
  };
  NodeId extents[max_rank], in_nodes[3] = {none, none, none};
  const int rank = broadcast_extents(arrays, array_count, extents, name, where);
  for (int k = 0; k < count; ++k) {
    if (operands[k].array) continue;
    check_fits(
        *operands[k].scalar, operand_dtype(k), name, [&] { return described(operand_dtype(k), extents, rank); }, where);
    in_nodes[k] = converted(*operands[k].scalar, operand_dtype(k), where);
  }
  const Array result = allocate(types.result.dtype, extents, rank, where);
  Product product;
  const int contracted = product_among(op, symbols, operands, in_nodes, types.operand.dtype, product);
  const ElementLoop loop = open_elements(extents, rank, where);
  for (int k = 0; k < count; ++k)
    if (operands[k].array && k != contracted)
      in_nodes[k] =
          build_.convert(load_broadcast(symbols[k], loop, extents, rank, where), {operand_dtype(k), Strength::strong});
  const Type type{types.result.dtype, Strength::strong};
  const NodeId value =
      contracted >= 0 ? fused(op, product, contracted, in_nodes[1 - contracted], type.dtype, loop, extents, rank, where)
      : exactly       ? exact_comparison(op, in_nodes[0], in_nodes[1])
      : count == 1    ? build_.node(op, type, {in_nodes[0]})
      : count == 2    ? build_.node(op, type, {in_nodes[0], in_nodes[1]})
                      : build_.node(op, type, {in_nodes[0], in_nodes[1], in_nodes[2]});
  store(symbol_of(result, where), loop.indices, value, where);
  close_elements();
  if (op == ir::Op::multiply) remember_product(result, symbols, operands, in_nodes);
  return result;
}

Array Tracing::cast(const Array& a, DType dtype, const Location& where) {
  const Symbol s = symbol_of(a, where);
  if (drops_imaginary(s.dtype, dtype)) throw no_imaginary(described(s), dtype, where);
  const Array result = allocate(dtype, s.extents, s.rank, where);
  const ElementLoop loop = open_elements(s.extents, s.rank, where);
  const NodeId value = build_.convert(Access::node(load(s, loop.indices, where)), {dtype, Strength::strong});
  store(symbol_of(result, where), loop.indices, value, where);
  close_elements();
  return result;
}

Array Tracing::materialise(const Array& a, const Location& where) { return cast(a, a.dtype(), where); }

void Tracing::fill(const Array& to, const Value& x, const Location& where) {
  const Symbol s = symbol_of(to, where);
  written(s, "=", where);
  check_fits(x, s.dtype, "=", [&] { return described(s); }, where);
  const NodeId value = converted(x, s.dtype, where);
  const ElementLoop loop = open_elements(s.extents, s.rank, where);
  store(s, loop.indices, value, where);
  close_elements();
}

void Tracing::check_stored(const Symbol& to, const Symbol& from, std::string_view operation, const Location& where) {
  if (from.rank > to.rank) throw too_many_to_store(operation, described(to), described(from), where);
  build_.at(location(where));
  for (int k = 0; k < from.rank; ++k) {
    const NodeId own = from.extents[k], wanted = to.extents[k + to.rank - from.rank];
    if (build_.same(own, wanted) || is_one(own)) continue;
    ir::Message m{ir::Message::Kind::shape, text("'", operation, "' of "), {}, location(where)};
    m.append(program_, to.dtype, to.extents, to.rank);
    m.text += " and ";
    m.append(program_, from.dtype, from.extents, from.rank);
    m.text += ": extents must be equal, or 1 on the right; slice or broadcast the right side to the shape on the left";
    const NodeId equal = build_.equal(own, wanted);
    guard(may_be_one(own) ? build_.logical_or(equal, build_.equal(own, build_.integer(1))) : equal, std::move(m));
  }
}

void Tracing::copy_into(const Array& to, const Array& from, const Location& where, std::string_view operation) {
  const Symbol target = symbol_of(to, where);
  written(target, operation, where);
  if (drops_imaginary(symbol_of(from, where).dtype, target.dtype))
    throw no_imaginary(described(symbol_of(from, where)), target.dtype, where);
  const ir::Root::Kind source_kind = program_.roots[symbol_of(from, where).root].kind;
  // A view may be of the very memory that is written: read all of it first. Where nothing overlaps the copies fuse.
  const Array source = source_kind == ir::Root::Kind::allocated && symbol_of(from, where).root != target.root
                           ? from
                           : materialise(from, where);
  const Symbol s = symbol_of(source, where);
  check_stored(target, s, operation, where);
  const ElementLoop loop = open_elements(target.extents, target.rank, where);
  const NodeId value =
      build_.convert(load_broadcast(s, loop, target.extents, target.rank, where), {target.dtype, Strength::strong});
  store(target, loop.indices, value, where);
  close_elements();
}

// ---- vectorize ------------------------------------------------------------------------------------------------------

void Tracing::run_broadcast(Function& function, const Argument* arguments, int count, const Location& where) {
  std::vector<Symbol> symbols(static_cast<std::size_t>(count));
  std::vector<const Symbol*> arrays;
  for (int k = 0; k < count; ++k)
    if (arguments[k].kind == Argument::Kind::array) {
      symbols[static_cast<std::size_t>(k)] = symbol_of(*arguments[k].array, where);
      arrays.push_back(&symbols[static_cast<std::size_t>(k)]);
    }
  NodeId extents[max_rank];
  const int rank = broadcast_extents(arrays.data(), static_cast<int>(arrays.size()), extents, "vectorize", where);
  // The result's dtype is known when the function has been traced; the root takes it then.
  const Array result = allocate(f64, extents, rank, where);
  const ir::RootId root = symbols_[Access::symbol(result)].root;
  const ElementLoop loop = open_elements(extents, rank, where);
  std::vector<Value> values;
  values.reserve(static_cast<std::size_t>(count));
  for (int k = 0; k < count; ++k) {
    const std::size_t at = static_cast<std::size_t>(k);
    if (arguments[k].kind == Argument::Kind::array)
      values.push_back(value_of(load_broadcast(symbols[at], loop, extents, rank, where)));
    else
      values.push_back(*arguments[k].scalar);
  }
  std::vector<Argument> scalars;
  for (const Value& v : values) scalars.push_back(argument(v));
  Results* const outer_sink = sink_;
  Results element;
  sink_ = &element;
  function.trace(*this, scalars.data());
  sink_ = outer_sink;
  if (element.count() != 1)
    throw UsageError(
        text("a function given to vectorize returns one Value, not ", element.count(), "; use jit for several results"),
        function.where);
  const Value v = element.value(0);
  const DType dtype = Access::type(v).dtype;
  program_.roots[root].dtype = dtype;
  Symbol target = symbols_[Access::symbol(result)];
  target.dtype = dtype;
  symbols_[Access::symbol(result)].dtype = dtype;
  store(target, loop.indices, converted(v, dtype, where), where);
  close_elements();
  sink_->add(Access::make_traced(id_, Access::symbol(result), dtype, rank, false, where));
}

}  // namespace kiln::detail
