// Faults injected into the simulated driver at the first, second, … call of a program until it runs without one: each
// is an error, nothing leaks, and the call after it is right.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiln {
namespace {

using test::counts;
using test::fail;

std::vector<double> numbers(const Array& a) {
  const Array c = a.copy();
  const auto all = c.read<double>();
  return {all.begin(), all.end()};
}

class Failures : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::is_simulated()) GTEST_SKIP() << "faults need the simulated driver";
    ASSERT_TRUE(cuda().available()) << cuda().description();
  }
  void TearDown() override {
    for (int k = 0; test::is_simulated() && k < kiln_simulated_fault_count; ++k)
      fail(static_cast<kiln_simulated_fault>(k), 0);
  }

  // Calls `run` with the driver's kth call of a kind failing, for each that it makes; `run` returns its numbers, and
  // holds no memory when it is left. Returns how many of them were errors.
  template <class Run>
  static int at_every_call(kiln_simulated_fault fault, unsigned long long (*calls)(const kiln_simulated_counts&),
                           Run&& run) {
    run();  // compiles, and makes what stays
    trim_memory(cuda());
    const auto before = counts();
    const std::vector<double> wanted = run();
    const unsigned long long made = calls(counts()) - calls(before);
    EXPECT_GT(made, 0u);
    int errors = 0;
    for (unsigned long long k = 1; k <= made; ++k) {
      SCOPED_TRACE("the call that fails is number " + std::to_string(k) + " of " + std::to_string(made));
      trim_memory(cuda());
      fail(fault, k);
      try {
        EXPECT_EQ(run(), wanted);
      } catch (const RuntimeError& e) {
        ++errors;
        EXPECT_NE(std::string(e.what()).find("CUDA_ERROR_"), std::string::npos) << e.what();
        EXPECT_NE(e.line(), 0u) << e.what();
      }
      fail(fault, 0);
      EXPECT_EQ(run(), wanted) << "after the failure";
      trim_memory(cuda());
      EXPECT_EQ(counts().live_bytes, before.live_bytes);
      EXPECT_EQ(counts().live_allocations, before.live_allocations);
      if (testing::Test::HasFailure()) break;
    }
    return errors;
  }
};

// Temporaries, results, slots of scalars, partial sums, a loop of the host's.
std::vector<double> program() {
  static const auto f = jit([](Array a, Array b) {
    Array c = a * b + 1.0;
    Var total = 0.0;
    for (Value t : range(3)) {
      c(rest) = cumsum(c * 0.5) + t;
      total += sum(c);
    }
    return std::tuple(c, Array(a(slice(_, _, -1)) + total), Value(total));
  });
  const Array a = arange(3000) * 0.25, b = arange(3000) * 0.5;
  const auto [c, d, total] = f.on(cuda())(a, b);
  const Array twice = (c + d).copy();
  std::vector<double> all = numbers(twice);
  all.push_back(total.as_double());
  return all;
}

// A failed allocation is tried again once memory that nothing uses is given back: of one failure there need be no
// error.
TEST_F(Failures, OfEveryAllocation) {
  at_every_call(kiln_simulated_fault_allocation, [](const auto& c) { return c.allocations; }, program);
}

TEST_F(Failures, OfEveryLaunch) {
  EXPECT_GE(at_every_call(kiln_simulated_fault_launch, [](const auto& c) { return c.launches; }, program), 5);
}

TEST_F(Failures, OfEveryCopy) {
  const auto copies = [](const kiln_simulated_counts& c) {
    return c.copies_to_device + c.copies_to_host + c.copies_on_device + c.memsets;
  };
  EXPECT_GE(at_every_call(kiln_simulated_fault_copy, copies, program), 2);
}

// Bytes that wrap around are not taken for few.
TEST_F(Failures, AnArrayOfAnIterationBeyondEveryMemory) {
  static const auto f = jit([](Value n, Array out) {
    for (Value i : prange(out.shape(0))) {
      const Array row = zeros({n, n});
      row(0, i) = i;
      row(i, 0) += 1;
      out(i) = sum(row);
    }
  });
  EXPECT_THROW(f.on(cuda())(std::int64_t{1} << 50, zeros(8)), RuntimeError);
  EXPECT_EQ(program(), program());
  const Array out = zeros(8);
  f.on(cuda())(9, out);
  EXPECT_EQ(numbers(out), (std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8}));
}

}  // namespace
}  // namespace kiln
