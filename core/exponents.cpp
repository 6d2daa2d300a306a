// ldexp, frexp and modf, which are rows of no table: their operands or results have different dtypes. They are composed
// of operations that are exact, so that they are the same bits everywhere.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <cmath>

namespace kiln {

namespace {

using detail::Access;

Operand at(const Value& x, const Location& where) { return Operand(x, where); }
ArrayOperand at(const Array& x, const Location& where) { return ArrayOperand(x, where); }
const Value& operand_of(const Operand& x) { return x.value; }
const Array& operand_of(const ArrayOperand& x) { return x.array; }
Type type_of(const Value& x) { return Access::type(x); }
Type type_of(const Array& x) { return {x.dtype(), Strength::strong}; }
std::string described(const Value& x) { return text(x.dtype(), " scalar"); }
std::string described(const Array& x) { return detail::described(x); }

void check_defined(const Value&, const char*, const Location&) {}
void check_defined(const Array& x, const char* name, const Location& where) {
  if (Access::state(x) == Access::State::undefined) throw detail::no_elements(text("'", name, "'"), where);
}

// A product that is `name` to the user.
Value product(const char* name, const Value& a, const Value& b, const Location& w) {
  const Operand operands[] = {at(a, w), at(b, w)};
  return detail::apply(ir::Op::multiply, operands, 2, name);
}
detail::MixedOperand mixed(const Value& x) { return {nullptr, &x}; }
detail::MixedOperand mixed(const Array& x) { return {&x, nullptr}; }
template <class A, class B>
Array product(const char* name, const A& a, const B& b, const Location& w) {
  const detail::MixedOperand operands[] = {mixed(a), mixed(b)};
  return detail::elementwise(ir::Op::multiply, operands, name, w);
}

// Assignment within a trace, whatever scope the name is from.
template <class X>
void replace(X& name, const X& by) {
  if constexpr (std::is_same_v<X, Value>)
    Access::set(name, by);
  else
    Access::rebind(name, by);
}

// The dtype of the result, that of any floating function of x.
template <class X>
DType floating_result(const char* name, const X& x, const Location& where) {
  check_defined(x, name, where);
  const Type type = type_of(x);
  ir::OpTypes types{};
  std::string_view reason;
  if (!ir::infer(ir::Op::sqrt, &type, 1, types, reason))
    throw DTypeError(text("'", name, "' of ", described(x), ": ", reason), where);
  return types.result.dtype;
}

// What the arithmetic of a floating dtype is done in: f32 holds all that f16 and bf16 need in between.
struct Format {
  DType dtype;
  int lowest, highest;  // exponents of the normal powers of two
  int precision;        // bits of the significand
  int bits;             // of the largest exponent

  explicit Format(DType result)
      : dtype(result == f64 ? f64 : f32),
        lowest(result == f64 ? -1022 : -126),
        highest(result == f64 ? 1023 : 127),
        precision(result == f64 ? 53 : 24),
        bits(result == f64 ? 10 : 7) {}
};

// ---- ldexp ----------------------------------------------------------------------------------------------------------

template <class K, class F>
struct Step {
  F factor;
  K left;
};

// A power of two that brings an exponent beyond the normal ones nearer, and the exponent that is left. Down it goes by
// less than all the way, so that what comes after it is the only rounding (the method of musl's scalbn).
template <class K>
auto step(const K& k, const Format& f, const Location& w) {
  const int down = f.lowest + f.precision;
  const auto high = at(k, w) > Operand(f.highest, w), low = at(k, w) < Operand(f.lowest, w);
  const auto small_factor = where(at(low, w), Operand(std::ldexp(1.0, down), w), Operand(1.0, w));
  const auto factor = f.dtype(at(where(at(high, w), Operand(std::ldexp(1.0, f.highest), w), at(small_factor, w)), w));
  const auto small_part = where(at(low, w), Operand(down, w), Operand(0, w));
  const auto taken = i32(at(where(at(high, w), Operand(f.highest, w), at(small_part, w)), w));
  const auto left = at(k, w) - at(taken, w);
  return Step<std::decay_t<decltype(left)>, std::decay_t<decltype(factor)>>{factor, left};
}

// 2^k for a normal exponent, a factor for each bit of it.
template <class K>
auto power_of_two(const K& k, const Format& f, const Location& w) {
  const auto size = abs(at(k, w));
  const auto factor = [&](int bit) {
    const auto bits = at(size, w) & Operand(1 << bit, w);
    const auto is_set = at(bits, w) != Operand(0, w);
    return f.dtype(at(where(at(is_set, w), Operand(std::ldexp(1.0, 1 << bit), w), Operand(1.0, w)), w));
  };
  auto product = factor(0);
  for (int bit = 1; bit < f.bits; ++bit) {
    const auto next = factor(bit);
    replace(product, at(product, w) * at(next, w));
  }
  const auto negative = at(k, w) < Operand(0, w);
  const auto inverse = f.dtype(Operand(1.0, w)) / at(product, w);
  return where(at(negative, w), at(inverse, w), at(product, w));
}

template <class X, class N>
auto scaled(const X& x, const N& n, const Location& w) {
  const DType result = floating_result("ldexp", operand_of(x), w);
  check_defined(operand_of(n), "ldexp", w);
  const DType exponent = operand_of(n).dtype();
  if (!(exponent.is_integer() || exponent.is_bool()) || exponent == u64)
    throw DTypeError(text("'ldexp' of ", described(operand_of(x)), " and ", described(operand_of(n)),
                          ": the exponent must be a signed integer; cast it, as i64(n)"),
                     w);
  const Format f(result);
  const int most = 2 * (f.highest - f.lowest + f.precision);  // scales any number to infinity or zero
  const auto bounded = clip(at(i64(n), w), Operand(-most, w), Operand(most, w));
  const auto k = i32(at(bounded, w));
  const auto first = step(k, f, w);
  const auto second = step(first.left, f, w);
  const auto last = clip(at(second.left, w), Operand(f.lowest, w), Operand(f.highest, w));
  const auto power = power_of_two(i32(at(last, w)), f, w);
  const auto once = product("ldexp", f.dtype(x), first.factor, w);
  const auto twice = at(once, w) * at(second.factor, w);
  const auto thrice = at(twice, w) * at(power, w);
  return result(at(thrice, w));
}

// ---- frexp, modf ----------------------------------------------------------------------------------------------------

// The exponent is found bit by bit, the significand brought into [1, 2) on the way.
template <class X>
auto split_exponent(const X& operand, const Location& w) {
  const DType result = floating_result("frexp", operand_of(operand), w);
  const Format f(result);
  auto x = f.dtype(operand);
  const auto number = isfinite(at(x, w));
  const auto nonzero = at(x, w) != Operand(0, w);
  const auto splits = at(number, w) && at(nonzero, w);
  auto m = f.dtype(at(where(at(splits, w), at(abs(at(x, w)), w), Operand(1.0, w)), w));
  auto e = i32(at(where(at(splits, w), Operand(1, w), Operand(0, w)), w));
  const auto divide_where = [&](const auto& condition, int power) {
    const auto factor = f.dtype(at(where(at(condition, w), Operand(std::ldexp(1.0, -power), w), Operand(1.0, w)), w));
    const auto added = i32(at(where(at(condition, w), Operand(power, w), Operand(0, w)), w));
    replace(m, at(m, w) * at(factor, w));
    replace(e, at(e, w) + at(added, w));
  };
  const int top = f.bits - 1;
  for (int bit = top; bit >= 0; --bit) divide_where(at(m, w) >= Operand(std::ldexp(1.0, 1 << bit), w), 1 << bit);
  divide_where(at(m, w) < Operand(std::ldexp(1.0, 1 - (1 << top)), w), -(1 << top));  // twice for what is not normal
  for (int bit = top; bit >= 0; --bit)
    divide_where(at(m, w) < Operand(std::ldexp(1.0, 1 - (1 << bit)), w), -(1 << bit));
  const auto half = at(m, w) * f.dtype(Operand(0.5, w));
  const auto with_sign = copysign(at(half, w), at(x, w));
  const auto significand = result(at(where(at(splits, w), at(with_sign, w), at(x, w)), w));
  return std::tuple(significand, e);
}

template <class X>
auto split_fraction(const X& operand, const Location& w) {
  const DType result = floating_result("modf", operand_of(operand), w);
  const auto x = result(operand);
  const auto whole = trunc(at(x, w));
  const auto difference = at(x, w) - at(whole, w);
  const auto infinite = isinf(at(x, w));
  const auto fraction = where(at(infinite, w), result(Operand(0.0, w)), at(difference, w));
  return std::tuple(copysign(at(fraction, w), at(x, w)), whole);
}

}  // namespace

Value ldexp(const Operand& x, const Operand& n) { return scaled(x, n, x.where); }
Array ldexp(const ArrayOperand& x, const ArrayOperand& n) { return scaled(x, n, x.where); }
Array ldexp(const ArrayOperand& x, const Operand& n) { return scaled(x, n, x.where); }
Array ldexp(const Operand& x, const ArrayOperand& n) { return scaled(x, n, n.where); }
std::tuple<Value, Value> frexp(const Operand& x) { return split_exponent(x, x.where); }
std::tuple<Array, Array> frexp(const ArrayOperand& x) { return split_exponent(x, x.where); }
std::tuple<Value, Value> modf(const Operand& x) { return split_fraction(x, x.where); }
std::tuple<Array, Array> modf(const ArrayOperand& x) { return split_fraction(x, x.where); }

}  // namespace kiln
