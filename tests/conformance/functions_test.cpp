// Functions of whole arrays against NumPy's values: interpreted, compiled and eager.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"
#include "tests/conformance/operations.h"
#include "tests/conformance/reference.h"

#include <cmath>
#include <string>

namespace kiln::conformance {
namespace {

constexpr JitOptions interpreted{.interpret = true};

// What a function gives in each way, checked by `check`.
template <class Function, class Check, class... A>
void in_each_way(const Function& f, Check&& check, const A&... arguments) {
  check(as_array(f.with(interpreted)(arguments...)), "interpreted");
  check(as_array(f(arguments...)), "compiled");
  check(as_array(Eager<Function>{}(arguments...)), "eager");
}

template <class Function, class... A>
void expect_bits(const Array& expected, const Function& f, const A&... arguments) {
  in_each_way(
      f, [&](const Array& actual, const char* way) { EXPECT_TRUE(same_bits(actual, expected)) << way; }, arguments...);
}

class Functions : public testing::TestWithParam<DType> {
 protected:
  Array named(const std::string& name, const std::string& part = "") const {
    return reference("functions", name + "/" + dtype.name() + (part.empty() ? "" : "/" + part));
  }

  DType dtype = GetParam();
  Array m = named("m");                               // 12 rows of 7
  Array fortran = placed(m, Placement::fortran);      // the same, column by column
  Array slices = m(slice(_, _, -2), slice(1, _, 2));  // every other, backwards
};

TEST_P(Functions, Diagonal) {
  static const auto f = jit([](Array a) { return diagonal(a).copy(); });
  expect_bits(named("diagonal", "whole"), f, m);
  expect_bits(named("diagonal", "whole"), f, fortran);
  expect_bits(named("diagonal", "transposed"), f, m.T());
  expect_bits(named("diagonal", "slices"), f, slices);
}

TEST_P(Functions, Trace) {
  static const auto f = jit([](Array a) { return trace(a); });
  const auto compare = [&](const char* part, const Array& a) {
    SCOPED_TRACE(part);
    const Array expected = named("trace", part);
    const DType part_dtype = ir::part_dtype(dtype);
    if (!part_dtype.is_floating()) return expect_bits(expected, f, a);
    double sum_abs = 0;
    for (const Number16& x : elements(diagonal(a))) sum_abs += std::hypot(x.re, x.im);
    const Number16 exact = elements(expected)[0];
    const double unit = part_dtype == f64 ? 0x1p-53 : 0x1p-24;
    const double bound = 12 * unit * sum_abs + (dtype == f16 ? 0x1p-11 * std::abs(exact.re) : 0);
    const Value wanted = f.with(interpreted)(a);
    EXPECT_EQ(wanted.dtype(), dtype);
    const Number16 actual = elements(as_array(wanted))[0];
    EXPECT_LE(std::hypot(actual.re - exact.re, actual.im - exact.im), bound);
    expect_bits(as_array(wanted), f, a);
  };
  compare("whole", m);
  compare("whole", fortran);
  compare("transposed", m.T());
  compare("slices", slices);
}

TEST_P(Functions, ReshapeOfAnyLayout) {
  static const auto matrix = jit([](Array a) { return a.reshape({7, 12}).copy(); });
  static const auto cube = jit([](Array a) { return a.reshape({4, -1, 7}).copy(); });
  static const auto six = jit([](Array a) { return a.reshape({-1, 6}).copy(); });
  static const auto line = jit([](Array a) { return a.ravel().copy(); });
  expect_bits(named("reshape", "fortran"), matrix, fortran);
  expect_bits(named("reshape", "transposed"), cube, fortran.T());
  expect_bits(named("reshape", "slices"), six, fortran(slice(_, _, -1), slice(_, _, 2)));
  expect_bits(named("reshape", "ravel"), line, fortran);
}

TEST_P(Functions, Item) {
  const Array expected = named("item");
  EXPECT_TRUE(same_bits(fortran(slice(4, 5), slice(5, 6)).item(), expected.item()));
  static const auto f = jit([](Array a) { return a.item(); });
  expect_bits(expected, f, fortran(4, slice(5, 6)).reshape(Shape({})));
}

TEST_P(Functions, Likes) {
  static const auto zero = jit([](Array a) { return zeros_like(a); });
  static const auto one = jit([](Array a) { return ones_like(a); });
  static const auto three = jit([](Array a) { return full_like(a, 3); });
  static const auto nothing = jit([](Array a) {
    const Array e = empty_like(a);
    e(rest) = 3;
    return e;
  });
  for (const Array& a : {m, fortran}) {
    expect_bits(named("zeros_like"), zero, a);
    expect_bits(named("ones_like"), one, a);
    expect_bits(named("full_like"), three, a);
    expect_bits(named("full_like"), nothing, a);
  }
}

TEST_P(Functions, Clip) {
  if (dtype.is_bool()) return;  // NumPy has none
  static const auto arrays = jit([](Array x, Array lo, Array hi) { return clip(x, lo, hi); });
  static const auto rows = jit([](Array x, Array lo, Array hi) { return clip(x, lo(0, _), hi(_, slice(0, 1))); });
  static const auto numbers = jit([](Array x) { return clip(x, 1, 3); });
  static const auto element = jit([](Array x) { return clip(x(2, 3), 1, 3); });
  const auto rolled = [&](std::int64_t by) {
    const Array line = m.ravel(), out = empty_like(line);
    out(slice(by, _)) = line(slice(0, -by));
    out(slice(0, by)) = line(slice(-by, _));
    return Array(out.reshape({12, 7}));
  };
  const Array low = rolled(1), high = rolled(5);
  expect_bits(named("clip_arrays"), arrays, m, low, high);
  expect_bits(named("clip_arrays"), arrays, fortran, low, placed(high, Placement::reversed_2));
  expect_bits(named("clip_rows"), rows, m, low, high);
  expect_bits(named("clip_numbers"), numbers, m);
  expect_bits(as_array(named("clip_numbers")(2, 3)), element, m);
}

// ---- Comparisons of arrays ------------------------------------------------------------------------------------------

constexpr double tolerances[][2] = {{1e-5, 1e-8}, {0.1, 0.0}, {0.0, 1.0}, {0.5, 0.25}};

// Element by element, as arrays of one.
void expect_comparisons(const std::string& pair, const Array& a, const Array& b, bool compiled) {
  static const auto close = jit([](Array x, Array y, double rtol, double atol) { return allclose(x, y, rtol, atol); });
  static const auto equal = jit([](Array x, Array y) { return array_equal(x, y); });
  const Array is_close = reference("functions", "allclose/" + pair),
              is_equal = reference("functions", "array_equal/" + pair);
  for (std::int64_t k = 0; k < a.extent(0); ++k) {
    const Array x = a(slice(k, k + 1)), y = b(slice(k, k + 1));
    for (int t = 0; t < 4; ++t) {
      SCOPED_TRACE("allclose of " + pair + ", element " + std::to_string(k) + ", tolerances " + std::to_string(t));
      const auto [rtol, atol] = tolerances[t];
      const bool wanted = is_close(t, k).as_bool();
      EXPECT_EQ(close.with(interpreted)(x, y, rtol, atol).as_bool(), wanted) << "interpreted";
      EXPECT_EQ(allclose(x, y, rtol, atol).as_bool(), wanted) << "eager";
      if (compiled) {
        EXPECT_EQ(close(x, y, rtol, atol).as_bool(), wanted) << "compiled";
      }
      if (testing::Test::HasFailure()) return;
    }
    SCOPED_TRACE("array_equal of " + pair + ", element " + std::to_string(k));
    const bool wanted = is_equal(k).as_bool();
    EXPECT_EQ(equal.with(interpreted)(x, y).as_bool(), wanted) << "interpreted";
    EXPECT_EQ(array_equal(x, y).as_bool(), wanted) << "eager";
    EXPECT_EQ(equal(x, y).as_bool(), wanted) << "compiled";
  }
}

TEST_P(Functions, AllCloseAndArrayEqual) {
  if (tests::is_gpu_tested()) GTEST_SKIP() << "runs nothing on a GPU";
  expect_comparisons(dtype.name(), named("a"), named("b"), true);
}

TEST_P(Functions, AllCloseAndArrayEqualOfTwoDtypes) {
  if (tests::is_gpu_tested()) GTEST_SKIP() << "runs nothing on a GPU";
  for (const DType other : numpy_dtypes()) {
    const std::string pair = std::string(dtype.name()) + "/" + other.name();
    const Array a = reference("mixed", std::string("a/") + dtype.name()),
                b = reference("mixed", std::string("b/") + other.name());
    const Slice part = slice(0, std::min(a.extent(0), b.extent(0)));
    expect_comparisons(pair, a(part), b(part), false);
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, Functions, testing::ValuesIn(numpy_dtypes().begin(), numpy_dtypes().end()),
                         [](const auto& test) { return std::string(test.param.name()); });

// As NumPy: other shapes are another array, and nothing is broadcast.
TEST(FunctionsOfShapes, ArraysOfOtherShapesAreNotEqual) {
  static const auto f = jit([](Array a, Array b) { return array_equal(a, b); });
  const auto same = [&](const Array& a, const Array& b) {
    return everywhere(f, [&](const auto& g) { return results(g(a, b)); })[0].item().as_bool();
  };
  const Array m = arange(12).reshape({3, 4});
  EXPECT_TRUE(same(m, m.copy()));
  EXPECT_TRUE(same(m, placed(m, Placement::fortran)));
  EXPECT_FALSE(same(m, m(_, slice(0, 3))));
  EXPECT_FALSE(same(m(slice(0, 1), _), m(slice(0, 2), _)));
  EXPECT_FALSE(same(ones({3}), ones({1})));
  EXPECT_FALSE(same(ones({1}), ones({3})));
  EXPECT_FALSE(same(ones({3}), ones({3, 1})));
  EXPECT_TRUE(same(ones({0}), ones({0})));
  EXPECT_FALSE(same(ones({0, 2}), ones({2, 0})));
  EXPECT_TRUE(same(ones(Shape({})), ones(Shape({}))));
}

// ---- Forms ----------------------------------------------------------------------------------------------------------

TEST(FunctionsOfShapes, EightIndices) {
  static const auto f = jit([](Array a, Array b) {
    a(1, 0, 1, 0, 1, 0) = b(1, 0, 1, 0, 1, 0, 1, 0) + b(0, 0, 0, 0, 0, 0, 0, -1);
    a(0, _, 1, 0, slice(0, 1), rest) += 100;
    const Array six = b(0, 1, 0, 0, _, rest), seven = b(0, 0, 0, 0, 1, newaxis, rest);
    return std::tuple(six.copy(), seven.copy(), b(0, 1, 0, 1, 0, 1, 0, _).copy(),
                      b(1, 1, 1, 1, 1, 1, slice(_, _, -1), 1).copy(), b(0, 0, 0, _, 0, 0, 1, 0).copy());
  });
  const auto r = everywhere(f, [](const auto& g) {
    // The k-th element of b is k: its indices are k's bits.
    const Array a = zeros({2, 2, 2, 2, 2, 2}, i64), b = arange(256).reshape({2, 2, 2, 2, 2, 2, 2, 2});
    Results all = results(g(a, b(rest)));
    all.push_back(a);
    return all;
  });
  using Integers = std::vector<std::int64_t>;
  EXPECT_EQ(r[0].rank(), 4);
  EXPECT_EQ(numbers<std::int64_t>(r[0])[9], 64 + 9);
  EXPECT_EQ(r[1].rank(), 4);
  EXPECT_EQ(numbers<std::int64_t>(r[1]), (Integers{8, 9, 10, 11, 12, 13, 14, 15}));
  EXPECT_EQ(numbers<std::int64_t>(r[2]), (Integers{84, 85}));
  EXPECT_EQ(numbers<std::int64_t>(r[3]), (Integers{255, 253}));
  EXPECT_EQ(numbers<std::int64_t>(r[4]), (Integers{2, 18}));
  Integers a(64);
  a[0b101010] = 170 + 1;
  for (const std::size_t k : {0b001000, 0b001001, 0b011000, 0b011001}) a[k] += 100;
  EXPECT_EQ(numbers<std::int64_t>(r[5]), a);
}

// Scalars and arrays in every position.
TEST(FunctionsOfShapes, ThreeOperandsOfEitherKind) {
  static const auto f = jit([](Array a, Array b, Array c, Value s, Value t) {
    return std::tuple(fma(a, b, c), fma(a, b, s), fma(a, s, c), fma(s, b, c), fma(a, s, t), fma(s, b, t), fma(s, t, c));
  });
  static const auto clipped = jit([](Array a, Array b, Array c, Value s, Value t) {
    return std::tuple(clip(a, b, c), clip(a, b, t), clip(a, s, c), clip(s, b, c), clip(a, s, t), clip(s, b, t),
                      clip(s, t, c));
  });
  const Array a = hashed_array(50, f64, 1), b = hashed_array(50, f64, 2), c = hashed_array(50, f64, 3);
  const double s = 0.3, t = 1.7;
  const auto r = everywhere(f, [&](const auto& g) { return results(g(a, b, c, s, t)); });
  const auto q = everywhere(clipped, [&](const auto& g) { return results(g(a, b, c, s, t)); });
  for (int k = 0; k < 50; ++k) {
    const double x = a(k).as_double(), y = b(k).as_double(), z = c(k).as_double();
    const auto clip_of = [](double v, double lo, double hi) { return std::min(std::max(v, lo), hi); };
    const double fused[] = {std::fma(x, y, z), std::fma(x, y, s), std::fma(x, s, z), std::fma(s, y, z),
                            std::fma(x, s, t), std::fma(s, y, t), std::fma(s, t, z)};
    const double bounded[] = {clip_of(x, y, z), clip_of(x, y, t), clip_of(x, s, z), clip_of(s, y, z),
                              clip_of(x, s, t), clip_of(s, y, t), clip_of(s, t, z)};
    for (std::size_t n = 0; n < 7; ++n) {
      EXPECT_EQ(r[n](k).as_double(), fused[n]) << n;
      EXPECT_EQ(q[n](k).as_double(), bounded[n]) << n;
    }
  }
}

TEST(FunctionsOfShapes, PositiveIsACopy) {
  static const auto f = jit([](Array a) {
    Array b = +a;
    b(0) = 7;
    return std::tuple(b, +a(1));
  });
  const auto r = everywhere(f, [](const auto& g) {
    const Array a = arange(3).astype(i16);
    Results all = results(g(a));
    all.push_back(a);
    return all;
  });
  EXPECT_EQ(numbers<std::int16_t>(r[0]), (std::vector<std::int16_t>{7, 1, 2}));
  EXPECT_EQ(r[1].item().as_integer(), 1);
  EXPECT_EQ(numbers<std::int16_t>(r[2]), (std::vector<std::int16_t>{0, 1, 2}));
}

}  // namespace
}  // namespace kiln::conformance
