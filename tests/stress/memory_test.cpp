// What calls cost in memory: allocations of a warm call, the pool's high-water mark, pages of generated code.
#include "tests/stress/allocations.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <numbers>
#include <string>
#include <tuple>

namespace kiln {
namespace {

using test::allocation_count;

const auto tutorial = jit([](Array a) {
  Var trace = 0.0;
  for (Value i : range(a.shape(0))) trace += tanh(a(i, i));
  return a + trace;
});

const auto chain6 = jit([](Array x, Array y) {
  Array a = x + y, b = a * x, c = b - y, d = c * 0.5, e = d + a;
  return e * e;
});

Value normal_cdf(Value x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }
Array normal_cdf(Array x) { return 0.5 * erfc(-x / std::numbers::sqrt2); }

const auto black_scholes_arrays = jit([](Array spot, Array strike, Array years, Value rate, Value volatility) {
  Array deviation = volatility * sqrt(years);
  Array d1 = (log(spot / strike) + (rate + volatility * volatility / 2.0) * years) / deviation;
  Array d2 = d1 - deviation;
  Array discounted = strike * exp(-rate * years);
  Array call = spot * normal_cdf(d1) - discounted * normal_cdf(d2);
  Array put = discounted * normal_cdf(-d2) - spot * normal_cdf(-d1);
  return std::tuple(call, put);
});

const auto black_scholes_loop = jit([](Array spot, Array strike, Array years, Value rate, Value volatility) {
  Array call = empty_like(spot), put = empty_like(spot);
  for (Value i : prange(spot.size())) {
    Value deviation = volatility * sqrt(years(i));
    Value d1 = (log(spot(i) / strike(i)) + (rate + volatility * volatility / 2.0) * years(i)) / deviation;
    Value d2 = d1 - deviation;
    Value discounted = strike(i) * exp(-rate * years(i));
    call(i) = spot(i) * normal_cdf(d1) - discounted * normal_cdf(d2);
    put(i) = discounted * normal_cdf(-d2) - spot(i) * normal_cdf(-d1);
  }
  return std::tuple(call, put);
});

// ---- Allocations of a warm call -------------------------------------------------------------------------------------

// The most that one of several calls made, after a few that warm up; a block the pool has to get anew is one.
template <class F>
std::uint64_t allocations_of_warm(F&& call) {
  for (int k = 0; k < 20; ++k) call();
  std::uint64_t most = 0;
  for (int k = 0; k < 50; ++k) {
    const std::uint64_t before = allocation_count();
    call();
    most = std::max(most, allocation_count() - before);
  }
  return most;
}

class WarmCall : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has malloc";
    const std::uint64_t before = allocation_count();
    void* volatile block = std::malloc(1);  // volatile: else the pair may be left out
    std::free(block);
    ASSERT_GT(allocation_count(), before) << "the count does not see the program's allocations";
  }
};

TEST_F(WarmCall, OfOneElement) {
  const auto add = jit([](Array a, Array b) { return a + b; });
  const Array a = ones({1}), b = ones({1});
  EXPECT_LE(allocations_of_warm([&] { add(a, b); }), 1u);
}

TEST_F(WarmCall, OfAnySize) {
  for (const std::int64_t n : {3, 100, 1000}) {
    const Array a = ones({n, n});
    EXPECT_LE(allocations_of_warm([&] { tutorial(a); }), 1u) << n;
  }
}

TEST_F(WarmCall, OnSeveralThreads) {
  const int usual = num_threads();
  set_num_threads(3);
  const auto forced = chain6.with({.threads = 3, .force_threads = true});
  const Array a = ones({200'000});
  EXPECT_LE(allocations_of_warm([&] { forced(a, a); }), 1u);
  set_num_threads(usual);
}

TEST_F(WarmCall, OfScalarsAndInPlace) {
  const auto scalar = jit([](Array a, Value x) { return sum(a) * x; });
  const auto store = jit([](Array to, Array a) { to(slice(1, -1)) = a(slice(2, _)) - a(slice(_, -2)); });
  const Array a = ones({1000}), to = ones({1000});
  EXPECT_LE(allocations_of_warm([&] { scalar(a, 3.0); }), 1u);
  EXPECT_EQ(allocations_of_warm([&] { store(to, a); }), 0u);
}

TEST_F(WarmCall, OfAlternatingShapesAndLayouts) {
  const auto f = jit([](Array a) { return a * 2.0; });
  const Array a = ones({30}), b = ones({500}), c = b(slice(_, _, 3));
  EXPECT_LE(allocations_of_warm([&, k = 0]() mutable { f(++k % 3 == 0 ? a : k % 3 == 1 ? b : c); }), 1u);
}

TEST_F(WarmCall, Eager) {
  const Array a = ones({100}), b = ones({100});
  EXPECT_LE(allocations_of_warm([&] { a + b; }), 1u);
  EXPECT_LE(allocations_of_warm([&] { sum(a); }), 1u);
}

// ---- The high-water mark --------------------------------------------------------------------------------------------

// Blocks are a power of two or a quarter more; with its header such an array fills one to the byte.
constexpr std::int64_t whole_block = (1 << 20) - 8;

// Call after call, `outputs` arrays of `bytes` each and one MiB more than before are in use at most.
template <class F>
void expect_lean(const F& call, std::uint64_t outputs, std::uint64_t bytes) {
  const std::uint64_t before = memory_info().bytes_in_use;
  for (int turn = 0; turn < 4; ++turn) {
    reset_high_water_mark();
    call();
    EXPECT_LE(memory_info().high_water_mark, before + outputs * bytes + (1 << 20)) << "call " << turn;
    EXPECT_EQ(memory_info().bytes_in_use, before);
  }
}

template <class F, class... A>
void expect_lean_on_any_threads(std::uint64_t outputs, std::uint64_t bytes, const F& f, const A&... arguments) {
  expect_lean([&] { f(arguments...); }, outputs, bytes);
  for (const int threads : {1, 3}) {
    const auto forced = f.with({.threads = threads, .force_threads = true});
    expect_lean([&] { forced(arguments...); }, outputs, bytes);
  }
}

TEST(HighWaterMark, Tutorial) {
  for (const DType dtype : {f64, i64}) expect_lean_on_any_threads(1, 8 << 20, tutorial, ones({1023, 1024}, dtype));
  expect_lean_on_any_threads(1, 4 << 20, tutorial, ones({1023, 1024}, f32));
}

TEST(HighWaterMark, Chain6) {
  const Array x = ones({whole_block}), y = ones({whole_block});
  expect_lean_on_any_threads(1, 8 << 20, chain6, x, y);
}

TEST(HighWaterMark, BlackScholes) {
  const Array spot = full({whole_block}, 100.0), strike = full({whole_block}, 95.0), years = full({whole_block}, 1.5);
  expect_lean_on_any_threads(2, 8 << 20, black_scholes_arrays, spot, strike, years, 0.02, 0.3);
  expect_lean_on_any_threads(2, 8 << 20, black_scholes_loop, spot, strike, years, 0.02, 0.3);
  const auto [call, put] = black_scholes_arrays(spot, strike, years, 0.02, 0.3);
  const auto [call_loop, put_loop] = black_scholes_loop(spot, strike, years, 0.02, 0.3);
  EXPECT_TRUE(array_equal(call, call_loop).as_bool());
  EXPECT_TRUE(array_equal(put, put_loop).as_bool());
}

// ---- Pages ----------------------------------------------------------------------------------------------------------

TEST(Pages, NoneIsWritableAndExecutable) {
  tutorial(ones({4, 4}));
  chain6(ones({9}), ones({9}));
  std::ifstream maps("/proc/self/maps");
  int lines = 0, executable = 0;
  for (std::string line; std::getline(maps, line); ++lines) {
    const std::string permissions = line.substr(line.find(' ') + 1, 4);
    executable += permissions[2] == 'x';
    EXPECT_FALSE(permissions[1] == 'w' && permissions[2] == 'x') << line;
  }
  EXPECT_GT(lines, 10);
  EXPECT_GT(executable, 1);
}

}  // namespace
}  // namespace kiln
