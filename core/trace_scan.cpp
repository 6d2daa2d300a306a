// Tracing: cumulative sums and products, one loop along the axis for each of the other axes' elements.
#include "core/access.h"
#include "core/host_ops.h"
#include "core/reduction.h"
#include "core/trace.h"

#include <algorithm>

namespace kiln::detail {

using ir::NodeId;

Array Tracing::scan(const Scan& scan, const Array& of, const Location& where) {
  const Symbol s = symbol_of(scan.axis < 0 && Access::rank(of) != 1 ? reshape(of, Shape{-1}, where) : of, where);
  const int axis = std::max(scan.axis, 0);
  const ReductionDTypes dtypes = dtypes_of(row(scan.total), s.dtype, scan.dtype);
  const Type type{dtypes.accumulator, Strength::strong};
  ir::Op op = scan.total == ReductionId::sum ? ir::Op::add : ir::Op::multiply;
  if (type.dtype.is_bool()) op = op == ir::Op::add ? ir::Op::bit_or : ir::Op::bit_and;
  build_.at(location(where));
  const Array result = allocate(dtypes.result, s.extents, s.rank, where);

  NodeId others[max_rank], indices[max_rank];
  int count = 0;
  for (int k = 0; k < s.rank; ++k)
    if (k != axis) others[count++] = s.extents[k];
  ElementLoop outer{};
  if (count > 0) outer = open_elements(others, count, where);
  for (int k = 0, next = 0; k < s.rank; ++k)
    if (k != axis) indices[k] = outer.indices[next++];

  // What is before the first element leaves it as it is, a zero's sign too, if it is real.
  const Value nothing = Access::make(type, identity(op, type.dtype));
  const std::uint32_t total = declare(nothing, where, &type.dtype);
  ir::Loop loop;
  loop.from_array = true;
  loop.location = location(where);
  loop.dimensions.push_back({build_.integer(0), s.extents[axis], build_.integer(1)});
  const auto id = static_cast<ir::LoopId>(program_.loops.size());
  program_.loops.push_back(std::move(loop));
  const ir::BlockId body = program_.new_block();
  ir::Statement& statement = emit(ir::Statement::Kind::loop, where);
  statement.target = id;
  statement.body = body;
  open_scope(Scope::Kind::sequential, body, id, where);
  indices[axis] = build_.index(id, 0);
  NodeId x = Access::node(load(s, indices, where));
  if (scan.dtype) x = build_.convert(x, {*scan.dtype, Strength::strong});
  const NodeId so_far = Access::node(read(total, where));
  const NodeId term = build_.convert(x, type);
  NodeId next = build_.node(op, type, {so_far, term});
  // Of complex numbers 1 times x is not x where a part is a zero of negative sign.
  if (type.dtype.is_complex())
    next = build_.node(ir::Op::select, type, {build_.equal(indices[axis], build_.integer(0)), term, next});
  assign(total, value_of(next), where);
  store(symbol_of(result, where), indices, build_.convert(next, {dtypes.result, Strength::strong}), where);
  scopes_.pop_back();
  if (count > 0) close_elements();
  return result;
}

}  // namespace kiln::detail
