// The operations on numbers against NumPy's results, exhaustive small dtypes, and a compiler's own half precision.
#include "core/host_ops.h"

#include "cpu/vector_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace {

using namespace kiln;
using ir::Op;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Number16 whole(std::int64_t i) {
  Number16 x;
  x.i = i;
  return x;
}
Number16 real(double re) {
  Number16 x;
  x.re = re;
  return x;
}
std::int64_t integer(Op op, DType dtype, std::int64_t a, std::int64_t b = 0) {
  const Number16 operands[] = {whole(a), whole(b), whole(0)};
  return evaluate(op, dtype, dtype, operands).i;
}
double floating(Op op, DType dtype, double a, double b = 0, double c = 0) {
  const Number16 operands[] = {real(a), real(b), real(c)};
  return evaluate(op, dtype, dtype, operands).re;
}
bool test(Op op, DType dtype, double a, double b = 0) {
  const Number16 operands[] = {real(a), real(b), real(0)};
  return evaluate(op, dtype, bool_, operands).i != 0;
}
std::int64_t to_integer(double x, DType from, DType to) { return convert(real(x), from, to).i; }

void expect_same(double expected, double got, const std::string& what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(got)) << what << " gave " << got;
  } else {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(expected), std::bit_cast<std::uint64_t>(got))
        << what << ": " << expected << ", but got " << got;
  }
}

const double specials[] = {0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 0.1, infinity, -infinity, nan};

// numpy.floor_divide and numpy.remainder of every pair of `specials`, a row for each dividend.
const char* const floor_quotients_f64 =
    "nan nan 0 -0 0 -0 0 0 -0 nan "
    "nan nan -0 0 -0 0 -0 -0 0 nan "
    "inf -inf 1 -1 0 -1 9 0 -1 nan "
    "-inf inf -1 1 -1 0 -10 -1 0 nan "
    "inf -inf 2 -3 1 -1 24 0 -1 nan "
    "-inf inf -3 3 -2 1 -30 -1 0 nan "
    "inf -inf 0 -1 0 -1 1 0 -1 nan "
    "inf -inf nan nan nan nan nan nan nan nan "
    "-inf inf nan nan nan nan nan nan nan nan "
    "nan nan nan nan nan nan nan nan nan nan ";
const char* const remainders_f64 =
    "nan nan 0 -0 0 -0 0 0 -0 nan "
    "nan nan 0 -0 0 -0 0 0 -0 nan "
    "nan nan 0 -0 1 -2 0.09999999999999995 1 -inf nan "
    "nan nan 0 -0 1.5 -1 5.5511151231257827e-17 inf -1 nan "
    "nan nan 0.5 -0.5 0 -0.5 0.099999999999999867 2.5 -inf nan "
    "nan nan 0 -0 2 -0 1.6653345369377348e-16 inf -3 nan "
    "nan nan 0.10000000000000001 -0.90000000000000002 0.10000000000000001 -2.8999999999999999 0 0.10000000000000001 "
    "-inf nan "
    "nan nan nan nan nan nan nan nan nan nan "
    "nan nan nan nan nan nan nan nan nan nan "
    "nan nan nan nan nan nan nan nan nan nan ";
const char* const floor_quotients_f32 =
    "nan nan 0 -0 0 -0 0 0 -0 nan "
    "nan nan -0 0 -0 0 -0 -0 0 nan "
    "inf -inf 1 -1 0 -1 9 0 -1 nan "
    "-inf inf -1 1 -1 0 -10 -1 0 nan "
    "inf -inf 2 -3 1 -1 24 0 -1 nan "
    "-inf inf -3 3 -2 1 -30 -1 0 nan "
    "inf -inf 0 -1 0 -1 1 0 -1 nan "
    "inf -inf nan nan nan nan nan nan nan nan "
    "-inf inf nan nan nan nan nan nan nan nan "
    "nan nan nan nan nan nan nan nan nan nan ";
const char* const remainders_f32 =
    "nan nan 0 -0 0 -0 0 0 -0 nan "
    "nan nan 0 -0 0 -0 0 0 -0 nan "
    "nan nan 0 -0 1 -2 0.0999999866 1 -inf nan "
    "nan nan 0 -0 1.5 -1 1.49011612e-08 inf -1 nan "
    "nan nan 0.5 -0.5 0 -0.5 0.0999999642 2.5 -inf nan "
    "nan nan 0 -0 2 -0 4.47034836e-08 inf -3 nan "
    "nan nan 0.100000001 -0.899999976 0.100000001 -2.9000001 0 0.100000001 -inf nan "
    "nan nan nan nan nan nan nan nan nan nan "
    "nan nan nan nan nan nan nan nan nan nan "
    "nan nan nan nan nan nan nan nan nan nan ";

void expect_table(Op op, DType dtype, const char* table) {
  char* at = const_cast<char*>(table);
  for (double x : specials) {
    for (double y : specials) {
      double expected = std::strtod(at, &at);
      if (dtype == f32) expected = static_cast<float>(expected), x = static_cast<float>(x), y = static_cast<float>(y);
      expect_same(expected, floating(op, dtype, x, y),
                  std::string(ir::row(op).name) + " of " + std::to_string(x) + " and " + std::to_string(y));
    }
  }
}

TEST(HostOps, FloorDivisionAsNumPy) {
  expect_table(Op::floordiv, f64, floor_quotients_f64);
  expect_table(Op::mod, f64, remainders_f64);
  expect_table(Op::floordiv, f32, floor_quotients_f32);
  expect_table(Op::mod, f32, remainders_f32);
}

TEST(HostOps, BytesExhaustively) {
  const auto floor_of = [](int a, int b) { return static_cast<int>(std::floor(static_cast<double>(a) / b)); };
  for (int a = -128; a < 128; ++a) {
    EXPECT_EQ(integer(Op::abs, i8, a), a == -128 ? -128 : std::abs(a));
    EXPECT_EQ(integer(Op::negative, i8, a), a == -128 ? -128 : -a);
    EXPECT_EQ(integer(Op::sign, i8, a), (a > 0) - (a < 0));
    EXPECT_EQ(integer(Op::bit_not, i8, a), -a - 1);
    EXPECT_EQ(integer(Op::bit_not, u8, a & 255), 255 - (a & 255));
    for (int b = -128; b < 128; ++b) {
      EXPECT_EQ(integer(Op::add, i8, a, b), static_cast<std::int8_t>(a + b));
      EXPECT_EQ(integer(Op::multiply, i8, a, b), static_cast<std::int8_t>(a * b));
      EXPECT_EQ(integer(Op::subtract, u8, a & 255, b & 255), static_cast<std::uint8_t>(a - b));
      EXPECT_EQ(integer(Op::maximum, u8, a & 255, b & 255), std::max(a & 255, b & 255));
      EXPECT_EQ(integer(Op::floordiv, i8, a, b), b == 0 ? 0 : static_cast<std::int8_t>(floor_of(a, b)));
      EXPECT_EQ(integer(Op::mod, i8, a, b), b == 0 ? 0 : a - b * floor_of(a, b));
      EXPECT_EQ(integer(Op::fmod, i8, a, b), b == 0 ? 0 : a % b);
      const bool out = b < 0 || b >= 8;
      EXPECT_EQ(integer(Op::left_shift, i8, a, b), out ? 0 : static_cast<std::int8_t>(a * (1 << b)));
      EXPECT_EQ(integer(Op::right_shift, i8, a, b), out ? (a < 0 ? -1 : 0) : a >> b);
      EXPECT_EQ(integer(Op::right_shift, u8, a & 255, b & 255), (b & 255) >= 8 ? 0 : (a & 255) >> b);
    }
  }
}

TEST(HostOps, WideIntegers) {
  constexpr std::int64_t min = std::numeric_limits<std::int64_t>::min(), max = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(integer(Op::floordiv, i64, min, -1), min);
  EXPECT_EQ(integer(Op::mod, i64, min, -1), 0);
  EXPECT_EQ(integer(Op::fmod, i64, min, -1), 0);
  EXPECT_EQ(integer(Op::abs, i64, min), min);
  EXPECT_EQ(integer(Op::add, i64, max, 1), min);
  EXPECT_EQ(integer(Op::floordiv, u64, -1, 2), max);  // u64 by its bits
  EXPECT_EQ(integer(Op::minimum, u64, -1, 5), 5);
  EXPECT_EQ(integer(Op::right_shift, u64, -1, 63), 1);
  EXPECT_EQ(integer(Op::left_shift, i64, 1, 64), 0);
  EXPECT_EQ(integer(Op::less, u64, -1, 5), 0);
}

TEST(HostOps, IntegerPowers) {
  EXPECT_EQ(integer(Op::pow, i64, 3, 39), 4052555153018976267);
  EXPECT_EQ(integer(Op::pow, i64, 7, 30), 1576789505350337489);  // wrapped
  EXPECT_EQ(integer(Op::pow, i8, 3, 5), -13);
  EXPECT_EQ(integer(Op::pow, u8, 3, 5), 243);
  EXPECT_EQ(integer(Op::pow, i32, 0, 0), 1);
  EXPECT_EQ(integer(Op::pow, i32, 2, -1), 0);
  EXPECT_EQ(integer(Op::pow, i32, 0, -1), 0);
  EXPECT_EQ(integer(Op::pow, i32, 1, -7), 1);
  EXPECT_EQ(integer(Op::pow, i32, -1, -7), -1);
  EXPECT_EQ(integer(Op::pow, i32, -1, -8), 1);
}

TEST(HostOps, Bools) {
  for (int a = 0; a < 2; ++a) {
    for (int b = 0; b < 2; ++b) {
      EXPECT_EQ(integer(Op::add, bool_, a, b), a | b);
      EXPECT_EQ(integer(Op::multiply, bool_, a, b), a & b);
      EXPECT_EQ(integer(Op::minimum, bool_, a, b), a & b);
      EXPECT_EQ(integer(Op::maximum, bool_, a, b), a | b);
      EXPECT_EQ(integer(Op::bit_xor, bool_, a, b), a ^ b);
      EXPECT_EQ(integer(Op::less_equal, bool_, a, b), a <= b);
      EXPECT_EQ(integer(Op::logical_and, bool_, a, b), a & b);
    }
    EXPECT_EQ(integer(Op::bit_not, bool_, a), 1 - a);
    EXPECT_EQ(integer(Op::abs, bool_, a), a);
  }
}

TEST(HostOps, FloatingCorners) {
  expect_same(nan, floating(Op::maximum, f64, nan, 1), "maximum");
  expect_same(nan, floating(Op::maximum, f64, 1, nan), "maximum");
  expect_same(nan, floating(Op::minimum, f64, 1, nan), "minimum");
  expect_same(0.0, floating(Op::maximum, f64, 0.0, -0.0), "the first of equals");
  expect_same(-0.0, floating(Op::maximum, f64, -0.0, 0.0), "the first of equals");
  expect_same(nan, floating(Op::sign, f64, nan), "sign");
  expect_same(2.0, floating(Op::round, f64, 2.5), "round");
  expect_same(-0.0, floating(Op::round, f64, -0.5), "round");
  expect_same(-1.5, floating(Op::copysign, f32, 1.5, -0.0), "copysign");
  expect_same(1.0, floating(Op::fmin, f64, nan, 1), "fmin");
  expect_same(1.0, floating(Op::fmax, f32, 1, nan), "fmax");
  expect_same(nan, floating(Op::fmax, f64, nan, nan), "fmax");
  expect_same(1 + 0x1p-7, floating(Op::nextafter, bf16, 1, 2), "the neighbour among bf16");
  expect_same(1 - 0x1p-11, floating(Op::nextafter, f16, 1, -2), "the neighbour among f16");
  expect_same(-0x1p-24, floating(Op::nextafter, f16, 0, -1), "the smallest f16");
  expect_same(-0x1p-133, floating(Op::nextafter, bf16, -0.0, -1), "the smallest bf16");
  expect_same(infinity, floating(Op::nextafter, f16, 65504, 1e9), "beyond the largest");
  expect_same(-1.0, floating(Op::fmod, f64, -7, 3), "fmod");
  // A product and a sum that a contraction would give other bits.
  const double x = 1 + 0x1p-30;
  expect_same(0x1p-60, floating(Op::fma, f64, x, x, -(1 + 0x1p-29)), "fma rounds once");
  EXPECT_TRUE(test(Op::not_equal, f64, nan, nan));
  EXPECT_FALSE(test(Op::less_equal, f64, nan, nan));
  EXPECT_TRUE(test(Op::isinf, f32, -infinity));
  EXPECT_FALSE(test(Op::isfinite, f32, nan));
  EXPECT_TRUE(test(Op::signbit, f64, -0.0));
  expect_same(static_cast<double>(0.1f + 0.2f), floating(Op::add, f32, 0.1f, 0.2f), "f32 rounds");
}

TEST(HostOps, FunctionsAreThoseOfGeneratedCode) {
  for (double x : {0.1, 0.7, 1.0, 2.5, 40.0}) {
    expect_same(on_cpu::call_math_scalar("exp", x), floating(Op::exp, f64, x), "exp");
    expect_same(on_cpu::call_math_scalar("pow", x, 1.7), floating(Op::pow, f64, x, 1.7), "pow");
    const float y = static_cast<float>(x);
    expect_same(on_cpu::call_math_scalar("sin", y), floating(Op::sin, f32, y), "sin");
  }
  for (int k = static_cast<int>(Op::pow); k < ir::op_count(); ++k) {
    const Op op = static_cast<Op>(k);
    EXPECT_TRUE(std::isfinite(floating(op, f64, op == Op::acosh ? 1.5 : 0.5, 0.75))) << ir::row(op).name;
    EXPECT_TRUE(std::isfinite(floating(op, bf16, op == Op::acosh ? 1.5 : 0.5, 0.75))) << ir::row(op).name;
  }
}

TEST(HostOps, CastsSaturate) {
  EXPECT_EQ(to_integer(nan, f64, i32), 0);
  EXPECT_EQ(to_integer(1e30, f64, i32), 2147483647);
  EXPECT_EQ(to_integer(-1e30, f64, i32), -2147483648LL);
  EXPECT_EQ(to_integer(-infinity, f32, i64), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(to_integer(infinity, f32, i64), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(to_integer(0x1p63, f64, u64), std::numeric_limits<std::int64_t>::min());  // 2^63 by its bits
  EXPECT_EQ(to_integer(infinity, f64, u64), -1);
  EXPECT_EQ(to_integer(-2.5, f64, u8), 0);
  EXPECT_EQ(to_integer(255.9, f64, u8), 255);
  EXPECT_EQ(to_integer(-128.9, f64, i8), -128);
  EXPECT_EQ(to_integer(-2.9, f64, i16), -2);
  EXPECT_EQ(to_integer(nan, f64, bool_), 1);
  EXPECT_EQ(to_integer(-0.0, f64, bool_), 0);
  EXPECT_EQ(convert(whole(300), i32, u8).i, 44);
  EXPECT_EQ(convert(whole(-1), i8, u32).i, 0xffffffff);
  EXPECT_EQ(convert(whole(200), u8, i8).i, -56);
  EXPECT_EQ(convert(whole(-1), u64, f64).re, 0x1p64);
  EXPECT_EQ(convert(whole((1LL << 60) + (1LL << 36) + 1), i64, f32).re, 0x1p60 + 0x1p37);  // rounded once
  EXPECT_EQ(convert(whole(70000), i32, f16).re, infinity);
  EXPECT_EQ(convert(real(0.1), f64, f32).re, static_cast<double>(0.1f));
}

TEST(HostOps, HalfPrecisionAsTheCompilers) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double expected = static_cast<double>(std::bit_cast<_Float16>(half));
    expect_same(expected, f16_to_float(half), "f16 to float");
    if (std::isnan(expected)) continue;
    EXPECT_EQ(float_to_f16(static_cast<float>(expected)), half);
    EXPECT_EQ(double_to_f16(expected), half);
  }
  std::mt19937_64 random(1);
  for (int k = 0; k < 200000; ++k) {
    // Doubles close to a midpoint of two halves, where rounding twice goes wrong.
    const auto half = static_cast<std::uint16_t>(random() % 0x7bff);
    const double low = f16_to_float(half), high = f16_to_float(static_cast<std::uint16_t>(half + 1));
    const int nudge = static_cast<int>(random() % 3) - 1;
    const double x = (low + high) / 2 * (1 + nudge * 0x1p-52);
    EXPECT_EQ(double_to_f16(x), std::bit_cast<std::uint16_t>(static_cast<_Float16>(x))) << x;
    EXPECT_EQ(double_to_f16(-x), std::bit_cast<std::uint16_t>(static_cast<_Float16>(-x))) << x;
  }
  EXPECT_EQ(double_to_f16(65519.99), 0x7bff);
  EXPECT_EQ(double_to_f16(65520), 0x7c00);
}

TEST(HostOps, Bf16RoundsToTheNearest) {
  std::mt19937_64 random(2);
  for (int k = 0; k < 200000; ++k) {
    const auto bits = static_cast<std::uint16_t>(random() % 0x7f7f);
    const double low = bf16_to_float(bits), high = bf16_to_float(static_cast<std::uint16_t>(bits + 1));
    const double middle = (low + high) / 2;
    const auto even = static_cast<std::uint16_t>(bits & 1 ? bits + 1 : bits);
    EXPECT_EQ(double_to_bf16(middle), even);
    EXPECT_EQ(double_to_bf16(std::nextafter(middle, 0.0)), bits);
    EXPECT_EQ(double_to_bf16(std::nextafter(middle, 1e300)), bits + 1);
    EXPECT_EQ(double_to_bf16(-low), bits | 0x8000);
    EXPECT_EQ(float_to_bf16(static_cast<float>(low)), bits);
  }
  EXPECT_EQ(double_to_bf16(1e300), 0x7f80);
  EXPECT_TRUE(std::isnan(bf16_to_float(double_to_bf16(nan))));
  expect_same(1.0, floating(Op::add, bf16, 1.0, 0x1p-9), "bf16 sums round");
}

TEST(HostOps, IdentitiesChangeNothing) {
  const Op reductions[] = {Op::add, Op::multiply, Op::bit_and, Op::bit_or, Op::bit_xor, Op::minimum, Op::maximum};
  for (const Op op : reductions) {
    for (int k = 0; k <= static_cast<int>(TypeCode::f64); ++k) {
      const DType dtype{static_cast<TypeCode>(k)};
      if (dtype.is_floating()) {
        if (op >= Op::bit_and && op <= Op::bit_xor) continue;
        for (double x : {0.0, -0.0, 1.5, -infinity, infinity, nan})
          expect_same(x, floating(op, dtype, identity(op, dtype).re, x), ir::row(op).name);
        continue;
      }
      for (double x : {0.0, 1.0, 127.0, -128.0, 1e300, -1e300}) {
        const std::int64_t number = convert(real(x), f64, dtype).i;
        EXPECT_EQ(number, integer(op, dtype, identity(op, dtype).i, number)) << ir::row(op).name << dtype.name();
      }
    }
  }
}

TEST(HostOps, ElementsInMemory) {
  for (int k = 0; k < type_code_count; ++k) {
    const DType dtype{static_cast<TypeCode>(k)};
    unsigned char memory[24];
    std::memset(memory, 0xee, sizeof memory);
    const Number16 one = dtype.is_bool() || dtype.is_integer() ? whole(1) : real(1);
    write_element(memory + 3, dtype, one);
    EXPECT_EQ(memory[2], 0xee);
    EXPECT_EQ(memory[3 + dtype.size()], 0xee) << dtype.name();
    const Number16 back = read_element(memory + 3, dtype);
    EXPECT_EQ(back.i, one.i) << dtype.name();
    EXPECT_EQ(back.im, 0) << dtype.name();
  }
  const unsigned char two = 2, ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
  EXPECT_EQ(read_element(&two, bool_).i, 1);
  EXPECT_EQ(read_element(ones, i16).i, -1);
  EXPECT_EQ(read_element(ones, u16).i, 65535);
}

}  // namespace
