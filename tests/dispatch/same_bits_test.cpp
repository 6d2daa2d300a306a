// One function on the same arguments gives the same bits however it is compiled: interpreted, with vectors of any
// width, on any number of threads; for lengths around the lanes' number, tails and all; wherever in memory its operands
// and its destination begin.
#include "tests/dispatch/calls.h"

#include <cstring>
#include <tuple>

namespace kiln {
namespace {

Array numbers(std::int64_t n, DType dtype) {
  std::vector<double> v(static_cast<std::size_t>(n));
  for (std::size_t k = 0; k < v.size(); ++k) v[k] = static_cast<double>((k * 7919 + 13) % 1009) * 0.37 - 150;
  return array(v).astype(dtype);
}

const auto& lengths() {
  static const std::vector<std::int64_t> all{0,  1,  2,  3,  5,  7,   8,   9,    15,   16,
                                             17, 31, 33, 63, 65, 127, 130, 1000, 4099, 70'001};
  return all;
}

bool same_bytes(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || a.extent(0) != b.extent(0)) return false;
  for (std::int64_t k = 0; k < a.extent(0); ++k) {
    const double x = a(k).as_double(), y = b(k).as_double();
    if (std::memcmp(&x, &y, sizeof x) != 0) return false;
  }
  return true;
}

template <class F, class... A>
void expect_same_bits(const F& f, const char* what, const A&... arguments) {
  const Array expected = f.with({.interpret = true})(arguments...);
  for (const int bits : {128, 256, 512})
    for (const int threads : {1, 3}) {
      const Array found = f.with({.vector_bits = bits, .threads = threads, .force_threads = true})(arguments...);
      EXPECT_TRUE(same_bytes(expected, found))
          << what << ", " << bits << " bits, " << threads << " threads, " << expected.extent(0) << " elements";
    }
  EXPECT_TRUE(same_bytes(expected, f(arguments...))) << what << ", " << expected.extent(0) << " elements";
}

class SameBits : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    usual_ = num_threads();
    set_num_threads(3);
  }
  void TearDown() override { set_num_threads(usual_); }
  int usual_ = 1;
};

TEST_P(SameBits, Elementwise) {
  const auto f = jit([](Array a, Array b) { return (a - b * 3.0) / (b + 0.5) - sqrt(abs(a)); });
  for (const std::int64_t n : lengths()) {
    const Array a = numbers(n, GetParam()), b = numbers(n, GetParam())(slice(_, _, -1));
    expect_same_bits(f, "elementwise", a, b);
  }
}

TEST_P(SameBits, Branches) {
  const auto f = jit([](Array a) {
    Array r = zeros_like(a);
    for (Value i : prange(a.shape(0))) {
      Var x = a(i);
      if_(x > 10.0, [&] { x = x * 2.0 - 1.0; }, [&] { if_(x < -20.0, [&] { x = -x; }); });
      while_([&] { return x > 50.0; }, [&] { x -= 17.25; });
      r(i) = x;
    }
    return r;
  });
  for (const std::int64_t n : lengths()) expect_same_bits(f, "branches", numbers(n, GetParam()));
}

TEST_P(SameBits, Reductions) {
  const auto f = jit([](Array a) {
    Array r = zeros({4}, a.dtype());
    r(0) = sum(a);
    r(1) = dot(a, a(slice(_, _, -1)));
    Var s = 0.0;
    for (Value i : range(a.shape(0))) s += a(i) * 0.1;
    r(2) = s;
    r(3) = mean(a);
    return r;
  });
  for (const std::int64_t n : lengths()) expect_same_bits(f, "reductions", numbers(n, GetParam()));
}

TEST_P(SameBits, ReductionsOfRows) {
  const auto f = jit([](Array a) { return sum(a, {.axis = 1}); });
  const auto g = jit([](Array a) { return sum(a, {.axis = 0}); });
  for (const std::int64_t rows : {1, 3, 70})
    for (const std::int64_t columns : {1, 5, 64, 100, 333}) {
      const Array a = numbers(rows * columns, GetParam()).reshape({rows, columns});
      expect_same_bits(f, "rows", a);
      expect_same_bits(g, "columns", a);
    }
}

// ---- Offsets --------------------------------------------------------------------------------------------------------

constexpr std::int64_t offsets = 32;  // more than the longest vectors have elements
constexpr double untouched = 77.5;

Value element(Value x, Value y) { return (x - y * 3.0) / (y + 0.5) + sqrt(abs(x)) * exp(y * 0.01) - sin(x); }

// Everything of `to` but the `n` elements of `expected` from `offset` on is as it was.
testing::AssertionResult holds_alone(const Array& to, std::int64_t offset, const Array& expected) {
  const std::int64_t n = expected.extent(0);
  if (!same_bytes(to(slice(offset, offset + n)), expected)) return testing::AssertionFailure() << "other elements";
  for (std::int64_t k = 0; k < to.extent(0); ++k)
    if ((k < offset || k >= offset + n) && to(k).as_double() != untouched)
      return testing::AssertionFailure() << "element " << k << " is beside the destination and was written";
  return testing::AssertionSuccess();
}

// Every pair of offsets of the three arrays, of which every third one follows from two.
template <class Check>
void at_every_offset(const Check& check) {
  for (std::int64_t a = 0; a < offsets; ++a)
    for (std::int64_t b = 0; b < offsets; ++b) check(a, b, (a + 5 * b) % offsets);
}

TEST_P(SameBits, ElementsAtEveryOffset) {
  const auto whole = jit([](Array to, Array a, Array b) {
    for (Value i : prange(to.shape(0))) to(i) = element(a(i), b(i));
  });
  const auto part = jit([](Array to, Array a, Array b, Value k, Value n) {
    to(slice(k, k + n)) = (a - b * 3.0) / (b + 0.5) + sqrt(abs(a)) * exp(b * 0.01) - sin(a);
  });
  constexpr std::int64_t longest = 150;
  const Array x = numbers(longest + offsets, GetParam()), y = numbers(longest + offsets, GetParam())(slice(_, _, -1));
  for (const int bits : {128, 256, 512})
    for (const int threads : {1, 3}) {
      const JitOptions options{.vector_bits = bits, .threads = threads, .force_threads = true};
      at_every_offset([&](std::int64_t a_at, std::int64_t b_at, std::int64_t to_at) {
        const std::int64_t n = (a_at * 29 + b_at * 13) % longest;
        const Array a = x(slice(a_at, a_at + n)), b = y(slice(b_at, b_at + n));
        // Element by element, from copies: what an element gives depends on its operands alone.
        const Array expected = zeros({n}, GetParam());
        whole.with({.interpret = true})(expected, a.copy(), b.copy());
        const auto told = [&] {
          return testing::Message() << "offsets " << a_at << ", " << b_at << " to " << to_at << ", " << n
                                    << " elements, " << bits << " bits, " << threads << " threads";
        };
        const Array to = full({longest + 2 * offsets}, untouched, GetParam());
        whole.with(options)(to(slice(to_at, to_at + n)), a, b);
        ASSERT_TRUE(holds_alone(to, to_at, expected)) << told();
        to(rest) = untouched;
        part.with(options)(to, a, b, to_at, n);
        ASSERT_TRUE(holds_alone(to, to_at, expected)) << "a slice in the function, " << told();
      });
    }
}

TEST_P(SameBits, EveryLength) {
  const auto f = jit([](Array to, Array a, Array b) {
    for (Value i : prange(to.shape(0))) to(i) = element(a(i), b(i));
  });
  constexpr std::int64_t longest = 270;
  const Array a = numbers(longest, GetParam()), b = numbers(longest, GetParam())(slice(_, _, -1)).copy();
  const Array all = zeros({longest}, GetParam());
  f.with({.interpret = true})(all, a, b);
  for (const int bits : {128, 256, 512})
    for (const int threads : {1, 2, 3})
      for (std::int64_t n = 0; n <= longest; ++n) {
        const Array to = full({longest}, untouched, GetParam());
        f.with({.vector_bits = bits, .threads = threads, .force_threads = true})(to(slice(0, n)), a(slice(0, n)),
                                                                                 b(slice(0, n)));
        ASSERT_TRUE(holds_alone(to, 0, all(slice(0, n)))) << n << " elements, " << bits << " bits, " << threads;
      }
}

// A block of a matrix: rows begin wherever its first column lies.
TEST_P(SameBits, BlocksAtEveryOffset) {
  const auto f = jit([](Array to, Array a, Value row, Value column) {
    to(slice(row, row + a.shape(0)), slice(column, column + a.shape(1))) = a * 1.7 - exp(a * 0.01);
  });
  const Array x = numbers(6 * 90, GetParam()).reshape({6, 90});
  for (const int bits : {128, 256, 512})
    for (const int threads : {1, 3})
      for (std::int64_t column = 0; column < offsets; ++column) {
        const std::int64_t from = (column * 11 + 3) % offsets, width = 1 + (column * 17) % 57;
        const Array a = x(slice(1, 5), slice(from, from + width));
        const Array expected = full({7, 90}, untouched, GetParam()), found = expected.copy();
        f.with({.interpret = true})(expected, a, 2, column);
        f.with({.vector_bits = bits, .threads = threads, .force_threads = true})(found, a, 2, column);
        ASSERT_TRUE(same_bytes(found.reshape({7 * 90}), expected.reshape({7 * 90})))
            << "columns " << from << " to " << column << ", " << width << " wide, " << bits << " bits, " << threads;
      }
}

// Stores that go past the cache begin where the destination is aligned.
TEST_P(SameBits, LargeArraysAtEveryOffset) {
  const auto f = jit([](Array to, Array a) { to(rest) = a * 1.7 - 3.1; });
  const std::int64_t n = (std::int64_t{80} << 20) / static_cast<std::int64_t>(GetParam().size());
  const Array x = full({n + offsets}, 2.3, GetParam()), to = full({n + offsets}, untouched, GetParam());
  x(slice(_, _, 3)) = 0.7;
  x(slice(_, _, 7)) = 5.9;
  const Array pattern = zeros({21}, GetParam()), expected = zeros({n}, GetParam());
  f.with({.interpret = true})(pattern, x(slice(0, 21)));
  for (std::int64_t k = 0; k < 21; ++k) expected(slice(k, _, 21)) = pattern(k);
  for (const std::int64_t offset : {0, 1, 3, 7, 13, 31}) {
    const Array part = to(slice(offset, offset + n));
    f(part, x(slice(0, n)));
    ASSERT_TRUE(array_equal(part, expected).as_bool()) << offset;
    for (std::int64_t k = 0; k < offsets; ++k) {
      const std::int64_t beside = k < offset ? k : n + k;
      ASSERT_EQ(to(beside).as_double(), untouched) << offset << ", " << beside;
    }
    to(rest) = untouched;
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, SameBits, testing::Values(f32, f64),
                         [](const auto& p) { return std::string(p.param.name()); });

}  // namespace
}  // namespace kiln
