// The functions of arrays: inside a trace recorded, outside run now.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/eager.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <cmath>

namespace kiln {

using detail::Access;
using detail::Argument;
using detail::Builtin;
using detail::MixedOperand;
using detail::Tracing;
using ir::Op;

// ---- Elementwise ----------------------------------------------------------------------------------------------------

namespace {

// The dtypes in which `op` computes; throws what is wrong with the operands, which are those of `name` to the user.
ir::OpTypes infer(Op op, const MixedOperand* operands, std::string_view name, const Location& where) {
  const int arity = ir::row(op).arity;
  Type in[3];
  for (int k = 0; k < arity; ++k) {
    if (operands[k].array && Access::state(*operands[k].array) == Access::State::undefined)
      throw detail::no_elements(text("'", name, "'"), where);
    in[k] = operands[k].array ? Type{operands[k].array->dtype(), Strength::strong} : Access::type(*operands[k].scalar);
  }
  ir::OpTypes types{};
  std::string_view reason;
  if (!ir::infer(op, in, arity, types, reason))
    throw DTypeError(text("'", name, "' of ", detail::described(operands, arity), ": ", reason), where);
  return types;
}

// A number that does not fit the dtype it meets: compared as it is, else an error, as in a trace, where numbers are
// known too. Returns whether `number` takes the operand's place.
bool must_widen(Op op, const MixedOperand* operands, int index, std::string_view name, const Location& where) {
  const Value* scalar = operands[index].scalar;
  if (!scalar || Access::traced(*scalar) || !Access::type(*scalar).weak() || !scalar->dtype().is_integer())
    return false;
  const ir::OpTypes types = infer(op, operands, name, where);
  if (!types.operand.dtype.is_integer()) return false;
  const std::int64_t number = Access::number(*scalar).i;
  if (detail::fits(number, types.operand.dtype)) return false;
  if (ir::row(op).rule == ir::Rule::comparison) return true;
  const Array* const array = operands[index == 0 ? 1 : 0].array;
  detail::check_fits(*scalar, types.operand.dtype, name,
                     array ? detail::described(*array) : text(types.operand.dtype, " scalar"), where);
  return false;
}

}  // namespace

Array detail::elementwise(Op op, const MixedOperand* operands, std::string_view name, const Location& where) {
  const int arity = ir::row(op).arity;
  for (int k = 0; k < arity; ++k)
    if (operands[k].array && Access::state(*operands[k].array) == Access::State::undefined)
      throw detail::no_elements(text("'", name, "'"), where);
  if (Tracing* t = Tracing::checked()) return t->elementwise(op, operands, arity, where, name);
  Argument list[3];
  Value wide = 0;
  for (int k = 0; k < arity; ++k) {
    if (!must_widen(op, operands, k, name, where)) continue;
    Access::set(wide, Access::make({i64, Strength::strong}, Access::number(*operands[k].scalar)));
    MixedOperand widened[3] = {operands[0], operands[1], {}};
    widened[k].scalar = &wide;
    return elementwise(op, widened, name, where);
  }
  for (int k = 0; k < arity; ++k)
    list[k] = operands[k].array ? detail::argument(*operands[k].array) : detail::argument(*operands[k].scalar);
  const std::int64_t constant = static_cast<std::int64_t>(op);
  try {
    return detail::eager_array(Builtin::elementwise, {&constant, 1}, {list, static_cast<std::size_t>(arity)}, where);
  } catch (const DTypeError&) {
    infer(op, operands, name, where);  // says the same with the shapes, of which the builtin's trace knows the ranks
    throw;
  } catch (const ShapeError&) {
    if (name == ir::row(op).spelling) throw;
    throw detail::not_broadcast(name, operands, arity, where);
  }
}

namespace {

using detail::elementwise;

MixedOperand mixed(const ArrayOperand& a) { return {&a.array, nullptr}; }
MixedOperand mixed(const Operand& a) { return {nullptr, &a.value}; }

template <class... A>
Array elementwise(Op op, const Location& where, const A&... operands) {
  const MixedOperand list[] = {mixed(operands)...};
  return elementwise(op, list, ir::row(op).spelling, where);
}

}  // namespace

#define KILN_BINARY(name, op)                                                                             \
  Array name(const ArrayOperand& a, const ArrayOperand& b) { return elementwise(Op::op, a.where, a, b); } \
  Array name(const ArrayOperand& a, const Operand& b) { return elementwise(Op::op, a.where, a, b); }      \
  Array name(const Operand& a, const ArrayOperand& b) { return elementwise(Op::op, a.where, a, b); }
#define KILN_TERNARY(name, ...)                                                                           \
  Array name(const ArrayOperand& a, const ArrayOperand& b, const ArrayOperand& c) { return __VA_ARGS__; } \
  Array name(const ArrayOperand& a, const ArrayOperand& b, const Operand& c) { return __VA_ARGS__; }      \
  Array name(const ArrayOperand& a, const Operand& b, const ArrayOperand& c) { return __VA_ARGS__; }      \
  Array name(const ArrayOperand& a, const Operand& b, const Operand& c) { return __VA_ARGS__; }           \
  Array name(const Operand& a, const ArrayOperand& b, const ArrayOperand& c) { return __VA_ARGS__; }      \
  Array name(const Operand& a, const ArrayOperand& b, const Operand& c) { return __VA_ARGS__; }           \
  Array name(const Operand& a, const Operand& b, const ArrayOperand& c) { return __VA_ARGS__; }
KILN_BINARY(operator+, add)
KILN_BINARY(operator-, subtract)
KILN_BINARY(operator*, multiply)
KILN_BINARY(operator/, divide)
KILN_BINARY(operator%, mod)
KILN_BINARY(operator&, bit_and)
KILN_BINARY(operator|, bit_or)
KILN_BINARY(operator^, bit_xor)
KILN_BINARY(operator<<, left_shift)
KILN_BINARY(operator>>, right_shift)
KILN_BINARY(operator<, less)
KILN_BINARY(operator<=, less_equal)
KILN_BINARY(operator>, greater)
KILN_BINARY(operator>=, greater_equal)
KILN_BINARY(operator==, equal)
KILN_BINARY(operator!=, not_equal)
KILN_BINARY(operator&&, logical_and)
KILN_BINARY(operator||, logical_or)
Array operator-(const ArrayOperand& a) { return elementwise(Op::negative, a.where, a); }
Array operator~(const ArrayOperand& a) { return elementwise(Op::bit_not, a.where, a); }
Array operator!(const ArrayOperand& a) { return elementwise(Op::logical_not, a.where, a); }

#define KILN_DEFINE_1(name) \
  Array name(const ArrayOperand& x) { return elementwise(Op::name, x.where, x); }
#define KILN_DEFINE_2(name) KILN_BINARY(name, name)
#define KILN_DEFINE_3(name) KILN_TERNARY(name, elementwise(Op::name, a.where, a, b, c))
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_DEFINE_##arity(name)
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
#undef KILN_DEFINE_1
#undef KILN_DEFINE_2
#undef KILN_DEFINE_3
#undef KILN_BINARY
KILN_TERNARY(where, elementwise(Op::select, a.where, a, b, c))

namespace {

Array clip_step(Op op, const ArrayOperand& x, const auto& bound) {
  const MixedOperand operands[] = {mixed(x), mixed(bound)};
  return elementwise(op, operands, "clip", x.where);
}
Array clip_step(Op op, const Operand& x, const ArrayOperand& bound) {
  const MixedOperand operands[] = {mixed(x), mixed(bound)};
  return elementwise(op, operands, "clip", x.where);
}
Operand clip_step(Op op, const Operand& x, const Operand& bound) {
  const Operand operands[] = {x, bound};
  return Operand(detail::apply(op, operands, 2, "clip"), x.where);
}
Operand at(const Operand& x, const Location&) { return x; }
ArrayOperand at(const Array& x, const Location& where) { return ArrayOperand(x, where); }

// One of the three is an array.
Array clipped(const auto& x, const auto& lo, const auto& hi) {
  const auto low = clip_step(Op::maximum, x, lo);
  return clip_step(Op::minimum, at(low, x.where), hi);
}

}  // namespace

KILN_TERNARY(clip, clipped(a, b, c))
#undef KILN_TERNARY

Array operator+(const ArrayOperand& a) {
  detail::check_positive(a.array.dtype(), detail::described(a.array), a.where);
  return a.array.copy(a.where);
}

// ---- Storing into arrays --------------------------------------------------------------------------------------------

namespace {

void check_target(const Array& to, std::string_view operation, const Location& where) {
  if (Access::state(to) == Access::State::undefined) throw detail::no_elements(text("'", operation, "'"), where);
  if (Access::read_only(to))
    throw UsageError(
        text("'", operation, "' writes into a read-only array (", detail::described(to), "); copy() it first"), where);
}

// Both concrete: from broadcasts to the shape of to.
void check_stored(const Array& to, const Array& from, std::string_view operation, const Location& where) {
  const auto extents = Access::extents(to), own = Access::extents(from);
  bool fits = own.size() <= extents.size();
  for (std::size_t k = 1; fits && k <= own.size(); ++k)
    fits = own[own.size() - k] == 1 || own[own.size() - k] == extents[extents.size() - k];
  if (!fits)
    throw ShapeError(text("'", operation, "' of ", detail::described(to), " and ", detail::described(from),
                          ": extents must be equal, or 1 on the right; slice or broadcast the right side to the shape "
                          "on the left"),
                     where);
}

// Both concrete: to[...] = from[...], broadcast.
void copy_concrete(const Array& to, const Array& from, const Location& where) {
  check_target(to, "=", where);
  check_stored(to, from, "=", where);
  detail::check_keeps_imaginary(from.dtype(), to.dtype(), detail::described(from), where);
  detail::Layout l = Access::layout(from);
  const int rank = Access::rank(to), shift = rank - Access::rank(from);
  for (int k = rank; k-- > 0;) {
    const int j = k - shift;
    l.strides[k] = j < 0 || Access::layout(from).extents[j] == 1 ? 0 : Access::layout(from).strides[j];
    l.extents[k] = Access::layout(to).extents[k];
  }
  detail::copy_elements(Access::layout(to), to.dtype(), l, from.dtype(), rank);
}

void store_array(const Array& to, const ArrayOperand& x) {
  if (Access::state(x.array) == Access::State::undefined) throw detail::no_elements("'='", x.where);
  if (Tracing* t = Tracing::checked()) {
    t->symbol_of(to, x.where);
    return t->copy_into(to, x.array, x.where);
  }
  copy_concrete(to, x.array, x.where);
}

void store_scalar(const Array& to, const Operand& x) {
  if (Tracing* t = Tracing::checked()) return t->fill(to, x.value, x.where);
  check_target(to, "=", x.where);
  if (Access::traced(x.value))
    throw UsageError(text("'=' stores a traced ", x.value.dtype(), " scalar into a concrete array (",
                          detail::described(to), "): pass the array as a parameter"),
                     x.where);
  detail::check_fits(x.value, to.dtype(), "=", detail::described(to), x.where);
  const Number16 number = detail::number_as(x.value, to.dtype(), x.where);
  detail::fill_elements(Access::layout(to), to.dtype(), Access::rank(to), number);
}

// Whether to[...] can be updated: it may be written, and stays of its dtype and shape.
void check_update(const Array& to, Op op, const MixedOperand& x, std::string_view name, const Location& where) {
  const MixedOperand operands[2] = {{&to, nullptr}, x};
  const ir::OpTypes types = infer(op, operands, name, where);
  Tracing* const t = Tracing::checked();
  if (t)
    t->written(t->symbol_of(to, where), name, where);
  else
    check_target(to, name, where);
  if (promote(to.dtype(), types.result.dtype) != to.dtype())
    throw DTypeError(text("'", name, "' of ", detail::described(operands, 2), " gives ", types.result.dtype,
                          ", which a ", to.dtype(), " array cannot hold; write x(rest) = ",
                          types.result.dtype.is_complex() ? text("real(…)") : text(to.dtype(), "(…)")),
                     where);
  if (!x.array) return;
  if (t)
    t->check_stored(t->symbol_of(to, where), t->symbol_of(*x.array, where), name, where);
  else
    check_stored(to, *x.array, name, where);
}

void update(const Array& to, Op op, const MixedOperand& x, const Location& where) {
  const std::string name = detail::update_name(op);
  check_update(to, op, x, name, where);
  const MixedOperand operands[] = {{&to, nullptr}, x};
  const Array result = elementwise(op, operands, name, where);
  store_array(to, ArrayOperand(result, where));
}

}  // namespace

void View::operator=(const ArrayOperand& x) && { store_array(*this, x); }
void View::operator=(const Operand& x) && { store_scalar(*this, x); }

#define KILN_UPDATE(symbol, op)                                                                    \
  void View::operator symbol(const ArrayOperand & x) { update(*this, Op::op, mixed(x), x.where); } \
  void View::operator symbol(const Operand & x) { update(*this, Op::op, mixed(x), x.where); }      \
  Array& Array::operator symbol(const ArrayOperand & x)& {                                         \
    update(*this, Op::op, mixed(x), x.where);                                                      \
    return *this;                                                                                  \
  }                                                                                                \
  Array& Array::operator symbol(const Operand & x)& {                                              \
    update(*this, Op::op, mixed(x), x.where);                                                      \
    return *this;                                                                                  \
  }
KILN_UPDATE(+=, add)
KILN_UPDATE(-=, subtract)
KILN_UPDATE(*=, multiply)
KILN_UPDATE(/=, divide)
KILN_UPDATE(%=, mod)
KILN_UPDATE(&=, bit_and)
KILN_UPDATE(|=, bit_or)
KILN_UPDATE(^=, bit_xor)
#undef KILN_UPDATE

void swap(Array& a, Array& b, Location l) {
  if (Tracing* t = Tracing::checked()) return t->swap(a, b, l);
  const Array old = a;
  Access::rebind(a, b);
  Access::rebind(b, old);
}

// ---- Functions of whole arrays --------------------------------------------------------------------------------------

namespace {

void check_matrix(const char* name, const ArrayOperand& a) {
  if (Access::state(a.array) == Access::State::undefined) throw detail::no_elements(name, a.where);
  if (Access::rank(a.array) != 2)
    throw ShapeError(
        text(name, " of ", detail::described(a.array), ": it needs rank 2; index the other axes, as in a(i, _, _)"),
        a.where);
}

// For functions made of others: throws, under the function's own name, what `op` would say.
void check_operands(Op op, const ArrayOperand& a, const ArrayOperand& b, const char* name) {
  const MixedOperand operands[] = {mixed(a), mixed(b)};
  infer(op, operands, name, a.where);
}

// Every pair of dtypes can be compared, bools with numbers too.
void check_defined(const ArrayOperand& a, const ArrayOperand& b, const char* name) {
  for (const ArrayOperand* x : {&a, &b})
    if (Access::state(x->array) == Access::State::undefined) throw detail::no_elements(name, x->where);
}

}  // namespace

Value trace(const ArrayOperand& a) {
  check_matrix("trace", a);
  if (Tracing::checked()) {
    const Array d = diagonal(a);
    return sum(ArrayOperand(d, a.where));
  }
  const Argument operand = detail::argument(a.array);
  return detail::eager_value(Builtin::trace, {}, {&operand, 1}, a.where);
}

Value dot(const ArrayOperand& a, const ArrayOperand& b) {
  check_operands(Op::multiply, a, b, "dot");
  if (Access::rank(a.array) != 1 || Access::rank(b.array) != 1)
    throw ShapeError(text("dot of ", detail::described(a.array), " and ", detail::described(b.array),
                          ": both must have rank 1; for others write sum(a * b, {.axis = …})"),
                     a.where);
  if (Tracing* t = Tracing::checked()) {
    t->check_dot(a.array, b.array, a.where);
    const Array products = a * b;
    return sum(ArrayOperand(products, a.where));
  }
  const Argument operands[] = {detail::argument(a.array), detail::argument(b.array)};
  return detail::eager_value(Builtin::dot, {}, operands, a.where);
}

Value allclose(const ArrayOperand& a, const ArrayOperand& b, double rtol, double atol) {
  check_defined(a, b, "allclose");
  const Value r = rtol, t = atol;
  if (Tracing::checked()) return detail::traced_allclose(a, b, Operand(r, a.where), Operand(t, a.where));
  const Argument operands[] = {detail::argument(a.array), detail::argument(b.array), detail::argument(r),
                               detail::argument(t)};
  return detail::eager_value(Builtin::allclose, {}, operands, a.where);
}

Value array_equal(const ArrayOperand& a, const ArrayOperand& b) {
  check_defined(a, b, "array_equal");
  if (Access::rank(a.array) != Access::rank(b.array)) return Value(false);
  if (Tracing::checked()) return detail::traced_array_equal(a, b);
  for (int k = 0; k < Access::rank(a.array); ++k)
    if (a.array.extent(k, a.where) != b.array.extent(k, b.where)) return Value(false);
  const Argument operands[] = {detail::argument(a.array), detail::argument(b.array)};
  return detail::eager_value(Builtin::array_equal, {}, operands, a.where);
}

// ---- Casts and copies -----------------------------------------------------------------------------------------------

namespace {

Array convert_array(const Array& a, DType dtype, const Location& where) {
  if (Access::state(a) == Access::State::undefined) throw detail::no_elements("a copy or cast", where);
  if (Tracing* t = Tracing::checked()) return t->cast(a, dtype, where);
  detail::check_keeps_imaginary(a.dtype(), dtype, detail::described(a), where);
  const Array result = detail::new_array(dtype, Access::extents(a), where);
  detail::copy_elements(Access::layout(result), dtype, Access::layout(a), a.dtype(), Access::rank(a));
  return result;
}

}  // namespace

Array Array::astype(DType dtype, Location l) const { return convert_array(*this, dtype, l); }
Array Array::copy(Location l) const { return convert_array(*this, dtype_, l); }
Array DType::operator()(const ArrayOperand& x) const { return convert_array(x.array, *this, x.where); }

// ---- Shape ----------------------------------------------------------------------------------------------------------

Array Array::reshape(const Shape& shape, Location l) const {
  if (state_ == State::undefined) throw detail::no_elements("reshape", l);
  if (Tracing* t = Tracing::checked()) return t->reshape(*this, shape, l);
  const std::int64_t count = host_size();
  std::int64_t extents[max_rank], product = 1;
  int unknown = -1;
  for (int k = 0; k < shape.rank(); ++k) {
    extents[k] = shape[k].as_integer();
    if (extents[k] != -1) {
      product *= extents[k];
      continue;
    }
    if (unknown >= 0) throw detail::two_unknown_extents(*this, l);
    unknown = k;
  }
  if (unknown >= 0) extents[unknown] = product > 0 ? count / product : 0;
  const std::span<const std::int64_t> all{extents, static_cast<std::size_t>(shape.rank())};
  bool is_shape = true;  // (-2, -5) would be ten elements too
  for (std::int64_t extent : all) is_shape = is_shape && extent >= 0;
  if (!is_shape) throw detail::negative_extent(dtype_, all, l);
  if (detail::element_count(all) != count)
    throw ShapeError(text("reshape of ", detail::described(*this), " to ", all, ": ", count, " elements do not become ",
                          detail::element_count(all),
                          ": the number of elements must stay; one extent may be -1, none else negative"),
                     l);
  const Array source = detail::is_contiguous(*this) ? *this : copy(l);
  detail::Layout layout;
  layout.data = Access::layout(source).data;
  std::int64_t stride = 1;
  for (int k = shape.rank(); k-- > 0;) {
    layout.extents[k] = extents[k];
    layout.strides[k] = stride;
    stride *= extents[k];
  }
  detail::retain(Access::storage(source));
  return Access::make_array(Access::storage(source), dtype_, shape.rank(), layout, read_only_);
}

Array Array::ravel(Location l) const {
  Shape s = Access::empty_shape(l);
  Access::append(s, Operand(size(l), l));
  return reshape(s, l);
}

namespace {

Array permuted(const Array& a, const int* axes, const Location& where) {
  if (Access::state(a) == Access::State::undefined) throw detail::no_elements("transpose", where);
  if (Tracing* t = Tracing::checked()) return t->transpose(a, axes, where);
  detail::Layout l = Access::layout(a);
  for (int k = 0; k < Access::rank(a); ++k) {
    l.extents[k] = Access::layout(a).extents[axes[k]];
    l.strides[k] = Access::layout(a).strides[axes[k]];
  }
  detail::retain(Access::storage(a));
  return Access::make_array(Access::storage(a), a.dtype(), Access::rank(a), l, Access::read_only(a));
}

}  // namespace

Array Array::transpose(Location l) const {
  int axes[max_rank];
  for (int k = 0; k < rank_; ++k) axes[k] = rank_ - 1 - k;
  return permuted(*this, axes, l);
}

Array Array::transpose(std::initializer_list<int> list, Location l) const {
  const auto wrong_axes = [&] {
    std::string axes;
    for (int axis : list) axes += text(axes.empty() ? "" : ", ", axis);
    return IndexError(text("transpose of ", detail::described(*this), " to the axes {", axes,
                           "}: give each of its axes once, as in a.transpose({1, 0})"),
                      l);
  };
  int axes[max_rank];
  unsigned seen = 0;
  int n = 0;
  for (int given : list) {
    const int axis = given < 0 ? given + rank_ : given;
    if (axis < 0 || axis >= rank_ || (seen >> axis & 1) || n >= rank_) throw wrong_axes();
    seen |= 1u << axis;
    axes[n++] = axis;
  }
  if (n != rank_) throw wrong_axes();
  return permuted(*this, axes, l);
}

Array Array::broadcast_to(const Shape& shape, Location l) const {
  if (state_ == State::undefined) throw detail::no_elements("broadcast_to", l);
  if (Tracing* t = Tracing::checked()) {
    ir::NodeId extents[max_rank];
    for (int k = 0; k < shape.rank(); ++k) extents[k] = t->integer_of(shape[k], "an extent", l);
    return t->broadcast(*this, extents, shape.rank(), l);
  }
  detail::Layout to;
  to.data = layout_.data;
  const int shift = shape.rank() - rank_;
  for (int k = 0; k < shape.rank(); ++k) {
    to.extents[k] = shape[k].as_integer();
    const int own = k - shift;
    const bool repeats = own < 0 || (layout_.extents[own] == 1 && to.extents[k] != 1);
    if (shift < 0 || to.extents[k] < 0 || (!repeats && layout_.extents[own] != to.extents[k])) {
      std::int64_t wanted[max_rank];
      for (int j = 0; j < shape.rank(); ++j) wanted[j] = shape[j].as_integer();
      throw ShapeError(
          text("broadcast_to of ", detail::described(*this), " to ",
               std::span<const std::int64_t>(wanted, static_cast<std::size_t>(shape.rank())),
               ": extents must be equal, or 1 in the array, counted from the last axis, and none negative"),
          l);
    }
    to.strides[k] = repeats ? 0 : layout_.strides[own];
  }
  detail::retain(storage_);
  return Access::make_array(storage_, dtype_, shape.rank(), to, true);
}

Array diagonal(const ArrayOperand& a) {
  check_matrix("diagonal", a);
  if (Tracing* t = Tracing::checked()) return t->diagonal(a.array, a.where);
  const detail::Layout& from = Access::layout(a.array);
  detail::Layout l;
  l.data = from.data;
  l.extents[0] = std::min(from.extents[0], from.extents[1]);
  l.strides[0] = from.strides[0] + from.strides[1];
  detail::retain(Access::storage(a.array));
  return Access::make_array(Access::storage(a.array), a.array.dtype(), 1, l, Access::read_only(a.array));
}

Array transpose(const ArrayOperand& a) { return a.array.transpose(a.where); }
Array reshape(const ArrayOperand& a, const Shape& shape) { return a.array.reshape(shape, a.where); }
Array broadcast_to(const ArrayOperand& a, const Shape& shape) { return a.array.broadcast_to(shape, a.where); }

}  // namespace kiln
