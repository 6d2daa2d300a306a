// Arrays of more elements than 32 bits count, and of more bytes: on a real GPU; on the simulated one the same calls on
// a few thousand.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>

namespace kiln {
namespace {

constexpr std::int64_t beyond_32_bits = (std::int64_t{1} << 32) + 1003, beyond_31_bits = (std::int64_t{1} << 31) + 1003;

class Large : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cuda().available()) << cuda().description(); }

  static std::int64_t size(std::int64_t real) { return test::is_simulated() ? real % 100'000 + 3000 : real; }
  /// Whether the GPU, and the host, have so many bytes to spare.
  static bool fits(std::int64_t on_gpu, std::int64_t on_host) {
    if (test::is_simulated()) return true;
    return on_gpu < cuda().memory_bytes() / 10 * 8 && on_host < cpu().memory_bytes() / 10 * 6;
  }
};

#define KILN_NEEDS_MEMORY(on_gpu, on_host) \
  if (!fits(on_gpu, on_host)) GTEST_SKIP() << "the memory is too small"

/// The sum of i % period for i below n.
std::int64_t sum_of_remainders(std::int64_t n, std::int64_t period) {
  const std::int64_t rest = n % period;
  return n / period * (period * (period - 1) / 2) + rest * (rest - 1) / 2;
}

const auto remainders = jit([](Value n) {
  Array a = empty({n}, u8);
  for (Value i : prange(n)) a(i) = u8(i % 251);
  return a;
});
const auto element = jit([](Array a, Value k) { return i64(a(k)); });
const auto total = jit([](Array a) { return i64(sum(a)); });
std::int64_t element_of(const Array& a, std::int64_t k) { return std::int64_t(element.on(cuda())(a, k)); }
std::int64_t total_of(const Array& a) { return std::int64_t(total.on(cuda())(a)); }

TEST_F(Large, ElementsBeyond32Bits) {
  const std::int64_t n = size(beyond_32_bits);
  KILN_NEEDS_MEMORY(2 * n, 0);
  const Array a = remainders.on(cuda())(n);
  EXPECT_EQ(total_of(a), sum_of_remainders(n, 251));
  for (const std::int64_t k : {std::int64_t{0}, n / 2, n - 1}) EXPECT_EQ(element_of(a, k), k % 251) << k;
  EXPECT_EQ(total_of(a(slice(1003, _))), sum_of_remainders(n, 251) - sum_of_remainders(1003, 251));
}

TEST_F(Large, BytesBeyond32Bits) {
  const std::int64_t n = size(beyond_31_bits);
  KILN_NEEDS_MEMORY(8 * n, 0);
  const auto make = jit([](Value count) {
    Array a = empty({count}, i32);
    for (Value i : prange(count)) a(i) = i32(i % 1'000'003);
    return a;
  });
  const auto twice = jit([](Array a) { a(rest) = a * 2 + 1; });
  const Array a = make.on(cuda())(n);
  twice.on(cuda())(a);
  EXPECT_EQ(total_of(a), 2 * sum_of_remainders(n, 1'000'003) + n);
  EXPECT_EQ(element_of(a, n - 1), 2 * ((n - 1) % 1'000'003) + 1);
}

// Rows and columns of more elements than 32 bits count together: what the CPU gives.
TEST_F(Large, SumsAlongEachAxis) {
  const std::int64_t rows = test::is_simulated() ? 120 : 65'553, columns = test::is_simulated() ? 77 : 65'537;
  KILN_NEEDS_MEMORY(2 * rows * columns, 2 * rows * columns);
  const auto sums = jit([](Value m, Value n) {
    Array a = empty({m, n}, u8);
    for (auto [i, j] : prange(m, n)) a(i, j) = u8((i * 7 + j) % 253);
    return std::tuple(sum(a, {.axis = 0}), sum(a, {.axis = 1}));
  });
  const auto [columns_on_cpu, rows_on_cpu] = sums(rows, columns);
  const auto [columns_on_gpu, rows_on_gpu] = sums.on(cuda())(rows, columns);
  EXPECT_EQ(array_equal(columns_on_gpu, columns_on_cpu).as_double(), 1);
  EXPECT_EQ(array_equal(rows_on_gpu, rows_on_cpu).as_double(), 1);
}

// More than half of the memory twice, then in pieces of another size: what is free is trimmed, or the error says so.
TEST_F(Large, MemoryThatIsFullAndFreeAgain) {
  if (test::is_simulated()) GTEST_SKIP() << "memory_test.cpp has this there, on less";
  const auto begun = jit([](Value n) {
    Array a = empty({n}, u8);
    a(0) = u8(7);
    return a;
  });
  const std::int64_t tenth = cuda().memory_bytes() / 10;
  {
    const Array most = begun.on(cuda())(6 * tenth);
    try {
      begun.on(cuda())(6 * tenth);
      FAIL() << "twelve tenths of the memory";
    } catch (const RuntimeError& e) {
      EXPECT_NE(std::string(e.what()).find("memory"), std::string::npos) << e.what();
    }
    EXPECT_EQ(element_of(most, 0), 7);
  }
  for (const int tenths : {2, 5, 3, 6}) EXPECT_EQ(element_of(begun.on(cuda())(tenths * tenth), 0), 7) << tenths;
}

}  // namespace
}  // namespace kiln
