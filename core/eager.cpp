// Array operations outside a trace.
#include "core/eager.h"

#include "core/access.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <vector>

namespace kiln::detail {

namespace {

constexpr int constant_count = 2;  // which builtin, and its own constant

Value scalar(const Argument& a) { return *a.scalar; }

// Inside the builtin's own trace.
void trace_builtin(Tracing& tracing, const Argument* arguments) {
  const auto which = static_cast<Builtin>(arguments[0].constant);
  const std::int64_t constant = arguments[1].constant;
  const Argument* operands = arguments + constant_count;
  const Location where = tracing.program().locations[0];
  switch (which) {
    case Builtin::elementwise: {
      const auto op = static_cast<ir::Op>(constant);
      const int arity = ir::row(op).arity;
      MixedOperand mixed[3];
      for (int k = 0; k < arity; ++k) mixed[k] = {operands[k].array, operands[k].scalar};
      return trace_result(tracing, tracing.elementwise(op, mixed, arity, where));
    }
    case Builtin::trace: return trace_result(tracing, trace(ArrayOperand(*operands[0].array, where)));
    case Builtin::dot:
      return trace_result(tracing,
                          dot(ArrayOperand(*operands[0].array, where), ArrayOperand(*operands[1].array, where)));
    case Builtin::array_equal:
      return trace_result(
          tracing, traced_all_equal(ArrayOperand(*operands[0].array, where), ArrayOperand(*operands[1].array, where)));
    case Builtin::allclose:
      return trace_result(
          tracing, traced_allclose(ArrayOperand(*operands[0].array, where), ArrayOperand(*operands[1].array, where),
                                   Operand(scalar(operands[2]), where), Operand(scalar(operands[3]), where)));
    default: break;
  }
  if (constant & has_options_bit)
    trace_result(tracing, traced_reduction(which, *operands[0].array, constant, where));
  else
    trace_result(tracing, traced_reduction(which, *operands[0].array, where));
}

Function& builtin_function() {
  static Function function{&trace_builtin, Location(), false};
  return function;
}

void call_builtin(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  Results& results, const Location& where) {
  Argument list[8];
  int n = 0;
  list[n++] = {Argument::Kind::constant, nullptr, nullptr, static_cast<std::int64_t>(which)};
  list[n++] = {Argument::Kind::constant, nullptr, nullptr, constants.empty() ? 0 : constants[0]};
  for (const Argument& a : operands) list[n++] = a;
  // The builtin's Program is shared by every caller, so what it raises has no line: it gets this caller's.
  try {
    call(builtin_function(), JitOptions{}, list, n, results, where);
  } catch (const ShapeError& e) {
    throw_with_line(e, where);
  } catch (const DTypeError& e) {
    throw_with_line(e, where);
  } catch (const IndexError& e) {
    throw_with_line(e, where);
  } catch (const UsageError& e) {
    throw_with_line(e, where);
  } catch (const RuntimeError& e) {
    throw_with_line(e, where);
  }
}

}  // namespace

Array eager_array(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where) {
  Results results;
  call_builtin(which, constants, operands, results, where);
  return static_cast<Array&&>(results.array(0));
}

Value eager_value(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where) {
  Results results;
  call_builtin(which, constants, operands, results, where);
  return results.value(0);
}

// ---- Reductions -----------------------------------------------------------------------------------------------------

namespace {

struct ReductionPlan {
  ir::Op op;
  DType accumulator, result;
};

ReductionPlan plan(Builtin which, DType dtype, const Location& where) {
  const bool half = dtype == f16 || dtype == bf16;
  const DType floating = half ? f32 : dtype;
  DType integer = dtype;
  if (dtype.is_bool() || dtype.kind() == TypeKind::signed_integer)
    integer = i64;
  else if (dtype.kind() == TypeKind::unsigned_integer)
    integer = u64;
  switch (which) {
    case Builtin::sum:
    case Builtin::prod: {
      const ir::Op op = which == Builtin::sum ? ir::Op::add : ir::Op::multiply;
      if (dtype.is_floating()) return {op, floating, dtype};
      return {op, integer, integer};
    }
    case Builtin::mean:
      if (dtype.is_floating()) return {ir::Op::add, floating, dtype};
      return {ir::Op::add, f64, f64};
    case Builtin::min: return {ir::Op::minimum, floating, dtype};
    case Builtin::max: return {ir::Op::maximum, floating, dtype};
    case Builtin::any: return {ir::Op::bit_or, bool_, bool_};
    case Builtin::all: return {ir::Op::bit_and, bool_, bool_};
    default: throw InternalError("not a reduction", where);
  }
}

}  // namespace

Value traced_reduction(Builtin which, const Array& a, const Location& where) {
  Tracing& t = Tracing::required("a reduction of a traced Array", where);
  const ReductionPlan p = plan(which, a.dtype(), where);
  Value v = t.reduce_all(p.op, a, p.accumulator, where);
  if (which == Builtin::mean) {
    const Operand operands[2] = {Operand(v, where), Operand(p.accumulator(Operand(a.size(where), where)), where)};
    const Value mean = t.apply(ir::Op::divide, operands, 2, "mean");
    return p.result(Operand(mean, where));
  }
  return p.result(Operand(v, where));
}

Value traced_allclose(const ArrayOperand& a, const ArrayOperand& b, const Operand& rtol, const Operand& atol) {
  const Location& where = a.where;
  Tracing& t = Tracing::required("allclose of traced Arrays", where);
  // Named here, so that an error does not speak of the operations below.
  const Symbol x = t.symbol_of(a.array, where), y = t.symbol_of(b.array, where);
  const Symbol* both[2] = {&x, &y};
  ir::NodeId extents[max_rank];
  t.broadcast_extents(both, 2, extents, "allclose", where);
  // As NumPy: b becomes a float, and with it the difference, so that none wraps and bools have one.
  const auto of = [&](const Array& array) { return ArrayOperand(array, where); };
  const Array numbers = y.dtype.is_floating() ? b.array : f64(b);
  const Array others = x.dtype.is_bool() ? numbers.dtype()(a) : a.array;
  const Array tolerance = atol + of(rtol * of(abs(of(numbers))));
  const Array close = abs(of(of(others) - of(numbers))) <= of(tolerance);
  const Array finite = of(close) && of(isfinite(of(numbers)));
  return all(of(of(finite) || of(of(others) == of(numbers))));
}

Value traced_all_equal(const ArrayOperand& a, const ArrayOperand& b) {
  const Location& where = a.where;
  // A bool is its number here, as in NumPy.
  const bool x = a.array.dtype().is_bool(), y = b.array.dtype().is_bool();
  const Array left = x && !y ? b.array.dtype()(a) : a.array, right = y && !x ? a.array.dtype()(b) : b.array;
  return all(ArrayOperand(ArrayOperand(left, where) == ArrayOperand(right, where), where));
}

Value traced_array_equal(const ArrayOperand& a, const ArrayOperand& b) {
  const Location& where = a.where;
  Tracing& t = Tracing::required("array_equal of traced Arrays", where);
  ir::Builder& build = t.build();
  const Symbol x = t.symbol_of(a.array, where), y = t.symbol_of(b.array, where);
  if (x.rank == 0) return traced_all_equal(a, b);
  // Arrays of different shapes are not equal, and do not broadcast: the part that both have is compared.
  build.at(t.location(where));
  ir::NodeId same_shape = build.boolean(true);
  std::vector<IndexItem> part;
  for (int k = 0; k < x.rank; ++k) {
    same_shape = build.logical_and(same_shape, build.equal(x.extents[k], y.extents[k]));
    part.emplace_back(slice(0, t.value_of(build.min(x.extents[k], y.extents[k]))), where);
  }
  std::vector<const IndexItem*> items;
  for (const IndexItem& item : part) items.push_back(&item);
  const Array left = t.view(a.array, items.data(), x.rank), right = t.view(b.array, items.data(), y.rank);
  const Value equal = traced_all_equal(ArrayOperand(left, where), ArrayOperand(right, where));
  return Operand(t.value_of(same_shape), where) && Operand(equal, where);
}

Array traced_reduction(Builtin which, const Array& a, std::int64_t options, const Location& where) {
  Tracing& t = Tracing::required("a reduction of a traced Array", where);
  const ReductionPlan p = plan(which, a.dtype(), where);
  const auto axes = static_cast<unsigned>(options & 0xff);
  Array r = t.reduce_axes(p.op, a, p.accumulator, axes, (options & keepdims_bit) != 0, where);
  if (which == Builtin::mean) {
    ir::NodeId count = t.build().integer(1);
    const Symbol s = t.symbol_of(a, where);
    for (int k = 0; k < s.rank; ++k)
      if (axes >> k & 1) count = t.build().mul(count, s.extents[k]);
    const Value n = p.accumulator(Operand(t.value_of(count), where));
    const MixedOperand operands[2] = {{&r, nullptr}, {nullptr, &n}};
    const Array mean = t.elementwise(ir::Op::divide, operands, 2, where, "mean");
    return p.result == mean.dtype() ? mean : t.cast(mean, p.result, where);
  }
  return p.result == r.dtype() ? r : t.cast(r, p.result, where);
}

}  // namespace kiln::detail
