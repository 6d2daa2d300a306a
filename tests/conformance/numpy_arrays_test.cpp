// The reference interpreter against NumPy's values: reductions, creation, slices, broadcasting.
#include "tests/conformance/compare.h"
#include "tests/conformance/operations.h"
#include "tests/conformance/reference.h"

#include "core/access.h"

#include <cmath>
#include <string>

namespace kiln::conformance {
namespace {

constexpr JitOptions interpreted{.interpret = true};

// ---- Reductions -----------------------------------------------------------------------------------------------------

enum class Which { sum, prod, min, max, mean, any, all };
constexpr const char* which_names[] = {"sum", "prod", "min", "max", "mean", "any", "all"};

// Which axes: bit k for axis k, 0 for all through the form without options.
Array reduced(Array x, Which which, int axes, bool keepdims) {
  Reduce options;
  options.keepdims = keepdims;
  for (int k = 0; k < max_rank; ++k)
    if (axes >> k & 1) options.axis.values[options.axis.count++] = static_cast<std::int8_t>(k);
  switch (which) {
    case Which::sum: return sum(x, options);
    case Which::prod: return prod(x, options);
    case Which::min: return min(x, options);
    case Which::max: return max(x, options);
    case Which::mean: return mean(x, options);
    case Which::any: return any(x, options);
    default: return all(x, options);
  }
}

Value reduced(Array x, Which which) {
  switch (which) {
    case Which::sum: return sum(x);
    case Which::prod: return prod(x);
    case Which::min: return min(x);
    case Which::max: return max(x);
    case Which::mean: return mean(x);
    case Which::any: return any(x);
    default: return all(x);
  }
}

const auto reduce_axes =
    jit([](Array x, Which which, int axes, bool keepdims) { return reduced(x, which, axes, keepdims); });
const auto reduce_all = jit([](Array x, Which which) { return reduced(x, which); });

// The result's dtype: NumPy's, which for sums and means of floats is the array's own.
DType result_dtype(Which which, const Array& x, const Array& expected) {
  const bool inexact = x.dtype().is_floating() || x.dtype().is_complex();
  if (inexact && (which == Which::sum || which == Which::prod || which == Which::mean)) return x.dtype();
  return expected.dtype();
}

// A sum of n terms in any order has an error of at most (n - 1) u sum|x|, to first order; a product (n - 1) u
// |product|. Halves are summed in f32 and rounded once.
double error_bound(Which which, DType dtype, double expected, double sum_abs, std::int64_t count) {
  const double rounding = ir::part_dtype(dtype) == f64 ? 0x1p-53 : 0x1p-24, n = static_cast<double>(count);
  const double unit = dtype.is_complex() ? 3 * rounding : rounding;  // of a product of two complex numbers √5 times
  const double rounded = dtype == f16 ? 0x1p-11 * std::abs(expected) + 0x1p-25 : 0;
  if (which == Which::prod) return n * unit * std::abs(expected) + rounded;
  return n * unit * (which == Which::mean ? sum_abs / n : sum_abs) + rounded;
}

void expect_close(const Array& actual, const Array& expected, const Array& sum_abs, Which which, std::int64_t count) {
  const auto x = elements(actual), y = elements(expected), a = elements(sum_abs);
  ASSERT_EQ(x.size(), y.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    EXPECT_LE(std::hypot(x[k].re - y[k].re, x[k].im - y[k].im),
              error_bound(which, actual.dtype(), std::hypot(y[k].re, y[k].im), a[k].re, count))
        << "element " << k;
}

Array as_array(const Value& v) {
  const Array a = empty(Shape({}), v.dtype());
  a(rest) = v;
  return a;
}

struct AxesCase {
  const char* name;
  int bits, rank_left;
  std::int64_t count;
};
constexpr AxesCase axes_cases[] = {{"all", 7, 0, 84}, {"0", 1, 2, 3}, {"1", 2, 2, 4}, {"2", 4, 2, 7}, {"02", 5, 1, 21}};

class NumPyReductions : public testing::TestWithParam<DType> {};

void expect_reduction(const Array& actual, const Array& x, Which which, const AxesCase& c) {
  const std::string suffix = std::string("/") + x.dtype().name() + "/" + c.name;
  const Array expected = reference("reductions", which_names[static_cast<int>(which)] + suffix);
  ASSERT_EQ(actual.dtype(), result_dtype(which, x, expected));
  ASSERT_EQ(actual.rank(), expected.rank());
  const bool inexact = which == Which::mean ||
                       (ir::part_dtype(x.dtype()).is_floating() && (which == Which::sum || which == Which::prod));
  if (!inexact) {
    EXPECT_TRUE(same_bits(actual, expected));
  } else if (!ir::part_dtype(x.dtype()).is_floating()) {  // mean of integers: sums of f64
    const Array magnitude = f64(abs(f64(x)));
    double largest = 0;
    for (const Number16& e : elements(magnitude)) largest = std::max(largest, e.re);
    expect_close(actual, expected, full(expected.shape(), largest * static_cast<double>(c.count)), which, c.count);
  } else {
    expect_close(actual, expected, reference("reductions", "sum_abs" + suffix), which, c.count);
  }
}

TEST_P(NumPyReductions, EveryAxis) {
  const Array x = reference("reductions", std::string("x/") + GetParam().name());
  for (int k = 0; k < 7; ++k) {
    const Which which = static_cast<Which>(k);
    for (const AxesCase& c : axes_cases) {
      SCOPED_TRACE(std::string(which_names[k]) + " of " + GetParam().name() + ", axes " + c.name);
      expect_reduction(reduce_axes.with(interpreted)(x, which, c.bits, false), x, which, c);
      const Array kept = reduce_axes.with(interpreted)(x, which, c.bits, true);
      ASSERT_EQ(kept.rank(), 3);
      for (int axis = 0; axis < 3; ++axis) EXPECT_EQ(kept.extent(axis), c.bits >> axis & 1 ? 1 : x.extent(axis));
      const Array plain = reduce_axes.with(interpreted)(x, which, c.bits, false);
      EXPECT_TRUE(same_bits(kept.reshape(plain.shape()), plain));
    }
    SCOPED_TRACE(std::string(which_names[k]) + " of " + GetParam().name() + " without options");
    expect_reduction(as_array(reduce_all.with(interpreted)(x, which)), x, which, axes_cases[0]);
  }
}

TEST_P(NumPyReductions, NotANumberWins) {
  if (!ir::part_dtype(GetParam()).is_floating()) return;
  const std::string name = GetParam().name();
  const Array x = reference("reductions", "nan/" + name);
  for (const AxesCase& c : axes_cases) {
    EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::min, c.bits, false),
                          reference("reductions", "nan_min/" + name + "/" + c.name)));
    EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::max, c.bits, false),
                          reference("reductions", "nan_max/" + name + "/" + c.name)));
  }
}

TEST_P(NumPyReductions, OfNothing) {
  const DType dtype = GetParam();
  const Array x = zeros({0, 3}, dtype);
  const DType total = ir::part_dtype(dtype).is_floating()          ? dtype
                      : dtype.kind() == TypeKind::unsigned_integer ? u64
                                                                   : i64;
  EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::sum, 1, false), zeros({3}, total)));
  EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::prod, 1, false), ones({3}, total)));
  EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::any, 1, false), zeros({3}, bool_)));
  EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::all, 1, false), ones({3}, bool_)));
  EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::sum, 2, false), zeros({0}, total)));
  EXPECT_THROW(reduce_axes.with(interpreted)(x, Which::min, 1, false), ShapeError);
  EXPECT_TRUE(same_bits(reduce_axes.with(interpreted)(x, Which::min, 2, false), zeros({0}, dtype)));
  const Array mean = reduce_axes.with(interpreted)(x, Which::mean, 1, false);
  for (const Number16& e : elements(mean)) EXPECT_TRUE(std::isnan(e.re));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, NumPyReductions, testing::ValuesIn(numpy_dtypes().begin(), numpy_dtypes().end()),
                         [](const auto& test) { return std::string(test.param.name()); });

// ---- Creation -------------------------------------------------------------------------------------------------------

const auto traced_arange = jit([](Value begin, Value end, Value step) { return arange(begin, end, step); });
const auto traced_linspace = jit([](Value first, Value last, Value count) { return linspace(first, last, count); });
const auto traced_eye = jit([](Value n, DType dtype) { return eye(n, dtype); });

template <class T>
void expect_arange(const char* family, std::initializer_list<std::array<T, 3>> cases) {
  int k = 0;
  for (const auto& [begin, end, step] : cases) {
    SCOPED_TRACE(std::string(family) + "/" + std::to_string(k));
    const Array expected = reference("shapes", std::string(family) + "/" + std::to_string(k++));
    EXPECT_TRUE(same_bits(arange(begin, end, step), expected)) << "eager";
    EXPECT_TRUE(same_bits(traced_arange.with(interpreted)(begin, end, step), expected)) << "traced";
  }
}

TEST(NumPyCreation, Arange) {
  expect_arange<std::int64_t>(
      "arange_integer",
      {{0, 5, 1}, {0, 0, 1}, {0, -3, 1}, {2, 9, 1}, {9, 2, 1}, {9, 2, -2}, {0, 10, 3}, {0, 9, 3}, {1, -8, -3}});
  expect_arange<double>("arange_floating", {{0, 4.0, 1},
                                            {0.1, 1.0, 0.3},
                                            {0.0, 1.0, 0.1},
                                            {1.0, 0.0, -0.25},
                                            {0.5, 0.5, 1.0},
                                            {-1e10, 1e10, 3.3e9},
                                            {0, 2.5, 1},
                                            {0.3, 7.0, 0.7}});
  EXPECT_TRUE(same_bits(arange(5), reference("shapes", "arange_integer/0")));
  EXPECT_TRUE(same_bits(arange(2, 9), reference("shapes", "arange_integer/3")));
  EXPECT_TRUE(same_bits(arange(4.0), reference("shapes", "arange_floating/0")));
  EXPECT_TRUE(same_bits(arange(2.5), reference("shapes", "arange_floating/6")));
}

TEST(NumPyCreation, Linspace) {
  struct Case {
    double first, last;
    int count;
  };
  int k = 0;
  for (const Case& c : {Case{0, 1, 11}, {1, -1, 7}, {0.1, 0.7, 5}, {3, 4, 1}, {3, 4, 0}, {0, 1e300, 4}, {-1, 2, 50}}) {
    SCOPED_TRACE(k);
    const Array expected = reference("shapes", "linspace/" + std::to_string(k++));
    EXPECT_TRUE(same_bits(linspace(c.first, c.last, c.count), expected)) << "eager";
    EXPECT_TRUE(same_bits(traced_linspace.with(interpreted)(c.first, c.last, c.count), expected)) << "traced";
  }
}

TEST(NumPyCreation, Eye) {
  for (const int n : {0, 1, 4}) {
    EXPECT_TRUE(same_bits(eye(n), reference("shapes", "eye/" + std::to_string(n))));
    EXPECT_TRUE(same_bits(traced_eye.with(interpreted)(n, i32), reference("shapes", "eye_i32/" + std::to_string(n))));
  }
}

// ---- Slices ---------------------------------------------------------------------------------------------------------

constexpr int open_end = 99;

Bound bound(int x) {
  if (x == open_end) return _;
  return x;
}
const auto traced_slice =
    jit([](Array x, int low, int high, int step) { return x(slice(bound(low), bound(high), step)).copy(); });
const auto traced_bounds =
    jit([](Array x, Value low, Value high, int step) { return x(slice(low, high, step)).copy(); });

void expect_slice(const Array& actual, std::int64_t length, std::int64_t first, int step) {
  const auto x = elements(actual);
  ASSERT_EQ(static_cast<std::int64_t>(x.size()), length);
  for (std::int64_t k = 0; k < length; ++k) EXPECT_EQ(x[static_cast<std::size_t>(k)].i, first + k * step);
}

TEST(NumPySlices, EveryShortAxis) {
  const auto expected = elements(reference("shapes", "slices"));
  std::vector<int> ends = {open_end};
  for (int k = -7; k < 8; ++k) ends.push_back(k);
  std::size_t at = 0;
  for (int n = 0; n < 7; ++n) {
    const Array x = arange(n);
    for (const int low : ends)
      for (const int high : ends)
        for (const int step : {1, 2, 3, -1, -2}) {
          SCOPED_TRACE("arange(" + std::to_string(n) + ")[" + std::to_string(low) + ":" + std::to_string(high) + ":" +
                       std::to_string(step) + "]");
          const std::int64_t length = expected[at++].i, first = expected[at++].i;
          expect_slice(x(slice(bound(low), bound(high), step)), length, first, step);
          // Traced: bounds as constants, a specialization each, so only some; as run-time numbers, where negative ones
          // do not count from the end, all others.
          if (n == 5 && (low + 3 * high) % 2 == 0)
            expect_slice(traced_slice.with(interpreted)(x, low, high, step), length, first, step);
          if (low >= 0 && low != open_end && high >= 0 && high != open_end)
            expect_slice(traced_bounds.with(interpreted)(x, low, high, step), length, first, step);
          if (HasFailure()) return;
        }
  }
  EXPECT_EQ(at, expected.size());
  EXPECT_EQ(traced_bounds.with(interpreted)(arange(5), -2, 3, 1).extent(0), 3)
      << "a run-time bound below 0 is clamped to 0";
}

// ---- Broadcasting ---------------------------------------------------------------------------------------------------

TEST(NumPyBroadcasting, Shapes) {
  static const auto add = jit([](Array a, Array b) { return a + b; });
  static const auto scalar_add = vectorize([](Value a, Value b) { return a + b; });
  for (int k = 0; k < 11; ++k) {
    SCOPED_TRACE(k);
    const std::string number = std::to_string(k);
    const Array left = reference("shapes", "broadcast_left/" + number),
                right = reference("shapes", "broadcast_right/" + number);
    const Array expected = reference("shapes", "broadcast/" + number);
    EXPECT_TRUE(same_bits(add.with(interpreted)(left, right), expected));
    EXPECT_TRUE(same_bits(add.with(interpreted)(right, left), expected));
    EXPECT_TRUE(same_bits(scalar_add.with(interpreted)(left, right), expected));
    EXPECT_TRUE(same_bits(left.broadcast_to(expected.shape()).copy() + right, expected));
  }
}

}  // namespace
}  // namespace kiln::conformance
