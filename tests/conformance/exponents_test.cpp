// ldexp, frexp and modf against C's, which NumPy calls: every floating dtype, subnormal to infinite, in every way.
#include "tests/conformance/everywhere.h"

#include <bit>
#include <cmath>
#include <limits>

namespace kiln::conformance {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

class Exponents : public testing::TestWithParam<DType> {
 protected:
  // Of every exponent there is, and what is special; exact in the dtype.
  Array all_magnitudes() const {
    std::vector<double> x{0.0, -0.0, infinity, -infinity, nan, 1.0, -1.0, 0.5, 2.0, 0x1p-1074, -0x1p-149, 0x1p-1022};
    const int lowest = dtype == f64 ? -1074 : -149, highest = dtype == f64 ? 1023 : 127;
    for (int e = lowest; e <= highest; ++e) {
      const double significand =
          1 + static_cast<double>(hashed(static_cast<std::uint64_t>(e - lowest), 7) >> 12) * 0x1p-52;
      x.push_back(std::ldexp(e % 3 == 0 ? -significand : significand, e));
    }
    return array(x).astype(dtype);
  }
  // f(x) of each element, computed in C, rounded to the dtype.
  template <class F>
  Array each(const Array& x, DType result, F&& f) const {
    std::vector<double> out;
    for (const Number16& e : elements(x)) out.push_back(f(e.re));
    return array(out).astype(result);
  }

  DType dtype = GetParam();
};

TEST_P(Exponents, Frexp) {
  static const auto arrays = jit([](Array x) { return frexp(x); });
  static const auto values = jit([](Array x) {
    Array significand = empty_like(x), exponent = empty({x.shape(0)}, i32);
    for (Value i : prange(x.shape(0))) {
      const auto [m, e] = frexp(x(i));
      significand(i) = m;
      exponent(i) = e;
    }
    return std::tuple(significand, exponent);
  });
  const Array x = all_magnitudes();
  int ignored = 0;
  const Array significand = each(x, dtype, [&](double v) { return std::frexp(v, &ignored); });
  const Array exponent = each(x, i32, [&](double v) {
    int e = 0;
    std::frexp(v, &e);
    return std::isfinite(v) ? e : 0;
  });
  const auto check = [&](const auto& f) {
    const Results r = everywhere(f, [&](const auto& g) { return results(g(x)); });
    EXPECT_TRUE(same_bits(r[0], significand));
    EXPECT_TRUE(same_bits(r[1], exponent));
  };
  check(arrays);
  check(values);
}

TEST_P(Exponents, LdexpIsRoundedOnce) {
  static const auto arrays = jit([](Array x, Array n) { return ldexp(x, n); });
  static const auto number = jit([](Array x, Value n) { return ldexp(x, n); });
  static const auto one_by_one = jit([](Array x, Array n) {
    Array out = empty_like(x);
    for (Value i : prange(x.shape(0))) out(i) = ldexp(x(i), n(i));
    return out;
  });
  const Array x = all_magnitudes();
  const std::vector<Number16> numbers_of_x = elements(x);
  for (const int shift : {0, 1, -1, 23, -24, 60, -52, 130, -160, 1022, -1074, 2000, -2200, 1 << 30, -(1 << 30)}) {
    std::vector<std::int32_t> n;
    std::vector<double> expected, shifted;
    for (std::size_t k = 0; k < numbers_of_x.size(); ++k) {
      n.push_back(shift + static_cast<int>(hashed(k, 3) % 40) - 20);
      // Of f32 and narrower a double is the exact product, or so far out that its rounding does not matter.
      expected.push_back(std::ldexp(numbers_of_x[k].re, n.back()));
      shifted.push_back(std::ldexp(numbers_of_x[k].re, shift));
    }
    const auto check = [&](const auto& f, const auto& exponents, const std::vector<double>& wanted) {
      const Results r = everywhere(f, [&](const auto& g) { return results(g(x, exponents)); });
      EXPECT_TRUE(same_bits(r[0], array(wanted).astype(dtype))) << shift;
    };
    check(arrays, array(n), expected);
    check(one_by_one, array(n), expected);
    check(number, shift, shifted);
    if (testing::Test::HasFailure()) return;
  }
}

TEST_P(Exponents, Modf) {
  static const auto arrays = jit([](Array x) { return modf(x); });
  static const auto values = jit([](Array x) {
    Array fraction = empty_like(x), whole = empty_like(x);
    for (Value i : prange(x.shape(0))) {
      const auto [f, w] = modf(x(i));
      fraction(i) = f;
      whole(i) = w;
    }
    return std::tuple(fraction, whole);
  });
  const Array x = all_magnitudes();
  const Array whole = each(x, dtype, [](double v) { return std::trunc(v); });
  const Array fraction = each(x, dtype, [](double v) {
    double ignored;
    return std::modf(v, &ignored);
  });
  const auto check = [&](const auto& f) {
    const Results r = everywhere(f, [&](const auto& g) { return results(g(x)); });
    EXPECT_TRUE(same_bits(r[0], fraction));
    EXPECT_TRUE(same_bits(r[1], whole));
  };
  check(arrays);
  check(values);
}

INSTANTIATE_TEST_SUITE_P(DTypes, Exponents, testing::Values(f16, bf16, f32, f64),
                         [](const auto& tested) { return std::string(tested.param.name()); });

// The dtypes of np.ldexp, np.frexp and np.modf.
TEST(ExponentsOfOtherDTypes, IntegersBecomeTheFloatsOfAnyFunction) {
  const std::pair<DType, DType> pairs[] = {{bool_, f16}, {i8, f16},  {u8, f16},  {i16, f32}, {u16, f32},
                                           {i32, f64},   {u32, f64}, {i64, f64}, {u64, f64}};
  for (const auto& [from, to] : pairs) {
    const Array x = ones({3}).astype(from);
    EXPECT_EQ(ldexp(x, 3).dtype(), to);
    EXPECT_EQ(ldexp(x, 3)(1).as_double(), 8);
    const auto [significand, exponent] = frexp(x);
    EXPECT_EQ(significand.dtype(), to);
    EXPECT_EQ(significand(1).as_double(), 0.5);
    EXPECT_EQ(exponent.dtype(), i32);
    EXPECT_EQ(exponent(1).as_integer(), 1);
    const auto [fraction, whole] = modf(x);
    EXPECT_EQ(fraction.dtype(), to);
    EXPECT_EQ(whole(1).as_double(), 1);
  }
  for (const DType n : {bool_, i8, u8, i16, u16, i32, u32, i64})
    EXPECT_EQ(ldexp(Array{1.0f, 2.0f}, ones({2}).astype(n)).dtype(), f32);
  EXPECT_EQ(ldexp(Value(3.0), Value(4)).as_double(), 48);
  EXPECT_EQ(ldexp(Value(3.0), arange(3))(2).as_double(), 12);
}

}  // namespace
}  // namespace kiln::conformance
