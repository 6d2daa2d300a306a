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
  if (!detail::does_not_fit(*scalar, types.operand.dtype)) return false;
  if (ir::row(op).rule == ir::Rule::comparison) return true;
  const Array* const array = operands[index == 0 ? 1 : 0].array;
  throw detail::number_does_not_fit(*scalar, types.operand.dtype, name,
                                    array ? detail::described(*array) : text(types.operand.dtype, " scalar"), where);
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
  if (own.size() > extents.size())
    throw detail::too_many_to_store(operation, detail::described(to), detail::described(from), where);
  bool fits = true;
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
  if (detail::drops_imaginary(from.dtype(), to.dtype()))
    throw detail::no_imaginary(detail::described(from), to.dtype(), where);
  detail::Layout l = Access::readable(from, where);
  const int rank = Access::rank(to), shift = rank - Access::rank(from);
  for (int k = rank; k-- > 0;) {
    const int j = k - shift;
    l.strides[k] = j < 0 || Access::layout(from).extents[j] == 1 ? 0 : Access::layout(from).strides[j];
    l.extents[k] = Access::layout(to).extents[k];
  }
  detail::copy_elements(Access::writable(to, where), to.dtype(), l, from.dtype(), rank);
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
  detail::check_fits(x.value, to.dtype(), "=", [&] { return detail::described(to); }, x.where);
  const Number16 number = detail::number_as(x.value, to.dtype(), x.where);
  detail::fill_elements(Access::writable(to, x.where), to.dtype(), Access::rank(to), number);
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
    throw DTypeError(text("'", name, "' of ", detail::described(operands, 2), " gives ", types.result.dtype, ", which ",
                          with_article(to.dtype()), " array cannot hold; write x(rest) = ",
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
  detail::check_matrix("trace", a);
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
                          ": both must have rank 1; for others write matmul(a, b), or sum(a * b, {.axis = …})"),
                     a.where);
  if (Tracing* t = Tracing::checked()) {
    t->check_dot(a.array, b.array, a.where);
    const Array products = a * b;
    return sum(ArrayOperand(products, a.where));
  }
  const Argument operands[] = {detail::argument(a.array), detail::argument(b.array)};
  return detail::eager_value(Builtin::dot, {}, operands, a.where);
}

Array matmul(const ArrayOperand& a, const ArrayOperand& b) {
  check_operands(Op::multiply, a, b, "matmul");
  const int left = Access::rank(a.array), right = Access::rank(b.array);
  if (left < 1 || left > 2 || right < 1 || right > 2)
    throw ShapeError(text("matmul of ", detail::described(a.array), " and ", detail::described(b.array),
                          ": both must have rank 1 or 2; index the other axes in a loop"),
                     a.where);
  Tracing* const t = Tracing::checked();
  if (!t) {
    const Argument operands[] = {detail::argument(a.array), detail::argument(b.array)};
    return detail::eager_array(Builtin::matmul, {}, operands, a.where);
  }
  return t->matmul(a.array, b.array, a.where);
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
  if (detail::drops_imaginary(a.dtype(), dtype)) throw detail::no_imaginary(detail::described(a), dtype, where);
  const Array result = detail::new_array(dtype, Access::extents(a), where);
  detail::copy_elements(Access::layout(result), dtype, Access::readable(a, where), a.dtype(), Access::rank(a));
  return result;
}

}  // namespace

Array Array::astype(DType dtype, Location l) const { return convert_array(*this, dtype, l); }
Array Array::copy(Location l) const { return convert_array(*this, dtype_, l); }
Array DType::operator()(const ArrayOperand& x) const { return convert_array(x.array, *this, x.where); }

}  // namespace kiln
