// Every operation on numbers of every dtype, casts, and element access.
#include "core/host_ops.h"

#include "core/host_math.h"

#include <kiln/error.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace kiln {
namespace {

using ir::Op;

Number16 from_integer(std::int64_t i) {
  Number16 x;
  x.i = i;
  return x;
}
Number16 from_floating(double re, double im = 0) {
  Number16 x;
  x.re = re;
  x.im = im;
  return x;
}

std::uint64_t bits_of(const Number16& x) { return static_cast<std::uint64_t>(x.i); }
bool is_signed(DType dtype) { return dtype.kind() == TypeKind::signed_integer; }

// The low bits of an integer as a number of that dtype: how every integer operation wraps.
std::int64_t wrap(std::uint64_t bits, DType dtype) {
  switch (dtype.code()) {
    case TypeCode::bool_: return bits != 0;
    case TypeCode::i8: return static_cast<std::int8_t>(bits);
    case TypeCode::i16: return static_cast<std::int16_t>(bits);
    case TypeCode::i32: return static_cast<std::int32_t>(bits);
    case TypeCode::u8: return static_cast<std::uint8_t>(bits);
    case TypeCode::u16: return static_cast<std::uint16_t>(bits);
    case TypeCode::u32: return static_cast<std::uint32_t>(bits);
    default: return static_cast<std::int64_t>(bits);
  }
}

double round_to(double x, DType dtype) {
  switch (dtype.code()) {
    case TypeCode::f16: return f16_to_float(double_to_f16(x));
    case TypeCode::bf16: return bf16_to_float(double_to_bf16(x));
    case TypeCode::f32:
    case TypeCode::c64: return static_cast<float>(x);
    default: return x;
  }
}

// ---- integers -------------------------------------------------------------------------------------------------------

std::uint64_t floor_divide_signed(std::int64_t x, std::int64_t y) {
  if (y == 0) return 0;
  if (y == -1) return 0 - static_cast<std::uint64_t>(x);
  return static_cast<std::uint64_t>(x / y - (x % y != 0 && (x % y < 0) != (y < 0)));
}

std::uint64_t modulus_signed(std::int64_t x, std::int64_t y) {
  if (y == 0 || y == -1) return 0;
  const std::int64_t remainder = x % y;
  return static_cast<std::uint64_t>(remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder);
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

std::uint64_t power_signed(std::int64_t base, std::int64_t exponent) {
  if (exponent >= 0) return power(static_cast<std::uint64_t>(base), static_cast<std::uint64_t>(exponent));
  if (base == 1) return 1;
  if (base == -1) return exponent & 1 ? ~std::uint64_t{0} : 1;
  return 0;
}

// Counts as large as the width, and negative ones, shift everything out.
std::uint64_t shift_left(std::uint64_t x, std::uint64_t count, DType dtype) {
  return count < dtype.size() * 8 ? x << count : 0;
}
std::uint64_t shift_right(const Number16& x, std::uint64_t count, DType dtype) {
  const bool all_out = count >= dtype.size() * 8;
  if (is_signed(dtype)) return static_cast<std::uint64_t>(x.i >> (all_out ? 63 : count));
  return all_out ? 0 : bits_of(x) >> count;
}

std::uint64_t magnitude(std::int64_t x) {
  return x < 0 ? 0 - static_cast<std::uint64_t>(x) : static_cast<std::uint64_t>(x);
}

std::uint64_t common_multiple(std::uint64_t x, std::uint64_t y) {
  return x == 0 || y == 0 ? 0 : x / std::gcd(x, y) * y;
}

std::uint64_t signed_operation(Op op, std::int64_t x, std::int64_t y) {
  switch (op) {
    case Op::mod: return modulus_signed(x, y);
    case Op::floordiv: return floor_divide_signed(x, y);
    case Op::fmod: return y == 0 || y == -1 ? 0 : static_cast<std::uint64_t>(x % y);
    case Op::reciprocal: return static_cast<std::uint64_t>(x == 1 || x == -1 ? x : 0);
    case Op::gcd: return std::gcd(magnitude(x), magnitude(y));
    case Op::lcm: return common_multiple(magnitude(x), magnitude(y));
    case Op::popcount: return static_cast<std::uint64_t>(std::popcount(magnitude(x)));
    case Op::minimum:
    case Op::fmin: return static_cast<std::uint64_t>(x <= y ? x : y);
    case Op::maximum:
    case Op::fmax: return static_cast<std::uint64_t>(x >= y ? x : y);
    case Op::abs: return magnitude(x);
    case Op::sign: return static_cast<std::uint64_t>(x > 0 ? 1 : x < 0 ? -1 : 0);
    case Op::pow: return power_signed(x, y);
    case Op::less: return x < y;
    case Op::less_equal: return x <= y;
    case Op::greater: return x > y;
    case Op::greater_equal: return x >= y;
    case Op::signbit: return x < 0;
    default: throw InternalError("not an operation on integers");
  }
}

std::uint64_t unsigned_operation(Op op, std::uint64_t x, std::uint64_t y) {
  switch (op) {
    case Op::mod:
    case Op::fmod: return y == 0 ? 0 : x % y;
    case Op::floordiv: return y == 0 ? 0 : x / y;
    case Op::reciprocal: return x == 1;
    case Op::gcd: return std::gcd(x, y);
    case Op::lcm: return common_multiple(x, y);
    case Op::popcount: return static_cast<std::uint64_t>(std::popcount(x));
    case Op::minimum:
    case Op::fmin: return x <= y ? x : y;
    case Op::maximum:
    case Op::fmax: return x >= y ? x : y;
    case Op::abs: return x;
    case Op::sign: return x != 0;
    case Op::pow: return power(x, y);
    case Op::less: return x < y;
    case Op::less_equal: return x <= y;
    case Op::greater: return x > y;
    case Op::greater_equal: return x >= y;
    case Op::signbit: return 0;
    default: throw InternalError("not an operation on integers");
  }
}

// Operations whose bits do not depend on the sign first; the result has more bits than the dtype and wraps later.
std::uint64_t integer_operation(Op op, DType dtype, const Number16* x, int arity) {
  const std::uint64_t a = bits_of(x[0]);
  const std::uint64_t b = arity > 1 ? bits_of(x[1]) : 0;
  switch (op) {
    case Op::add: return a + b;
    case Op::subtract: return a - b;
    case Op::multiply: return a * b;
    case Op::negative: return 0 - a;
    case Op::square: return a * a;
    case Op::bit_and: return a & b;
    case Op::bit_or: return a | b;
    case Op::bit_xor: return a ^ b;
    case Op::bit_not: return ~a;
    case Op::left_shift: return shift_left(a, b, dtype);
    case Op::right_shift: return shift_right(x[0], b, dtype);
    case Op::equal: return a == b;
    case Op::not_equal: return a != b;
    case Op::floor:
    case Op::ceil:
    case Op::trunc:
    case Op::round:
    case Op::real:
    case Op::conj: return a;
    case Op::imag: return 0;
    case Op::isnan:
    case Op::isinf: return 0;
    case Op::isfinite: return 1;
    default: break;
  }
  return is_signed(dtype) ? signed_operation(op, x[0].i, static_cast<std::int64_t>(b)) : unsigned_operation(op, a, b);
}

bool bool_operation(Op op, bool a, bool b) {
  switch (op) {
    case Op::add:
    case Op::bit_or:
    case Op::logical_or:
    case Op::maximum:
    case Op::fmax: return a || b;
    case Op::multiply:
    case Op::bit_and:
    case Op::logical_and:
    case Op::minimum:
    case Op::fmin: return a && b;
    case Op::bit_xor:
    case Op::logical_xor:
    case Op::not_equal: return a != b;
    case Op::imag: return false;
    case Op::equal: return a == b;
    case Op::bit_not:
    case Op::logical_not: return !a;
    case Op::less: return !a && b;
    case Op::less_equal: return !a || b;
    case Op::greater: return a && !b;
    case Op::greater_equal: return a || !b;
    case Op::abs:
    case Op::floor:
    case Op::ceil:
    case Op::trunc:
    case Op::round:
    case Op::real: return a;
    default: throw InternalError("not an operation on bools");
  }
}

// The neighbour of x towards y among the numbers of f16 or bf16, whose bits are in their order.
double next_half(double x, double y, DType dtype) {
  if (std::isnan(x) || std::isnan(y)) return std::numeric_limits<double>::quiet_NaN();
  if (x == y) return y;
  const std::uint16_t sign = y < x ? 0x8000 : 0;
  const std::uint16_t bits = dtype == f16 ? double_to_f16(x) : double_to_bf16(x);
  const int next = x == 0 ? sign | 1 : (x < y) == (x > 0) ? bits + 1 : bits - 1;
  const auto result = static_cast<std::uint16_t>(next);
  return dtype == f16 ? f16_to_float(result) : bf16_to_float(result);
}

// ---- casts ----------------------------------------------------------------------------------------------------------

std::int64_t saturate(double x, DType to) {
  if (std::isnan(x)) return 0;
  const int bits = static_cast<int>(to.size()) * 8;
  if (is_signed(to)) {
    const double limit = std::ldexp(1.0, bits - 1);
    const std::int64_t max = static_cast<std::int64_t>(~std::uint64_t{0} >> (65 - bits));
    if (x >= limit) return max;
    return x <= -limit ? -max - 1 : static_cast<std::int64_t>(x);
  }
  if (x >= std::ldexp(1.0, bits)) return static_cast<std::int64_t>(~std::uint64_t{0} >> (64 - bits));
  return x <= 0 ? 0 : static_cast<std::int64_t>(static_cast<std::uint64_t>(x));
}

// Once rounded to f64, or to f32 for what is not wider: never twice except to bf16, which goes through f32.
double integer_to_floating(const Number16& x, DType from, DType to) {
  const bool is_unsigned = from == u64;
  if (to == f64 || to == c128) return is_unsigned ? static_cast<double>(bits_of(x)) : static_cast<double>(x.i);
  return round_to(is_unsigned ? static_cast<float>(bits_of(x)) : static_cast<float>(x.i), to);
}

template <class T>
T load(const void* address) {
  T x;
  std::memcpy(&x, address, sizeof x);
  return x;
}
template <class T, class U>
void save(void* address, U value) {
  const T x = static_cast<T>(value);
  std::memcpy(address, &x, sizeof x);
}

}  // namespace

Number16 evaluate(Op op, DType operand, DType result, const Number16* operands, bool precise) {
  if (op == Op::select) return operands[operands[0].i != 0 ? 1 : 2];
  const int arity = ir::row(op).arity;
  if (operand.is_bool()) return from_integer(bool_operation(op, operands[0].i != 0, arity > 1 && operands[1].i != 0));
  if (operand.is_integer()) return from_integer(wrap(integer_operation(op, operand, operands, arity), result));
  if (operand.is_complex()) return complex_operation(op, operand, operands, precise);
  if (op == Op::complex) return from_floating(operands[0].re, operands[1].re);
  double wide[3] = {};
  for (int k = 0; k < arity; ++k) wide[k] = operands[k].re;
  if (result.is_bool()) return from_integer(floating_test(op, wide));
  if (operand == f64) return from_floating(floating_operation(op, wide, precise));
  if (op == Op::nextafter && operand != f32) return from_floating(next_half(wide[0], wide[1], operand));
  if (op == Op::spacing && operand != f32) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double next = next_half(wide[0], wide[0] < 0 ? -infinity : infinity, operand);
    return from_floating(round_to(next - wide[0], operand));
  }
  const float narrow[3] = {static_cast<float>(wide[0]), static_cast<float>(wide[1]), static_cast<float>(wide[2])};
  return from_floating(round_to(floating_operation(op, narrow, precise), operand));
}

Number16 convert(const Number16& x, DType from, DType to) {
  if (from == to) return x;
  const bool from_integers = from.is_bool() || from.is_integer();
  if (to.is_bool()) return from_integer(from_integers ? x.i != 0 : x.re != 0 || x.im != 0);
  if (to.is_integer()) return from_integer(from_integers ? wrap(bits_of(x), to) : saturate(x.re, to));
  if (from_integers) return from_floating(integer_to_floating(x, from, to));
  return from_floating(round_to(x.re, to), to.is_complex() && from.is_complex() ? round_to(x.im, to) : 0);
}

Number16 read_element(const void* address, DType dtype) {
  switch (dtype.code()) {
    case TypeCode::bool_: return from_integer(load<std::uint8_t>(address) != 0);
    case TypeCode::i8: return from_integer(load<std::int8_t>(address));
    case TypeCode::i16: return from_integer(load<std::int16_t>(address));
    case TypeCode::i32: return from_integer(load<std::int32_t>(address));
    case TypeCode::u8: return from_integer(load<std::uint8_t>(address));
    case TypeCode::u16: return from_integer(load<std::uint16_t>(address));
    case TypeCode::u32: return from_integer(load<std::uint32_t>(address));
    case TypeCode::i64:
    case TypeCode::u64: return from_integer(load<std::int64_t>(address));
    case TypeCode::f16: return from_floating(f16_to_float(load<std::uint16_t>(address)));
    case TypeCode::bf16: return from_floating(bf16_to_float(load<std::uint16_t>(address)));
    case TypeCode::f32: return from_floating(load<float>(address));
    case TypeCode::f64: return from_floating(load<double>(address));
    case TypeCode::c64:
      return from_floating(load<float>(address), load<float>(static_cast<const std::byte*>(address) + 4));
    case TypeCode::c128:
      return from_floating(load<double>(address), load<double>(static_cast<const std::byte*>(address) + 8));
  }
  throw InternalError("no such dtype");
}

void write_element(void* address, DType dtype, const Number16& x) {
  switch (dtype.code()) {
    case TypeCode::bool_: return save<std::uint8_t>(address, x.i != 0);
    case TypeCode::i8:
    case TypeCode::u8: return save<std::uint8_t>(address, x.i);
    case TypeCode::i16:
    case TypeCode::u16: return save<std::uint16_t>(address, x.i);
    case TypeCode::i32:
    case TypeCode::u32: return save<std::uint32_t>(address, x.i);
    case TypeCode::i64:
    case TypeCode::u64: return save<std::int64_t>(address, x.i);
    case TypeCode::f16: return save<std::uint16_t>(address, double_to_f16(x.re));
    case TypeCode::bf16: return save<std::uint16_t>(address, double_to_bf16(x.re));
    case TypeCode::f32: return save<float>(address, x.re);
    case TypeCode::f64: return save<double>(address, x.re);
    case TypeCode::c64: save<float>(address, x.re); return save<float>(static_cast<std::byte*>(address) + 4, x.im);
    case TypeCode::c128: save<double>(address, x.re); return save<double>(static_cast<std::byte*>(address) + 8, x.im);
  }
  throw InternalError("no such dtype");
}

Number16 identity(Op op, DType dtype) {
  const bool floating = dtype.is_floating() || dtype.is_complex();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (op) {
    case Op::add: return floating ? from_floating(-0.0, dtype.is_complex() ? -0.0 : 0) : from_integer(0);
    case Op::multiply: return floating ? from_floating(1) : from_integer(1);
    case Op::bit_and: return from_integer(wrap(~std::uint64_t{0}, dtype));
    case Op::bit_or:
    case Op::bit_xor: return from_integer(0);
    case Op::minimum:
      if (dtype.is_bool()) return from_integer(1);
      return floating ? from_floating(infinity, dtype.is_complex() ? infinity : 0)
                      : from_integer(saturate(infinity, dtype));
    case Op::maximum:
      if (dtype.is_bool()) return from_integer(0);
      return floating ? from_floating(-infinity, dtype.is_complex() ? -infinity : 0)
                      : from_integer(saturate(-infinity, dtype));
    case Op::fmin:
    case Op::fmax:
      if (floating) {
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        return from_floating(nan, dtype.is_complex() ? nan : 0);
      }
      return identity(op == Op::fmin ? Op::minimum : Op::maximum, dtype);
    default: throw InternalError("an operation without identity");
  }
}

}  // namespace kiln
