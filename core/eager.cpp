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

// A reduction as one constant: which, its axes as bits, the option dtype, and what else is there.
struct ReductionKey {
  static constexpr int axes_at = 8, dtype_at = 16;
  static constexpr std::int64_t keepdims = 1 << 24, is_array = 1 << 25, where = 1 << 26, initial = 1 << 27,
                                ddof = 1 << 28;

  static std::int64_t of(const Reduction& r) {
    std::int64_t key = static_cast<std::int64_t>(r.id) | static_cast<std::int64_t>(r.axes) << axes_at;
    if (r.dtype) key |= (static_cast<std::int64_t>(r.dtype->code()) + 1) << dtype_at;
    return key | (r.keepdims ? keepdims : 0) | (r.is_array ? is_array : 0) | (r.where ? where : 0) |
           (r.initial ? initial : 0) | (r.ddof ? ddof : 0);
  }
};

// A scan as one constant: which, the axis, the option dtype; 0 stands for none.
struct ScanKey {
  static constexpr int axis_at = 8, dtype_at = 16;

  static std::int64_t of(const Scan& s) {
    return static_cast<std::int64_t>(s.total) | static_cast<std::int64_t>(s.axis + 1) << axis_at |
           (s.dtype ? static_cast<std::int64_t>(s.dtype->code()) + 1 : 0) << dtype_at;
  }
  static Scan scan(std::int64_t key) {
    Scan s{static_cast<ReductionId>(key & 0xff), static_cast<int>(key >> axis_at & 0xff) - 1};
    if (const auto code = key >> dtype_at) s.dtype = DType(static_cast<TypeCode>(code - 1));
    return s;
  }
};

void trace_reduction(Tracing& tracing, std::int64_t key, const Argument* operands, const Location& where) {
  Reduction r;
  r.id = static_cast<ReductionId>(key & 0xff);
  r.axes = static_cast<unsigned>(key >> ReductionKey::axes_at & 0xff);
  if (const auto code = key >> ReductionKey::dtype_at & 0xff) r.dtype = DType(static_cast<TypeCode>(code - 1));
  r.keepdims = key & ReductionKey::keepdims;
  r.is_array = key & ReductionKey::is_array;
  const Array& a = *operands++->array;
  if (key & ReductionKey::where) r.where = operands++->array;
  if (key & ReductionKey::initial) r.initial = operands++->scalar;
  if (key & ReductionKey::ddof) r.ddof = operands++->scalar;
  if (r.is_array)
    trace_result(tracing, tracing.reduce(r, a, where));
  else
    trace_result(tracing, tracing.reduce_all(r, a, where));
}

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
    case Builtin::reduction: return trace_reduction(tracing, constant, operands, where);
    case Builtin::scan: return trace_result(tracing, tracing.scan(ScanKey::scan(constant), *operands[0].array, where));
    case Builtin::gather:
    case Builtin::scatter: {
      Picked p;
      unpack(constant, p);
      p.base = operands[0].array;
      for (int k = 0; k < p.count; ++k) p.indices[k] = operands[1 + k].array;
      if (which == Builtin::gather) return trace_result(tracing, tracing.gather(p, where));
      const Argument& x = operands[1 + p.count];
      return tracing.scatter(p, {x.array, x.scalar}, "=", where);
    }
    case Builtin::store_masked:
      return tracing.store_masked(*operands[0].array, *operands[1].array, {operands[2].array, operands[2].scalar}, "=",
                                  where);
    case Builtin::matmul:
      return trace_result(tracing,
                          matmul(ArrayOperand(*operands[0].array, where), ArrayOperand(*operands[1].array, where)));
  }
}

Function& builtin_function() {
  static Function function{&trace_builtin, Location(), false};
  return function;
}

void call_builtin(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  Results& results, const Location& where) {
  Argument list[constant_count + 1 + 4 + 1];  // an array, four index arrays and what is stored
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

void eager_call(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                const Location& where) {
  Results results;
  call_builtin(which, constants, operands, results, where);
}

Value eager_value(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where) {
  Results results;
  call_builtin(which, constants, operands, results, where);
  return results.value(0);
}

// ---- Reductions -----------------------------------------------------------------------------------------------------

namespace {

void call_reduction(const Reduction& r, const Array& a, Results& results, const Location& where) {
  const std::int64_t key = ReductionKey::of(r);
  Argument operands[4] = {argument(a)};
  std::size_t count = 1;
  if (r.where) operands[count++] = argument(*r.where);
  if (r.initial) operands[count++] = argument(*r.initial);
  if (r.ddof) operands[count++] = argument(*r.ddof);
  call_builtin(Builtin::reduction, {&key, 1}, {operands, count}, results, where);
}

}  // namespace

Array eager_array(const Reduction& r, const Array& a, const Location& where) {
  Results results;
  call_reduction(r, a, results, where);
  return static_cast<Array&&>(results.array(0));
}

Value eager_value(const Reduction& r, const Array& a, const Location& where) {
  Results results;
  call_reduction(r, a, results, where);
  return results.value(0);
}

Array eager_array(const Scan& scan, const Array& a, const Location& where) {
  const std::int64_t key = ScanKey::of(scan);
  const Argument operand = argument(a);
  return eager_array(Builtin::scan, {&key, 1}, {&operand, 1}, where);
}

// ---- Functions made of others ---------------------------------------------------------------------------------------

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
  const Array numbers = y.dtype.is_floating() || y.dtype.is_complex() ? b.array : f64(b);
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

}  // namespace kiln::detail
