// What calls cost in memory: allocations of a warm call, the pool's high-water mark, pages of generated code.
#include "bench/kiln_kernels.h"
#include "tests/stress/allocations.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <numbers>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace kiln {
namespace {

using test::allocation_count;

using bench::kernels::tutorial;

const auto chain6 = jit([](Array x, Array y) {
  Array a = x + y, b = a * x, c = b - y, d = c * 0.5, e = d + a;
  return e * e;
});

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
  const auto forced = chain6.with({.threads = 3, .force_threads = true});
  const Array a = ones({200'000});
  EXPECT_LE(allocations_of_warm([&] { forced(a, a); }), 1u);
  EXPECT_EQ(last_call().threads, 3);
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

TEST_F(WarmCall, OfSeveralResults) {
  const auto pair = jit([](Array a) { return std::tuple(a * 2.0, a + 1.0); });
  const auto mixed = jit([](Array a, Value x) { return std::tuple(sum(a), a * x, x + 1.0, a - x, max(a)); });
  const auto scalars = jit([](Array a) { return std::tuple(sum(a), min(a), max(a)); });
  for (const std::int64_t n : {1, 100, 10'000}) {
    const Array a = ones({n});
    EXPECT_LE(allocations_of_warm([&] { pair(a); }), 2u) << n;
    EXPECT_LE(allocations_of_warm([&] { mixed(a, 3.0); }), 2u) << n;
    EXPECT_EQ(allocations_of_warm([&] { scalars(a); }), 0u) << n;
  }
}

struct Moments {
  Array centred;
  Value mean;
  Array squares;
};

TEST_F(WarmCall, OfAStructOfResults) {
  const auto f = jit([](Array a) {
    Value m = mean(a);
    Array c = a - m;
    return Moments{c, m, c * c};
  });
  const Array a = ones({500});
  EXPECT_LE(allocations_of_warm([&] { f(a); }), 2u);
}

struct Scaled {
  Array values;
  Value factor, offset;
};

TEST_F(WarmCall, OfScalarsAndStructs) {
  const auto scalars = jit([](Value x, Value y, Value k) { return x * y + k; });
  const auto structs =
      jit([](Scaled s, bool square) { return square ? s.values * s.values : s.values * s.factor + s.offset; });
  const Scaled s{ones({300}), 2.0, 1.0};
  EXPECT_EQ(allocations_of_warm([&] { scalars(1.5, 2.0f, 3); }), 0u);
  EXPECT_EQ(allocations_of_warm([&, k = 0]() mutable { scalars(1.5 * k, f32(k), -k), ++k; }), 0u);
  EXPECT_LE(allocations_of_warm([&] { structs(s, false); }), 1u);
  EXPECT_LE(allocations_of_warm([&] { structs(Scaled{s.values, 3.0, 4.0}, true); }), 1u);
}

TEST_F(WarmCall, Vectorized) {
  const auto f = vectorize([](Value x, Value lo, Value hi) { return where(x < lo, lo, where(x > hi, hi, x)); });
  const Array a = ones({400}), b = zeros({400});
  EXPECT_LE(allocations_of_warm([&] { f(a, 0.25, 0.5); }), 1u);
  EXPECT_LE(allocations_of_warm([&] { f(a, b, a); }), 1u);
  EXPECT_LE(allocations_of_warm([&] { f(a(_, newaxis), 0.25, b); }), 1u);
  EXPECT_EQ(allocations_of_warm([&] { f(0.7, 0.25, 0.5); }), 0u);
}

TEST_F(WarmCall, WithOptions) {
  const auto add = jit([](Array a, Array b) { return a + b; });
  const Array a = ones({400});
  EXPECT_LE(allocations_of_warm([&] { add.with({.contract = true})(a, a); }), 1u);
}

TEST_F(WarmCall, Eager) {
  const Array a = ones({100}), b = ones({100});
  EXPECT_LE(allocations_of_warm([&] { a + b; }), 1u);
  EXPECT_EQ(allocations_of_warm([&] { sum(a); }), 0u);
  EXPECT_LE(allocations_of_warm([&] { a * 2.5; }), 1u);
  EXPECT_LE(allocations_of_warm([&] { sqrt(a); }), 1u);
  EXPECT_EQ(allocations_of_warm([&] { a(rest) = b; }), 0u);
}

// ---- The high-water mark --------------------------------------------------------------------------------------------

constexpr std::uint64_t mebibyte = 1 << 20;

std::uint64_t bytes_of(const Array& a) {
  std::uint64_t bytes = a.dtype().size();
  for (int axis = 0; axis < a.rank(); ++axis) bytes *= static_cast<std::uint64_t>(a.extent(axis));
  return bytes;
}

// Call after call, what is in use above `base` is the inputs, the outputs and a MiB at most.
template <class F>
void expect_lean(const F& call, std::uint64_t base, std::uint64_t inputs_and_outputs) {
  const std::uint64_t before = memory_info().bytes_in_use;
  for (int turn = 0; turn < 3; ++turn) {
    reset_high_water_mark();
    call();
    EXPECT_LE(memory_info().high_water_mark, base + inputs_and_outputs + mebibyte) << "call " << turn;
    EXPECT_EQ(memory_info().bytes_in_use, before);
  }
}

// `base` was in use before the inputs were made.
template <class F, class... A>
void expect_lean_on_any_threads(std::uint64_t base, std::uint64_t inputs_and_outputs, const F& f,
                                const A&... arguments) {
  expect_lean([&] { f(arguments...); }, base, inputs_and_outputs);
  for (const int threads : {1, 3}) {
    const auto forced = f.with({.threads = threads, .force_threads = true});
    expect_lean(
        [&] {
          forced(arguments...);
          EXPECT_EQ(last_call().threads, threads) << last_call().threads_reason;
        },
        base, inputs_and_outputs);
  }
}

class HighWaterMark : public testing::TestWithParam<std::tuple<std::int64_t, DType>> {
 protected:
  std::int64_t n() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
  std::uint64_t bytes() const { return static_cast<std::uint64_t>(n()) * dtype().size(); }
  Array input(double x) const { return full({n()}, x, dtype()); }

  const std::uint64_t base_ = memory_info().bytes_in_use;
};

TEST_P(HighWaterMark, Tutorial) {
  const std::int64_t most_rows = n() < 1'000'000 ? 500 : 1000;
  for (const std::int64_t rows : {most_rows, std::int64_t{40}}) {
    const Array a = input(0.5).reshape({rows, n() / rows});
    expect_lean_on_any_threads(base_, bytes_of(a) + bytes(), tutorial, a);
  }
  if (dtype() != f64) return;
  const Array integers = full({most_rows, n() / most_rows}, 3);
  expect_lean_on_any_threads(base_, bytes_of(integers) + bytes(), tutorial, integers);
}

TEST_P(HighWaterMark, Chain6) {
  const Array a = input(1), b = input(2), c = input(3), d = input(4);
  expect_lean_on_any_threads(base_, 4 * bytes() + bytes(), bench::kernels::chain6, a, b, c, d);
}

TEST_P(HighWaterMark, Chain6OfStatements) {
  const Array x = input(1), y = input(2);
  expect_lean_on_any_threads(base_, 2 * bytes() + bytes(), chain6, x, y);
}

TEST_P(HighWaterMark, BlackScholes) {
  const Array spot = input(100), strike = input(95), years = input(1.5);
  expect_lean_on_any_threads(base_, 3 * bytes() + 2 * bytes(), bench::kernels::black_scholes, spot, strike, years, 0.02,
                             0.3);
  expect_lean_on_any_threads(base_, 3 * bytes() + 2 * bytes(), black_scholes_arrays, spot, strike, years, 0.02, 0.3);
  const auto [call, put] = black_scholes_arrays(spot, strike, years, 0.02, 0.3);
  const auto [call_loop, put_loop] = bench::kernels::black_scholes(spot, strike, years, 0.02, 0.3);
  EXPECT_TRUE(array_equal(call, call_loop).as_bool());
  EXPECT_TRUE(array_equal(put, put_loop).as_bool());
}

INSTANTIATE_TEST_SUITE_P(Sizes, HighWaterMark,
                         testing::Combine(testing::Values(400'000, 1'000'000, 10'000'000), testing::Values(f32, f64)),
                         [](const auto& p) {
                           return std::string(std::get<1>(p.param).name()) + "_" + std::to_string(std::get<0>(p.param));
                         });

// Right after a launch left a larger block free, too.
TEST(HighWaterMarks, OfShrinkingArrays) {
  const std::uint64_t base = memory_info().bytes_in_use;
  for (std::int64_t n = 3'000'000; n > 100'000; n = n * 9 / 10) {
    const Array x = ones({n}), y = ones({n});
    const std::uint64_t bytes = 3 * bytes_of(x);
    reset_high_water_mark();
    chain6(x, y);
    EXPECT_LE(memory_info().high_water_mark, base + bytes + mebibyte) << n;
  }
}

// ---- Pages ----------------------------------------------------------------------------------------------------------

// Lines of executable memory that is no file's and not the kernel's.
std::string mappings_of_code() {
  std::ifstream maps("/proc/self/maps");
  std::string all;
  for (std::string line; std::getline(maps, line);)
    if (line.find("-xp ") != std::string::npos && line.find('/') == std::string::npos &&
        line.find('[') == std::string::npos)
      all += line + "\n";
  return all;
}

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

// Nor is for a moment, while code is made, moved into place and released on several threads.
TEST(Pages, NoneEverIsWritableAndExecutable) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer has mmap";
  static const auto f = jit([](Array a, int n) { return sum(sin(a) * n) + n; });
  const std::uint64_t executable = test::executable_requests();
  const std::string maps_before = mappings_of_code();
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([k] {
      const Array a = ones({1000});
      for (int n = 0; n < 8; ++n) {
        (void)f(a, 8 * k + n);
        if (n == 4) f.release_specializations();
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_GE(test::executable_requests() - executable, 32u) << "the count does not see Kiln's mprotect";
  EXPECT_EQ(test::writable_executable_requests(), 0u);
  // Code lies in memory of no file, which nothing else maps: there is no second, writable view of it.
  EXPECT_NE(mappings_of_code(), maps_before);
  f.release_specializations();
}

}  // namespace
}  // namespace kiln
