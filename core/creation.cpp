// What makes arrays: empty, zeros, full, arange, linspace, eye; ordinary C++ outside a trace, loops inside.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <cmath>

namespace kiln {

using detail::Access;
using detail::Tracing;

Array empty(const Shape& shape, DType dtype, Location l) {
  if (Tracing* t = Tracing::checked()) {
    ir::NodeId extents[max_rank];
    for (int k = 0; k < shape.rank(); ++k) extents[k] = t->integer_of(shape[k], "an extent", l);
    t->check_extents(dtype, extents, shape.rank(), l);
    return t->allocate(dtype, extents, shape.rank(), l);
  }
  std::int64_t extents[max_rank];
  for (int k = 0; k < shape.rank(); ++k) extents[k] = shape[k].as_integer();
  return detail::new_array(dtype, {extents, static_cast<std::size_t>(shape.rank())}, l);
}

namespace {

Array filled(const Shape& shape, const Value& x, DType dtype, const Location& l) {
  Array a = empty(shape, dtype, l);
  detail::check_fits(x, dtype, "full", [&] { return detail::described(a); }, l);
  a(IndexItem(rest, l)) = Operand(x, l);
  return a;
}

}  // namespace

Array zeros(const Shape& shape, DType dtype, Location l) { return filled(shape, 0, dtype, l); }
Array ones(const Shape& shape, DType dtype, Location l) { return filled(shape, 1, dtype, l); }
Array full(const Shape& shape, const Operand& x) { return filled(shape, x.value, x.value.dtype(), x.where); }
Array full(const Shape& shape, const Operand& x, DType dtype) { return filled(shape, x.value, dtype, x.where); }
Array empty_like(const ArrayOperand& a) { return empty(a.array.shape(a.where), a.array.dtype(), a.where); }
Array zeros_like(const ArrayOperand& a) { return filled(a.array.shape(a.where), 0, a.array.dtype(), a.where); }
Array ones_like(const ArrayOperand& a) { return filled(a.array.shape(a.where), 1, a.array.dtype(), a.where); }
Array full_like(const ArrayOperand& a, const Operand& x) {
  return filled(a.array.shape(a.where), x.value, a.array.dtype(), a.where);
}

namespace {

// f(i) for every element of a new 1-d array, in a trace as a loop.
template <class F>
Array from_index(const Value& count, DType dtype, const Location& l, F&& f) {
  Array a = empty(Shape(count, l), dtype, l);
  if (Tracing::checked()) {
    const detail::Dimension d{0, count, 1};
    alignas(Value) unsigned char storage[sizeof(Value)];
    Value* index = reinterpret_cast<Value*>(storage);
    detail::open_loop(true, &d, 1, index, l);
    a(Operand(*index, l)) = Operand(f(Operand(*index, l)), l);
    detail::close_loop();
    return a;
  }
  std::byte* to = Access::layout(a).data;
  const std::int64_t n = count.as_integer();
  for (std::int64_t i = 0; i < n; ++i, to += dtype.size()) {
    const Value v = f(Operand(i, l));
    write_element(to, dtype, convert(Access::number(v), v.dtype(), dtype));
  }
  return a;
}

// Of integers that the distance between the ends may not fit: counted in a dtype that has it.
Array arange_counted(const Operand& begin, const Operand& end, const Operand& step, DType dtype) {
  const Location& l = begin.where;
  const auto at = [&](const Value& x) { return Operand(x, l); };
  if (dtype == u64) {
    const Operand first = at(u64(begin)), last = at(u64(end)), by = at(u64(step)), one = at(u64(Operand(1, l)));
    const Value turns = floordiv(at(at(last - first) - one), by);
    const Value count = where(at(first < last), at(i64(at(at(turns) + one))), Operand(0, l));
    return from_index(count, dtype, l, [&](const Operand& i) { return first + at(at(u64(i)) * by); });
  }
  const Operand first = at(i64(begin)), last = at(i64(end)), by = at(i64(step));
  const Value up = -at(floordiv(at(-at(last - first)), by));
  return from_index(maximum(at(up), Operand(0, l)), dtype, l,
                    [&](const Operand& i) { return first + at(at(i64(i)) * by); });
}

Array arange_of(const Operand& begin, const Operand& end, const Operand& step) {
  const Location& l = begin.where;
  const Type type = promote(promote(Access::type(begin.value), Access::type(end.value)), Access::type(step.value));
  if (type.dtype.is_bool() || type.dtype.is_complex())
    throw DTypeError(text("arange of ", type.dtype, " scalars: give integers or floats"), l);
  if (!Access::traced(step.value) && step.value.as_double() == 0)
    throw UsageError(
        text("arange of ", type.dtype, " scalars with a step of 0 never ends: the step must be other than 0"), l);
  if (type.dtype.is_integer() && type.dtype != i64) return arange_counted(begin, end, step, type.dtype);
  const Operand span = Operand(end - begin, l);
  Value count = 0;
  if (type.dtype.is_integer()) {
    // ceil(span / step) for either sign of the step.
    const Value up = -floordiv(Operand(-span, l), step);
    Access::set(count, i64(Operand(maximum(Operand(up, l), Operand(0, l)), l)));
  } else {
    Access::set(count, i64(Operand(maximum(Operand(ceil(Operand(span / step, l)), l), Operand(0.0, l)), l)));
  }
  // NumPy's distance between floats: that of the first two, so that the results agree bit for bit.
  Value distance = step.value;
  if (type.dtype.is_floating()) Access::set(distance, Operand(begin + step, l) - begin);
  return from_index(count, type.dtype, l,
                    [&](const Operand& i) { return begin + Operand(i * Operand(distance, l), l); });
}

}  // namespace

Array arange(const Operand& n) { return arange_of(Operand(0, n.where), n, Operand(1, n.where)); }
Array arange(const Operand& begin, const Operand& end) { return arange_of(begin, end, Operand(1, begin.where)); }
Array arange(const Operand& begin, const Operand& end, const Operand& step) { return arange_of(begin, end, step); }

Array linspace(const Operand& first, const Operand& last, const Operand& count) {
  const Location& l = first.where;
  if (!count.value.dtype().is_integer()) throw detail::not_an_integer("the count of linspace", count.value.dtype(), l);
  const Value intervals = maximum(Operand(count - Operand(1, l), l), Operand(1, l));
  const Value step = f64(Operand(Operand(last - first, l) / Operand(intervals, l), l));
  const Value begin = f64(first), end = f64(last);
  // The last number is exactly `last`, as in NumPy.
  return from_index(count.value, f64, l, [&](const Operand& i) {
    const Value x = Operand(i * Operand(step, l), l) + Operand(begin, l);
    const Value at_end = Operand(i == Operand(intervals, l), l) && Operand(count > Operand(1, l), l);
    return where(Operand(at_end, l), Operand(end, l), Operand(x, l));
  });
}

Array eye(const Operand& n, DType dtype) {
  const Location& l = n.where;
  Shape s = Access::empty_shape(l);
  Access::append(s, n);
  Access::append(s, n);
  Array a = filled(s, 0, dtype, l);
  Array d = diagonal(ArrayOperand(a, l));
  d(IndexItem(rest, l)) = Operand(1, l);
  return a;
}

}  // namespace kiln
