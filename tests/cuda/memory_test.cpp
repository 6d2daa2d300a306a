// The GPU's memory: trimmed and asked again, an error with what is alive, nothing kept that is free.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace kiln {
namespace {

using test::counts;
using test::fail;

const auto add_one = jit([](Array a) { return a + 1.0; });

class OfTheGpu : public testing::Test {
 protected:
  void SetUp() override { KILN_NEEDS_SIMULATED_DRIVER(); }
  void TearDown() override {
    fail(kiln_simulated_fault_allocation, 0);
    set_memory(std::size_t{8} << 30);
  }
  static void set_memory(std::size_t bytes) {
    if (auto* const set = test::control<decltype(kiln_simulated_set_memory)>("kiln_simulated_set_memory")) set(bytes);
  }
};

TEST_F(OfTheGpu, MemoryIsTrimmedAndAskedAgain) {
  const Array a = ones({1000});
  fail(kiln_simulated_fault_allocation, 1);
  EXPECT_EQ(add_one.on(cuda())(a)(0).as_double(), 2);
}

TEST_F(OfTheGpu, AnErrorTellsWhatIsAlive) {
  const Array kept = ones({300'000}), small = ones({100});
  prefetch(kept, cuda());
  prefetch(small, cuda());
  set_memory(8 << 20);
  std::string error;
  try {
    add_one.on(cuda())(ones({1'000'000}));
    FAIL();
  } catch (const RuntimeError& e) {
    error = e.what();
    EXPECT_NE(e.line(), 0u);
  }
  EXPECT_NE(error.find("no memory for 8000000 bytes on cuda:0, where "), std::string::npos) << error;
  EXPECT_NE(error.find(" bytes there, the largest 2400000, "), std::string::npos) << error;
  EXPECT_NE(error.find("work on fewer elements at a time, or free arrays"), std::string::npos) << error;
  EXPECT_EQ(add_one.on(cuda())(small)(0).as_double(), 2);
  EXPECT_EQ(add_one.on(cuda())(kept)(0).as_double(), 2);
}

// Whichever allocation fails, nothing is lost and nothing is kept.
TEST_F(OfTheGpu, AnyAllocationMayFail) {
  const auto f = jit([](Array a, Array b) {
    Array c = a * b + sum(a);
    Var most = 0.0;
    for (Value i : prange(c.size())) most.max(c(i));
    return std::tuple(c, most, sum(c.reshape({10, 100}), {.axis = 0}));
  });
  const Array a = arange(1000).astype(f64), b = ones({1000});
  const auto [c, most, columns] = f(a, b);
  f.on(cuda())(a, b);
  synchronize(cuda());
  const kiln_simulated_counts before = counts();
  int failures = 0;
  // With ever more memory the call comes ever further.
  for (std::size_t more = 0;; more += 512) {
    ASSERT_LT(more, std::size_t{1} << 20) << "it fails for ever";
    set_memory(before.live_bytes + more);
    bool failed = false;
    try {
      const auto [c2, most2, columns2] = f.on(cuda())(a, b);
      EXPECT_EQ(most2.as_double(), most.as_double());
      EXPECT_TRUE(array_equal(c, c2).as_bool());
      EXPECT_TRUE(array_equal(columns, columns2).as_bool());
    } catch (const RuntimeError& e) {
      failed = true;
      ++failures;
      EXPECT_NE(std::string(e.what()).find("no memory for"), std::string::npos) << e.what();
    }
    set_memory(std::size_t{8} << 30);
    synchronize(cuda());
    EXPECT_EQ(counts().live_bytes, before.live_bytes) << more << " more bytes";
    if (!failed) break;
  }
  EXPECT_GE(failures, 4);
}

}  // namespace
}  // namespace kiln
