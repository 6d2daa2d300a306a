// Functions that are others of the table under another name, in another dtype or two at once.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

namespace kiln {

namespace {

using detail::MixedOperand;
using ir::Op;

MixedOperand mixed(const ArrayOperand& a) { return {&a.array, nullptr}; }
MixedOperand mixed(const Operand& a) { return {nullptr, &a.value}; }
const Location& line_of(const ArrayOperand& a, const auto&) { return a.where; }
const Location& line_of(const Operand&, const ArrayOperand& b) { return b.where; }

Value apply(Op op, const Operand& a, const Operand& b, const char* name) {
  const Operand operands[] = {a, b};
  return detail::apply(op, operands, 2, name);
}
Array apply(Op op, const auto& a, const auto& b, const char* name) {
  const MixedOperand operands[] = {mixed(a), mixed(b)};
  return detail::elementwise(op, operands, name, line_of(a, b));
}

DType dtype_of_operand(const Operand& x, const char*) { return x.value.dtype(); }
DType dtype_of_operand(const ArrayOperand& x, const char* name) {
  if (detail::Access::state(x.array) == detail::Access::State::undefined)
    throw detail::no_elements(text("'", name, "'"), x.where);
  return x.array.dtype();
}
Operand at(const Value& x, const Location& where) { return Operand(x, where); }
ArrayOperand at(const Array& x, const Location& where) { return ArrayOperand(x, where); }

auto power_of_doubles(const auto& a, const auto& b) {
  const char* const name = "float_power";
  const bool is_complex = dtype_of_operand(a, name).is_complex() || dtype_of_operand(b, name).is_complex();
  const DType dtype = is_complex ? c128 : f64;
  const auto base = dtype(a);
  const auto exponent = dtype(b);
  return apply(Op::pow, at(base, a.where), at(exponent, b.where), name);
}

auto quotient_and_rest(const auto& a, const auto& b) {
  return std::tuple(apply(Op::floordiv, a, b, "divmod"), apply(Op::mod, a, b, "divmod"));
}

}  // namespace

Value float_power(const Operand& a, const Operand& b) { return power_of_doubles(a, b); }
Array float_power(const ArrayOperand& a, const ArrayOperand& b) { return power_of_doubles(a, b); }
Array float_power(const ArrayOperand& a, const Operand& b) { return power_of_doubles(a, b); }
Array float_power(const Operand& a, const ArrayOperand& b) { return power_of_doubles(a, b); }

std::tuple<Value, Value> divmod(const Operand& a, const Operand& b) { return quotient_and_rest(a, b); }
std::tuple<Array, Array> divmod(const ArrayOperand& a, const ArrayOperand& b) { return quotient_and_rest(a, b); }
std::tuple<Array, Array> divmod(const ArrayOperand& a, const Operand& b) { return quotient_and_rest(a, b); }
std::tuple<Array, Array> divmod(const Operand& a, const ArrayOperand& b) { return quotient_and_rest(a, b); }

Value radians(const Operand& x) { return deg2rad(x); }
Array radians(const ArrayOperand& x) { return deg2rad(x); }
Value degrees(const Operand& x) { return rad2deg(x); }
Array degrees(const ArrayOperand& x) { return rad2deg(x); }

}  // namespace kiln
