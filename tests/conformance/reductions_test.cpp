// Reductions have one order: the same bits on any number of threads and any vector width as in the interpreter, and as
// in the plain C++ below that follows the order's definition.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"

#include <algorithm>
#include <cmath>

namespace kiln::conformance {
namespace {

// ---- The definition -------------------------------------------------------------------------------------------------

template <class T, class F>
T tree(std::vector<T> sums, F&& join) {
  while (sums.size() > 1) {
    std::vector<T> next;
    for (std::size_t k = 0; k + 1 < sums.size(); k += 2) next.push_back(join(sums[k], sums[k + 1]));
    if (sums.size() % 2) next.push_back(sums.back());
    sums = std::move(next);
  }
  return sums[0];
}

// Wide order: 32 rows of 256 bytes to a block, lanes fold by halving, blocks as a tree of adjacent pairs.
template <class T, class F>
T wide(const std::vector<T>& terms, T identity, F&& join) {
  const std::size_t lanes = sizeof(T) >= 4 ? 256 / sizeof(T) : 64, block = 32 * lanes;
  std::vector<T> sums;
  for (std::size_t first = 0; first < terms.size(); first += block) {
    std::vector<T> lane(lanes, identity);
    for (std::size_t k = first; k < std::min(first + block, terms.size()); ++k)
      lane[(k - first) % lanes] = join(lane[(k - first) % lanes], terms[k]);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k) lane[k] = join(lane[k], lane[k + half]);
    sums.push_back(lane[0]);
  }
  return sums.empty() ? identity : tree(sums, join);
}

// Narrow order: sequential segments, then the same tree.
template <class T, class F>
T narrow(const std::vector<T>& terms, T identity, std::size_t segment, F&& join) {
  std::vector<T> sums;
  for (std::size_t first = 0; first < terms.size(); first += segment) {
    T sum = identity;
    for (std::size_t k = first; k < std::min(first + segment, terms.size()); ++k) sum = join(sum, terms[k]);
    sums.push_back(sum);
  }
  return sums.empty() ? identity : tree(sums, join);
}

// Integers wrap, as Kiln's do; C++ leaves the overflow of its signed ones undefined.
template <class T>
using Wrapping = typename std::conditional_t<std::is_floating_point_v<T>, std::type_identity<T>,
                                             std::make_unsigned<std::conditional_t<sizeof(T) < 4, int, T>>>::type;
constexpr auto plus = []<class T>(T x, T y) {
  return static_cast<T>(static_cast<Wrapping<T>>(x) + static_cast<Wrapping<T>>(y));
};
constexpr auto times = []<class T>(T x, T y) {
  return static_cast<T>(static_cast<Wrapping<T>>(x) * static_cast<Wrapping<T>>(y));
};

// 1 … 1e6, around rows and blocks.
const std::vector<std::int64_t> sizes = {
    0,    1,    2,    3,     5,     7,     8,     15,    16,      17,      31,      32,       33,   63,
    64,   65,   127,  128,   129,   255,   256,   257,   511,     513,     1000,    1023,     1024, 1025,
    2047, 2048, 2049, 3071,  3072,  3073,  4095,  4096,  4097,    5000,    6143,    6144,     6145, 8191,
    8192, 8193, 9999, 16383, 16385, 65535, 65536, 65537, 100'003, 131'072, 262'145, 1'000'000};

const auto total = jit([](Array a) { return sum(a); });
const auto everything =
    jit([](Array a) { return std::tuple(sum(a), prod(a), min(a), max(a), any(a), all(a), mean(a)); });

template <class T>
class SameBits : public testing::Test {};
using Numbers = testing::Types<float, double, std::int8_t, std::int32_t, std::uint16_t, std::int64_t, std::uint64_t>;

struct NumberNames {
  template <class T>
  static std::string GetName(int) {
    return dtype_of<T>().name();
  }
};
TYPED_TEST_SUITE(SameBits, Numbers, NumberNames);

// Sums of integers are i64 or u64.
template <class T>
using Total = std::conditional_t<std::is_floating_point_v<T>, T,
                                 std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

TYPED_TEST(SameBits, SumsOfEverySize) {
  using T = TypeParam;
  for (const std::int64_t n : sizes) {
    SCOPED_TRACE(n);
    const Array a = hashed_array(n, dtype_of<T>(), 11);
    std::vector<Total<T>> terms;
    for (const T x : a.read<T>()) terms.push_back(static_cast<Total<T>>(x));
    const Total<T> identity = std::is_floating_point_v<T> ? static_cast<Total<T>>(-0.0) : 0;
    const Value wanted = Total<T>(0) + wide(terms, identity, plus);
    const Array expected = as_array(wanted).astype(dtype_of<Total<T>>());
    if (n <= 10'000) {
      EXPECT_TRUE(same_bits(as_array(total.with({.interpret = true})(a)), expected)) << "interpreter";
    }
    for (const int threads : {1, 2, 3, 5})
      for (const int bits : {128, 256, 512})
        EXPECT_TRUE(same_bits(as_array(total.with({.vector_bits = bits, .threads = threads, .force_threads = true})(a)),
                              expected))
            << threads << " threads, " << bits << " bits";
    if (this->HasFailure()) return;
  }
}

// A product of numbers near 1, so that it stays finite and every rounding shows.
TEST(SameBitsOrder, ProductsFollowTheDefinition) {
  static const auto product = jit([](Array a) { return prod(a); });
  for (const std::int64_t n : {1, 33, 1024, 1025, 5000, 70'000}) {
    std::vector<double> terms;
    for (std::int64_t k = 0; k < n; ++k)
      terms.push_back(1 + (static_cast<double>(hashed(static_cast<std::uint64_t>(k), 3) >> 11) / 0x1p53 - 0.5) * 1e-3);
    const Array a = array(terms);
    const auto r = everywhere(product, [&](const auto& f) { return results(f(a)); });
    EXPECT_EQ(numbers<double>(r[0])[0], wide(terms, 1.0, times)) << n;
  }
}

TYPED_TEST(SameBits, EveryReductionTogether) {
  for (const std::int64_t n : {1, 37, 64, 2048, 2049, 12'345}) {
    SCOPED_TRACE(n);
    const Array a = hashed_array(n, dtype_of<TypeParam>(), 13);
    everywhere(everything, [&](const auto& f) { return results(f(a)); });
    everywhere(everything, [&](const auto& f) { return results(f(placed(a, Placement::reversed_2))); });
    if (this->HasFailure()) return;
  }
}

TYPED_TEST(SameBits, AlongAxes) {
  static const auto axis =
      jit([](Array a, int k) { return std::tuple(sum(a, {.axis = k}), max(a, {.axis = k}), mean(a, {.axis = k})); });
  static const auto two_axes =
      jit([](Array a) { return std::tuple(sum(a, {.axis = {0, 2}}), prod(a, {.axis = {1, 2}, .keepdims = true})); });
  struct {
    std::int64_t rows, columns;
  } const shapes[] = {{1, 1},    {3, 1},    {1, 5},    {2, 3},   {17, 33}, {64, 64},
                      {5, 2049}, {2049, 5}, {130, 70}, {600, 3}, {3, 4100}};
  for (const auto& [rows, columns] : shapes) {
    SCOPED_TRACE(std::to_string(rows) + " by " + std::to_string(columns));
    const Array a = hashed_array(rows * columns, dtype_of<TypeParam>(), 17).reshape({rows, columns});
    for (const int k : {0, 1}) {
      everywhere(axis, [&](const auto& f) { return results(f(a, k)); });
      everywhere(axis, [&](const auto& f) { return results(f(placed(a, Placement::fortran), k)); });
      if (this->HasFailure()) return;
    }
  }
  const Array cube = hashed_array(7 * 11 * 13, dtype_of<TypeParam>(), 19).reshape({7, 11, 13});
  for (const int k : {0, 1, 2}) everywhere(axis, [&](const auto& f) { return results(f(cube, k)); });
  everywhere(two_axes, [&](const auto& f) { return results(f(cube)); });
}

// ---- Reductions on a Var --------------------------------------------------------------------------------------------

TYPED_TEST(SameBits, VarsFromOutside) {
  static const auto loop = jit([](Array a, Array b) {
    Var total = 0, product = 1, smallest = a(0), largest = a(0), count = 0;
    for (Value i : prange(a.size())) {
      Value x = a(i) * b(i);
      total += x;
      if_(x > b(i), [&] { count += 1; });
      smallest.min(x);
      largest.max(x);
      if_(a(i) < b(i), [&] { product *= b(i); });
    }
    return std::tuple(total, product, smallest, largest, count);
  });
  for (const std::int64_t n : {1, 2, 63, 64, 65, 2047, 2048, 2049, 30'000}) {
    SCOPED_TRACE(n);
    const Array a = hashed_array(n, dtype_of<TypeParam>(), 23), b = hashed_array(n, dtype_of<TypeParam>(), 29);
    everywhere(loop, [&](const auto& f) { return results(f(a, b)); });
    if (this->HasFailure()) return;
  }
}

TEST(SameBitsOrder, DotFollowsTheDefinition) {
  static const auto product = jit([](Array a, Array b) { return dot(a, b); });
  for (const std::int64_t n : {1, 100, 1024, 1025, 40'000}) {
    const Array a = hashed_array(n, f64, 31), b = hashed_array(n, f64, 37);
    std::vector<double> terms;
    for (std::int64_t k = 0; k < n; ++k)
      terms.push_back(a.read<double>()[static_cast<std::size_t>(k)] * b.read<double>()[static_cast<std::size_t>(k)]);
    const auto r = everywhere(product, [&](const auto& f) { return results(f(a, b)); });
    EXPECT_EQ(numbers<double>(r[0])[0], 0.0 + wide(terms, -0.0, plus)) << n;
    EXPECT_EQ(static_cast<double>(dot(a, b)), 0.0 + wide(terms, -0.0, plus)) << n << ", eager";
  }
}

// Rows of any length inside a prange: segments of 256, then pairs.
TEST(SameBitsOrder, RowsInsideAPrange) {
  static const auto rows = jit([](Array a) {
    Array out = empty({a.shape(0)}, a.dtype());
    for (Value i : prange(a.shape(0))) {
      Var s = 0.0;
      for (Value j : range(a.shape(1))) s += a(i, j);
      out(i) = s;
    }
    return out;
  });
  for (const std::int64_t columns : {0, 1, 7, 255, 256, 257, 512, 513, 1300}) {
    SCOPED_TRACE(columns);
    const Array a = hashed_array(19 * columns, f64, 41).reshape({19, columns});
    const auto r = everywhere(rows, [&](const auto& f) { return results(f(a)); });
    const auto out = numbers<double>(r[0]), in = numbers<double>(a);
    for (std::int64_t i = 0; i < 19; ++i) {
      const std::vector<double> terms(in.begin() + i * columns, in.begin() + (i + 1) * columns);
      EXPECT_EQ(out[static_cast<std::size_t>(i)], 0.0 + narrow(terms, -0.0, 256, plus)) << "row " << i;
    }
  }
}

// Two contributions in one turn join each other before they join the rest; a turn without one adds nothing.
TEST(SameBitsOrder, TermsOfATurn) {
  static const auto twice = jit([](Array a, Array b) {
    Var s = 100.0;
    for (Value i : prange(a.size())) {
      s += a(i);
      if_(b(i) > 0, [&] { s += b(i); });
    }
    return s;
  });
  const Array a = hashed_array(5000, f64, 43), b = hashed_array(5000, f64, 47);
  const auto r = everywhere(twice, [&](const auto& f) { return results(f(a, b)); });
  std::vector<double> terms;
  for (std::size_t k = 0; k < 5000; ++k) {
    const double x = a.read<double>()[k], y = b.read<double>()[k];
    double term = -0.0;
    term += x;
    if (y > 0) term += y;
    terms.push_back(term);
  }
  EXPECT_EQ(numbers<double>(r[0])[0], 100.0 + wide(terms, -0.0, plus));
}

TEST(SameBitsOrder, NotANumberAndSignedZeros) {
  static const auto extremes = jit([](Array a) { return std::tuple(min(a), max(a), sum(a)); });
  for (const std::int64_t n : {1, 40, 3000}) {
    std::vector<double> x(static_cast<std::size_t>(n), -0.0);
    everywhere(extremes, [&](const auto& f) { return results(f(array(x))); });
    x[x.size() / 2] = 0.0;
    everywhere(extremes, [&](const auto& f) { return results(f(array(x))); });
    x[x.size() - 1] = std::nan("");
    const auto r = everywhere(extremes, [&](const auto& f) { return results(f(array(x))); });
    for (const Array& each : r) EXPECT_TRUE(std::isnan(numbers<double>(each)[0]));
  }
}

TEST(SameBitsOrder, SpacesOfSeveralDimensions) {
  static const auto space = jit([](Array a) {
    Var s = 0.0, n = 0;
    for (auto [i, j, k] : prange(a.shape(0), range(1, a.shape(1), 2), range(a.shape(2) - 1, -1, -1))) {
      s += a(i, j, k);
      n += 1;
    }
    return std::tuple(s, n);
  });
  const Array a = hashed_array(6 * 31 * 45, f64, 53).reshape({6, 31, 45});
  const auto r = everywhere(space, [&](const auto& f) { return results(f(a)); });
  std::vector<double> terms;
  for (std::int64_t i = 0; i < 6; ++i)
    for (std::int64_t j = 1; j < 31; j += 2)
      for (std::int64_t k = 44; k >= 0; --k)
        terms.push_back(a.read<double>()[static_cast<std::size_t>((i * 31 + j) * 45 + k)]);
  EXPECT_EQ(numbers<double>(r[0])[0], 0.0 + wide(terms, -0.0, plus));
  EXPECT_EQ(numbers<std::int64_t>(r[1])[0], 6 * 15 * 45);
}

TEST(SameBitsOrder, BitReductions) {
  static const auto bits = jit([](Array a) {
    Var x = 0, o = 0, n = -1;
    for (Value i : prange(a.size())) {
      x ^= a(i);
      o |= a(i) & 0x70;
      n &= a(i) | 0x0f;
    }
    return std::tuple(x, o, n);
  });
  for (const DType dtype : {i8, i16, i32, i64}) {
    for (const std::int64_t n : {1, 100, 5000}) {
      const Array a = hashed_array(n, dtype, 59);
      const auto r = everywhere(bits, [&](const auto& f) { return results(f(a)); });
      std::int64_t x = 0;
      for (const Number16& e : elements(a)) x ^= e.i;
      EXPECT_EQ(elements(r[0])[0].i, x) << dtype;
    }
  }
}

}  // namespace
}  // namespace kiln::conformance
