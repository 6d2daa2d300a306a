// Programs on the GPU, on the simulated one with its lanes in both orders: the bits that the interpreter gives.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <bit>
#include <complex>
#include <string>
#include <vector>

namespace kiln {
namespace {

Array as_array(const Value& v) {
  const Array a = empty(Shape({}), v.dtype());
  a(rest) = v;
  return a;
}

/// The elements as bits of numbers that are wide enough for them.
std::vector<std::uint64_t> bits(const Array& a) {
  std::vector<std::uint64_t> found;
  if (a.dtype().is_floating() || a.dtype().is_complex()) {
    const Array wide = a.astype(c128);
    for (const std::complex<double>& x : wide.read<std::complex<double>>()) {
      found.push_back(x.real() != x.real() ? 1 : std::bit_cast<std::uint64_t>(x.real()));
      found.push_back(x.imag() != x.imag() ? 1 : std::bit_cast<std::uint64_t>(x.imag()));
    }
  } else {
    const Array wide = a.astype(i64);
    for (const std::int64_t x : wide.read<std::int64_t>()) found.push_back(static_cast<std::uint64_t>(x));
  }
  return found;
}

class OnGpuPrograms : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cuda().available()) << cuda().description(); }
  void TearDown() override { test::set_order(kiln_simulated_order_forward); }

  /// Calls `run` with the function interpreted, and on the GPU with and without checked indices; `run` makes its
  /// arguments anew and returns all that is compared.
  template <class F, class Run>
  static void same(const F& f, Run&& run) {
    const std::vector<Array> wanted = run(f.with({.interpret = true}));
    for (const auto order : {kiln_simulated_order_forward, kiln_simulated_order_reverse}) {
      if (!test::set_order(order) && order == kiln_simulated_order_reverse) break;
      for (const bool checked : {false, true}) {
        const std::vector<Array> actual = run(f.with({.bounds_check = checked, .device = cuda()}));
        EXPECT_STREQ(last_call().device, "cuda:0");
        ASSERT_EQ(actual.size(), wanted.size());
        for (std::size_t k = 0; k < wanted.size(); ++k) {
          EXPECT_EQ(actual[k].dtype(), wanted[k].dtype());
          EXPECT_EQ(bits(actual[k]), bits(wanted[k])) << "result " << k << ", checked: " << checked;
        }
      }
    }
  }
};

// What is added up over the turns of a loop that the host runs, for it has parallel loops in it.
TEST_F(OnGpuPrograms, ReductionsOverALoopOfParallelLoops) {
  const auto f = jit([](Array a, Value turns) {
    Var total(0.0f), largest(-1, i64), skipped(0, i64);
    for (Value t : range(turns)) {
      a(rest) = a * 1.25f + t;
      total += a(t % a.size()) * 0.1f;
      if_(t % 3 == 1, [&] { skipped += t; });
      break_if(a(0) > 1e30f);
      continue_if(t % 5 == 2);
      largest.max(i64(a(a.size() - 1)) % 1000);
    }
    return std::tuple(Value(total), Value(largest), Value(skipped));
  });
  for (const int turns : {0, 1, 40, 400})
    same(f, [&](const auto& g) {
      const Array a = arange(37).astype(f32);
      const auto [total, largest, skipped] = g(a, turns);
      return std::vector{a, as_array(total), as_array(largest), as_array(skipped)};
    });
}

// A number read before an inner parallel loop by every thread of a team, and overwritten by one of them in it.
TEST_F(OnGpuPrograms, InnerLoopsWriteWhatWasReadBeforeThem) {
  const auto f = jit([](Array a) {
    for (Value i : prange(a.shape(0))) {
      const Value x = a(i, 0);
      for (Value j : prange(a.shape(1))) a(i, j) = a(i, j) - x;
    }
  });
  same(f, [](const auto& g) {
    const Array a = (arange(20 * 300) * 7919 % 1009).reshape({20, 300});
    g(a);
    return std::vector{a};
  });
}

}  // namespace
}  // namespace kiln
