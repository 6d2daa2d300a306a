// Tracing: the checks of shape functions, and the matrix product.
#include "core/access.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

namespace kiln::detail {

using ir::NodeId;

void Tracing::check_same_extent(const char* name, const Array& a, const Array& b, int axis, const Location& where) {
  const Symbol x = symbol_of(a, where), y = symbol_of(b, where);
  if (build_.same(x.extents[axis], y.extents[axis])) return;
  build_.at(location(where));
  ir::Message m{ir::Message::Kind::shape, text(name, " of "), {}, location(where)};
  m.append(program_, x.dtype, x.extents, x.rank);
  m.text += " and ";
  m.append(program_, y.dtype, y.extents, y.rank);
  m.text += text(": along axis ", axis, " both must have as many elements; slice the longer one");
  guard(build_.equal(x.extents[axis], y.extents[axis]), std::move(m));
}

void Tracing::check_one(const Array& a, int axis, const Location& where) {
  const Symbol s = symbol_of(a, where);
  build_.at(location(where));
  ir::Message m{ir::Message::Kind::shape, "squeeze of ", {}, location(where)};
  m.append(program_, s.dtype, s.extents, s.rank);
  m.text += text(": axis ", axis, " has ");
  m.append(program_, s.extents[axis]);
  m.text += " elements; only an axis of extent 1 can be dropped, index it instead";
  guard(build_.equal(s.extents[axis], build_.integer(1)), std::move(m));
}

void Tracing::check_parts(const Array& a, int axis, int parts, const Location& where) {
  const Symbol s = symbol_of(a, where);
  build_.at(location(where));
  const NodeId count = build_.integer(parts);
  ir::Message m{ir::Message::Kind::shape, "split of ", {}, location(where)};
  m.append(program_, s.dtype, s.extents, s.rank);
  m.text += text(" along axis ", axis, " into ", parts,
                 " parts: they would not be equal; say where to cut, as in split(a, {2, 5})");
  guard(build_.equal(build_.mul(build_.floordiv(s.extents[axis], count), count), s.extents[axis]), std::move(m));
}

// Rows times a column is the sum of each row; two matrices are the plain triple loop.
Array Tracing::matmul(const Array& a, const Array& b, const Location& where) {
  const Symbol x = symbol_of(a, where), y = symbol_of(b, where);
  const NodeId inner = x.extents[x.rank - 1], other = y.extents[0];
  if (!build_.same(inner, other)) {
    build_.at(location(where));
    ir::Message m{ir::Message::Kind::shape, "matmul of ", {}, location(where)};
    m.append(program_, x.dtype, x.extents, x.rank);
    m.text += " and ";
    m.append(program_, y.dtype, y.extents, y.rank);
    m.text += ": the left one's last extent must be the right one's first; transpose one, as in a.T()";
    guard(build_.equal(inner, other), std::move(m));
  }
  const DType dtype = promote(x.dtype, y.dtype);
  const auto of = [&](const Array& array) { return ArrayOperand(array, where); };
  const auto last_axis = [](int rank) {
    Reduce options;
    options.axis = rank - 1;
    return options;
  };
  if (x.rank == 1 || y.rank == 1) {
    // A row times a matrix is its transpose times the row.
    const Array rows = x.rank == 1 && y.rank == 2 ? b.transpose(where) : a, column = x.rank == 1 && y.rank == 2 ? a : b;
    const Array products = of(rows) * of(column);
    const Array result =
        dtype.is_bool() ? any(of(products), last_axis(products.rank())) : sum(of(products), last_axis(products.rank()));
    return result.dtype() == dtype ? result : cast(result, dtype, where);
  }
  const NodeId extents[] = {x.extents[0], y.extents[1]};
  const Array result = allocate(dtype, extents, 2, where);
  const DType half = dtype == f16 || dtype == bf16 ? f32 : dtype;
  const ElementLoop element = open_elements(extents, 2, where);
  const std::uint32_t total = declare(Access::make({half, Strength::strong}, {}), where, &half);
  const ElementLoop turn = open_turns(inner, where);
  const auto factor = [&](const Symbol& s, NodeId row, NodeId column) {
    const NodeId at[] = {row, column};
    return build_.convert(Access::node(load(s, at, where)), {half, Strength::strong});
  };
  const NodeId left = factor(x, element.indices[0], turn.indices[0]);
  const NodeId right = factor(y, turn.indices[0], element.indices[1]);
  ir::Statement& r = emit(ir::Statement::Kind::reduce, where);
  r.target = total;
  r.op = dtype.is_bool() ? ir::Op::bit_or : ir::Op::add;
  r.value = build_.node(dtype.is_bool() ? ir::Op::bit_and : ir::Op::multiply, {half, Strength::strong}, {left, right});
  r.loop = turn.loop;
  scopes_.pop_back();
  const NodeId sum = build_.convert(Access::node(read(total, where)), {dtype, Strength::strong});
  store(symbol_of(result, where), element.indices, sum, where);
  close_elements();
  return result;
}

}  // namespace kiln::detail
