// Elements as places: stores, updates, and updates that tell what was there; traced ones go to the trace.
#include "core/access.h"
#include "core/apply.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <array>

namespace kiln {

using detail::Access;
using detail::Tracing;

namespace {

// e = x outside a trace; `operation` as the user wrote it.
void store_number(const Element& e, std::string_view operation, const Operand& x) {
  const DType dtype = Access::stored(e);
  if (Access::read_only(e))
    throw UsageError(
        text("'", operation, "' writes an element (", dtype, " scalar) of a read-only array; copy() it first"),
        x.where);
  if (Access::traced(x.value))
    throw UsageError(text("'", operation, "' stores a traced ", x.value.dtype(), " scalar into an element (", dtype,
                          " scalar) of a concrete array: pass the array as a parameter"),
                     x.where);
  detail::check_fits(x.value, dtype, operation, [&] { return text(dtype, " scalar"); }, x.where);
  write_element(Access::writable(e, x.where), dtype, detail::number_as(x.value, dtype, x.where));
}

void store(const Element& e, const Operand& x) {
  if (Access::traced(e))
    return Tracing::required("a traced element", x.where).store_element(Access::element(e), "=", x.value, x.where);
  store_number(e, "=", x);
}

void update(const Element& e, ir::Op op, const Operand& x) {
  if (Access::traced(e))
    return Tracing::required("a traced element", x.where).update_element(Access::element(e), op, x.value, x.where);
  const std::string name = detail::update_name(op);
  const Operand both[2] = {Operand(e, x.where), x};
  store_number(e, name, Operand(detail::apply(op, both, 2, name), x.where));
}

}  // namespace

void Element::operator=(const Operand& x) && { store(*this, x); }
void Element::operator+=(const Operand& x) && { update(*this, ir::Op::add, x); }
void Element::operator-=(const Operand& x) && { update(*this, ir::Op::subtract, x); }
void Element::operator*=(const Operand& x) && { update(*this, ir::Op::multiply, x); }
void Element::operator/=(const Operand& x) && { update(*this, ir::Op::divide, x); }
void Element::operator%=(const Operand& x) && { update(*this, ir::Op::mod, x); }
void Element::operator&=(const Operand& x) && { update(*this, ir::Op::bit_and, x); }
void Element::operator|=(const Operand& x) && { update(*this, ir::Op::bit_or, x); }
void Element::operator^=(const Operand& x) && { update(*this, ir::Op::bit_xor, x); }
void Element::operator<<=(const Operand& x) && { update(*this, ir::Op::left_shift, x); }
void Element::operator>>=(const Operand& x) && { update(*this, ir::Op::right_shift, x); }
void Element::operator++() && { update(*this, ir::Op::add, detail::one()); }
void Element::operator--() && { update(*this, ir::Op::subtract, detail::one()); }
void Element::min(const Operand& x) && { update(*this, ir::Op::minimum, x); }
void Element::max(const Operand& x) && { update(*this, ir::Op::maximum, x); }

// ---- What was there -------------------------------------------------------------------------------------------------

namespace {

// The element becomes `op` of itself and x, by `select` x, where it equals `expected`, if that is given.
Value exchange(const Element& e, ir::Op op, std::string_view name, const Operand& x, const Operand* expected) {
  const DType dtype = Access::stored(e);
  if (dtype.is_complex())
    throw DTypeError(text("'", name, "' of an element of dtype ", dtype,
                          ", which takes two steps; keep its real and imaginary parts in arrays of floats"),
                     x.where);
  if (Access::traced(e))
    return Tracing::required("a traced element", x.where)
        .exchange_element(Access::element(e), {op, name, x.value, expected ? &expected->value : nullptr, x.where});
  const Value old = Access::make({dtype, Strength::strong}, read_element(Access::address(e), dtype));
  // As in a trace: what does not stay of the array's dtype is an error, not a conversion.
  for (const Operand* each : {&x, expected}) {
    if (!each) continue;
    const Type in[2] = {{dtype, Strength::strong}, Access::type(each->value)};
    ir::OpTypes types{};
    std::string_view reason;
    if (!ir::infer(op == ir::Op::select ? ir::Op::maximum : op, in, 2, types, reason) || types.result.dtype != dtype)
      throw DTypeError(text("'", name, "' of ", with_article(dtype), " scalar and ", with_article(in[1].dtype),
                            " scalar", reason.empty() ? text(" would not stay ", dtype) : text(": ", reason),
                            "; cast the right side, as in ", dtype, "(x)"),
                       each->where);
    detail::check_fits(each->value, dtype, name, [&] { return text(dtype, " scalar"); }, each->where);
  }
  const Operand was(old, x.where);
  if (expected &&
      !detail::apply(ir::Op::equal, std::array{was, Operand(dtype(*expected), x.where)}.data(), 2).as_bool())
    return old;
  const Operand both[2] = {was, x};
  store_number(e, name, op == ir::Op::select ? x : Operand(detail::apply(op, both, 2, name), x.where));
  return old;
}

}  // namespace

Value atomic_add(Element&& e, const Operand& x) { return exchange(e, ir::Op::add, "atomic_add", x, nullptr); }
Value atomic_min(Element&& e, const Operand& x) { return exchange(e, ir::Op::minimum, "atomic_min", x, nullptr); }
Value atomic_max(Element&& e, const Operand& x) { return exchange(e, ir::Op::maximum, "atomic_max", x, nullptr); }
Value atomic_exchange(Element&& e, const Operand& x) {
  return exchange(e, ir::Op::select, "atomic_exchange", x, nullptr);
}
Value atomic_cas(Element&& e, const Operand& expected, const Operand& desired) {
  return exchange(e, ir::Op::select, "atomic_cas", desired, &expected);
}

}  // namespace kiln
