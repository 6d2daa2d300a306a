// Value and Var: numbers outside a trace, symbols inside; the scalar operators and functions.
#include "core/access.h"
#include "core/apply.h"
#include "core/error_text.h"
#include "core/floating_point.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>

namespace kiln {

using detail::Access;
using detail::Tracing;
using ir::Op;

namespace {

Value apply(Op op, const Operand& a) { return detail::apply(op, &a, 1); }

Value apply(Op op, const Operand& a, const Operand& b) {
  const Operand operands[2] = {a, b};
  return detail::apply(op, operands, 2);
}

Value apply(Op op, const Operand& a, const Operand& b, const Operand& c) {
  const Operand operands[3] = {a, b, c};
  return detail::apply(op, operands, 3);
}

Number16 number_of(const Value& v, DType to, Location where) {
  if (Access::traced(v)) {
    const Tracing* t = Tracing::current();
    if (where.line() == 0 && t) where = t->last_location();
    throw UsageError(
        text("a Value of a traced function (", Access::type(v).dtype,
             " scalar) is read as a C++ number, which it does not have yet; return it, or keep computing with Values"),
        where);
  }
  const DType from = Access::type(v).dtype;
  // Every real number is held as f64: nothing is computed. Changing the mode took 16 percent of a warm sum of one
  // element.
  if (from == to || (from.is_floating() && to == f64)) return Access::number(v);
  if (detail::drops_imaginary(from, to)) throw detail::no_imaginary(text(from, " scalar"), to, where);
  const CanonicalFloatingPoint canonical;
  return convert(Access::number(v), from, to);
}

}  // namespace

// ---- Value ----------------------------------------------------------------------------------------------------------

namespace {

// The trace a Var belongs to; null for a number, which may be read anywhere.
Tracing* trace_of_read(const Var& v, const Location& where) {
  const Value& current = Access::current(v);
  if (!Access::traced(current)) return nullptr;
  Tracing* t = Tracing::checked();
  if (!t)
    throw UsageError(text("a Var of a traced function (", Access::type(current).dtype,
                          " scalar) is used after its trace has ended: return its value instead"),
                     where);
  if (Access::trace(current) != t->id())
    throw UsageError(text("this Var (", Access::type(current).dtype,
                          " scalar) belongs to another traced function's run: pass a Value"),
                     where);
  return t;
}

}  // namespace

Value::Value(const Var& var, Location where) {
  if (Tracing* t = trace_of_read(var, where))
    Access::set(*this, t->read(Access::variable(var), where));
  else
    Access::set(*this, Access::current(var));
}

Number16 Value::as_complex(Location where) const { return number_of(*this, c128, where); }
double Value::as_double(Location where) const { return number_of(*this, f64, where).re; }
std::int64_t Value::as_integer(Location where) const { return number_of(*this, i64, where).i; }
bool Value::as_bool(Location where) const { return number_of(*this, bool_, where).i != 0; }

Operand::Operand(const Var& x, Location l) : value(x, l), where(l) {}

// ---- Var ------------------------------------------------------------------------------------------------------------

namespace {

// Outside a trace: the dtype given, else the join of what has been assigned so far.
void assign_number(Var& v, std::string_view operation, const Operand& x) {
  Value& current = Access::current(v);
  const Type so_far = Access::type(current), given = Access::type(x.value);
  if (Access::fixed(v)) detail::check_assignable(so_far.dtype, given.dtype, operation, x.where);
  const Type type = Access::fixed(v) ? so_far : join(so_far, given);
  detail::check_fits(x.value, type.dtype, operation, [&] { return text("a Var, ", type.dtype, " scalar,"); }, x.where);
  Access::set(current, Access::make(type, detail::number_as(x.value, type.dtype, x.where)));
}

void start(Var& v, const Operand& x, const DType* dtype) {
  Value& current = Access::current(v);
  if (Tracing* t = Tracing::checked()) {
    Access::variable(v) = t->declare(x.value, x.where, dtype);
    const Type type = t->program().variables[Access::variable(v)].type;
    Access::set(current, Access::make_traced(type, 0, 0, t->id()));
    return;
  }
  Access::fixed(v) = dtype != nullptr;
  Access::set(current, Access::make(dtype ? Type{*dtype, Strength::strong} : Access::type(x.value), {}));
  assign_number(v, "=", x);
}

// v op= x outside a trace. A trace runs again with the dtypes it found until they are stable, so that v is widened
// before the operation, not by it: a weak integer times a u64 would be an integer, but i64 times u64 is f64.
void update_number(Var& v, Op op, const Operand& x) {
  Value& current = Access::current(v);
  Type type = Access::type(current);
  while (!Access::fixed(v)) {
    const Type operands[2] = {type, Access::type(x.value)};
    ir::OpTypes types{};
    std::string_view reason;
    if (!ir::infer(op, operands, 2, types, reason) || join(type, types.result) == type) break;
    type = join(type, types.result);
  }
  const Value widened = Access::make(type, detail::number_as(current, type.dtype, x.where));
  const std::string name = detail::update_name(op);
  const Operand both[2] = {Operand(widened, x.where), x};
  assign_number(v, name, Operand(detail::apply(op, both, 2, name), x.where));
}

// The trace this Var belongs to; null for a number.
Tracing* trace_of(const Var& v, const Location& where) {
  const Value& current = Access::current(v);
  if (!Access::traced(current) && Tracing::checked())
    throw UsageError(text("a Var of plain C++ code (", Access::type(current).dtype,
                          " scalar) is assigned inside a traced function, which would happen once, while tracing: "
                          "declare a Var inside and "
                          "return its value"),
                     where);
  return trace_of_read(v, where);
}

void update(Var& v, Op op, const Operand& x) {
  if (Tracing* t = trace_of(v, x.where)) {
    t->update(Access::variable(v), op, x.value, x.where);
  } else {
    update_number(v, op, x);
  }
}

}  // namespace

Var::Var(const Operand& x) : current_(0) { start(*this, x, nullptr); }
Var::Var(const Operand& x, DType dtype) : current_(0) { start(*this, x, &dtype); }

Var& Var::operator=(const Operand& x) & {
  if (Tracing* t = trace_of(*this, x.where))
    t->assign(variable_, x.value, x.where);
  else
    assign_number(*this, "=", x);
  return *this;
}

#define KILN_VAR_UPDATE(symbol, op)              \
  Var& Var::operator symbol(const Operand & x) { \
    update(*this, Op::op, x);                    \
    return *this;                                \
  }
KILN_VAR_UPDATE(+=, add)
KILN_VAR_UPDATE(-=, subtract)
KILN_VAR_UPDATE(*=, multiply)
KILN_VAR_UPDATE(/=, divide)
KILN_VAR_UPDATE(%=, mod)
KILN_VAR_UPDATE(&=, bit_and)
KILN_VAR_UPDATE(|=, bit_or)
KILN_VAR_UPDATE(^=, bit_xor)
KILN_VAR_UPDATE(<<=, left_shift)
KILN_VAR_UPDATE(>>=, right_shift)
#undef KILN_VAR_UPDATE

Var& Var::operator++() { return *this += detail::one(); }
Var& Var::operator--() { return *this -= detail::one(); }
void Var::min(const Operand& x) { update(*this, Op::minimum, x); }
void Var::max(const Operand& x) { update(*this, Op::maximum, x); }

DType Var::dtype() const { return Access::type(current_).dtype; }

// ---- Operators and functions ----------------------------------------------------------------------------------------

#define KILN_BINARY(symbol, op) \
  Value operator symbol(const Operand& a, const Operand& b) { return apply(Op::op, a, b); }
KILN_BINARY(+, add)
KILN_BINARY(-, subtract)
KILN_BINARY(*, multiply)
KILN_BINARY(/, divide)
KILN_BINARY(%, mod)
KILN_BINARY(&, bit_and)
KILN_BINARY(|, bit_or)
KILN_BINARY(^, bit_xor)
KILN_BINARY(<<, left_shift)
KILN_BINARY(>>, right_shift)
KILN_BINARY(<, less)
KILN_BINARY(<=, less_equal)
KILN_BINARY(>, greater)
KILN_BINARY(>=, greater_equal)
KILN_BINARY(==, equal)
KILN_BINARY(!=, not_equal)
KILN_BINARY(&&, logical_and)
KILN_BINARY(||, logical_or)
#undef KILN_BINARY
Value operator-(const Operand& a) { return apply(Op::negative, a); }
Value operator+(const Operand& a) {
  detail::check_positive(a.value.dtype(), "bool scalar", a.where);
  return a.value;
}
Value operator~(const Operand& a) { return apply(Op::bit_not, a); }
Value operator!(const Operand& a) { return apply(Op::logical_not, a); }

#define KILN_DEFINE_1(name) \
  Value name(const Operand& x) { return apply(Op::name, x); }
#define KILN_DEFINE_2(name) \
  Value name(const Operand& a, const Operand& b) { return apply(Op::name, a, b); }
#define KILN_DEFINE_3(name) \
  Value name(const Operand& a, const Operand& b, const Operand& c) { return apply(Op::name, a, b, c); }
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_DEFINE_##arity(name)
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
#undef KILN_DEFINE_1
#undef KILN_DEFINE_2
#undef KILN_DEFINE_3

Value min(const Operand& a, const Operand& b) { return minimum(a, b); }
Value max(const Operand& a, const Operand& b) { return maximum(a, b); }
Value clip(const Operand& x, const Operand& lo, const Operand& hi) {
  const Operand from_below[2] = {x, lo};
  const Operand from_above[2] = {Operand(detail::apply(Op::maximum, from_below, 2, "clip"), x.where), hi};
  return detail::apply(Op::minimum, from_above, 2, "clip");
}
Value where(const Operand& c, const Operand& x, const Operand& y) { return apply(Op::select, c, x, y); }

Value DType::operator()(const Operand& x) const {
  const Type type{*this, Strength::strong};
  if (Tracing* t = Tracing::checked())
    if (Access::traced(x.value)) {
      if (detail::drops_imaginary(x.value.dtype(), *this))
        throw detail::no_imaginary(text(x.value.dtype(), " scalar"), *this, x.where);
      t->build().at(t->location(x.where));
      return t->value_of(t->build().convert(t->node_of(x.value, x.where), type));
    }
  return Access::make(type, number_of(x.value, *this, x.where));
}

}  // namespace kiln
