// The caller's floating-point mode: kernels neither see it nor change it.
#include <kiln/kiln.h>

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace kiln {
namespace {

constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040, round_down = 0x2000, round_up = 0x4000,
                   round_to_zero = 0x6000, canonical = 0x1f80;
// Division by zero and invalid operations would raise SIGFPE.
constexpr unsigned trapping = canonical & ~0x0280u;

class Mode {
 public:
  explicit Mode(unsigned mode) : before_(_mm_getcsr()) { _mm_setcsr(mode); }
  ~Mode() { _mm_setcsr(before_); }

 private:
  unsigned before_;
};

std::vector<std::uint64_t> bits(const Array& a) {
  std::vector<std::uint64_t> out;
  for (const double x : a.read<double>()) out.push_back(std::bit_cast<std::uint64_t>(x));
  return out;
}

// Results depend on rounding in the third of 1, on denormals in tiny, on masks in the quotients; `version` is a
// constant, so that each value is compiled anew.
const auto sensitive = jit([](Array a, int version) {
  Value third = Value(1.0) / 3.0;
  Var s = 0.0;
  for (Value i : range(a.shape(0))) s += a(i) * 0.1;
  Array tiny = a * std::numeric_limits<double>::denorm_min();
  return a * third / 7.0 + tiny / std::numeric_limits<double>::denorm_min() + s + f64(version) * 0.0 +
         where(a / 0.0 > 0.0, 0.3, 0.7);
});

Array input() {
  std::vector<double> v;
  for (int k = 0; k < 3000; ++k) v.push_back(k * 0.37 - 100);
  return array(v);
}

class FloatingPointMode : public testing::TestWithParam<unsigned> {};

TEST_P(FloatingPointMode, NeitherSeenNorChanged) {
  static int version = 0;
  const Array a = input();
  const auto expected = bits(sensitive(a, 1000));
  for (const bool interpret : {false, true})
    for (const int threads : {1, 3}) {
      const auto f = sensitive.with({.interpret = interpret, .threads = threads, .force_threads = true});
      Array r;
      ++version;
      for (int turn = 0; turn < 2; ++turn) {  // compiled under the mode, then found
        unsigned after = 0;
        {
          const Mode mode(GetParam());
          r = f(a, version);
          after = _mm_getcsr();
        }
        EXPECT_EQ(after, GetParam());
        EXPECT_EQ(last_call().threads, interpret ? 1 : threads) << last_call().threads_reason;
        EXPECT_EQ(bits(r), expected) << "interpret " << interpret << " threads " << threads << " turn " << turn;
      }
    }
}

TEST_P(FloatingPointMode, AnErrorLeavesItToo) {
  const auto f = jit([](Array a, Array b) { return a + b; });
  const auto g = jit([](Array a) { return a.reshape({-1, -1}); });
  const Array a = ones({3}), b = ones({4});
  unsigned after = 0;
  int thrown = 0;
  {
    const Mode mode(GetParam());
    for (int turn = 0; turn < 2; ++turn) {
      try {
        f(a, b);
      } catch (const ShapeError&) {
        ++thrown;
      }
      try {
        g(a);
      } catch (const ShapeError&) {
        ++thrown;
      }
    }
    after = _mm_getcsr();
  }
  EXPECT_EQ(after, GetParam());
  EXPECT_EQ(thrown, 4);
}

TEST_P(FloatingPointMode, EagerOperations) {
  const Array a = input();
  const auto expected = bits(a / 3.0 + a * 0.1);
  std::vector<std::uint64_t> found;
  {
    const Mode mode(GetParam());
    const Array r = a / 3.0 + a * 0.1;
    found = bits(r);
  }
  EXPECT_EQ(found, expected);
}

TEST_P(FloatingPointMode, EagerScalars) {
  const Array a = zeros({4});
  const auto compute = [&] {
    Var s(0.1, f32);
    s += Value(1.0) / 3.0;
    a(0) = Value(1.0) / 3.0 + 0.1;
    a(1) = s;
    a(2) = a(0) * 0x1p-1050 * 0x1p40;
    a(3) = f32(a(0));
    return bits(a);
  };
  const auto expected = compute();
  std::vector<std::uint64_t> found;
  {
    const Mode mode(GetParam());
    found = compute();
  }
  EXPECT_EQ(found, expected);
}

// Threads start with the mode of the one that starts them.
TEST_P(FloatingPointMode, OfThreadsThatStartUnderIt) {
  static int version = 10'000;
  const int usual = num_threads();
  const Array a = input();
  const auto expected = bits(sensitive(a, 1000));
  std::vector<std::uint64_t> found;
  int ran = 0;
  set_num_threads(1);  // ends all others
  {
    const Mode mode(GetParam());
    set_num_threads(3);
    found = bits(sensitive.with({.threads = 3, .force_threads = true})(a, ++version));
    ran = last_call().threads;
  }
  set_num_threads(usual);
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(found, expected);
}

INSTANTIATE_TEST_SUITE_P(Modes, FloatingPointMode,
                         testing::Values(canonical, canonical | flush_to_zero | denormals_are_zero,
                                         canonical | round_up, canonical | round_down,
                                         canonical | round_to_zero | flush_to_zero, trapping,
                                         trapping | round_up | denormals_are_zero | 0x20u));

}  // namespace
}  // namespace kiln
