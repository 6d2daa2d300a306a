// One function on the same arguments gives the same bits however it is compiled: interpreted, with vectors of any
// width, on any number of threads; for lengths around the lanes' number, tails and all.
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

INSTANTIATE_TEST_SUITE_P(Dtypes, SameBits, testing::Values(f32, f64),
                         [](const auto& p) { return std::string(p.param.name()); });

}  // namespace
}  // namespace kiln
