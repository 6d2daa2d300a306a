// The GPU's memory: trimmed and asked again, an error with what is alive, nothing kept that is free.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <cuda.h>
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

// A kernel's threads may need more local memory than is free: what is kept is given back first.
TEST_F(OfTheGpu, ALaunchWithoutMemoryIsTriedAgain) {
  const Array a = ones({1000}), other = ones({50});
  auto* const fail_with = test::control<decltype(kiln_simulated_fail)>("kiln_simulated_fail");
  for (const kiln_simulated_fault fault : {kiln_simulated_fault_launch, kiln_simulated_fault_module}) {
    auto f = jit([](Array x) { return x + 2.0; });
    f.release_specializations();
    add_one.on(cuda())(other);  // whose result's memory is kept
    const kiln_simulated_counts before = counts();
    fail_with(fault, 1, CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(f.on(cuda())(a)(0).as_double(), 3);
    EXPECT_EQ(counts().launches, before.launches + 1);
    EXPECT_GT(counts().frees, before.frees);
    fail(fault, 0);
  }
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

// The memory of results and of partial sums is that of the call before.
TEST_F(OfTheGpu, AWarmCallAsksTheDriverForNone) {
  const auto f = jit([](Array a) { return std::tuple(a * 2.0, sum(a)); });
  const Array a = ones({1000});
  for (int k = 0; k < 2; ++k) f.on(cuda())(a);
  const kiln_simulated_counts before = counts();
  for (int k = 0; k < 5; ++k) f.on(cuda())(a);
  EXPECT_EQ(counts().allocations, before.allocations);
  EXPECT_EQ(counts().frees, before.frees);
}

TEST_F(OfTheGpu, WhatIsKeptIsLimited) {
  trim_memory(cuda());
  const kiln_simulated_counts before = counts();
  for (std::int64_t k = 1; k <= 300; ++k) add_one.on(cuda())(ones({k}));
  synchronize(cuda());  // frees are work of a stream, too
  EXPECT_LE(counts().live_allocations, before.live_allocations + 64);
  for (std::int64_t k = 0; k < 30; ++k) add_one.on(cuda())(ones({1'000'000 + k}));  // 8 MB each
  synchronize(cuda());
  EXPECT_LE(counts().live_bytes, before.live_bytes + (64 << 20));
  EXPECT_GE(counts().live_bytes, before.live_bytes + (48 << 20));
  add_one.on(cuda())(ones({10'000'000}));  // larger than all that may be kept
  synchronize(cuda());
  EXPECT_LE(counts().live_bytes, before.live_bytes + (64 << 20));
  trim_memory(cuda());
  EXPECT_EQ(counts().live_bytes, before.live_bytes);
}

// The kernels queued on one stream still write what another one would be given.
TEST_F(OfTheGpu, WhatIsKeptStaysOnItsStream) {
  const Stream first, second;
  const Array a = ones({5000});
  prefetch(a, cuda());
  synchronize(cuda());
  for (int k = 0; k < 10; ++k) {
    const Array b = with_stream(first, [&] { return add_one.on(cuda())(a); });
    const Array c = with_stream(second, [&] {
      add_one.on(cuda())(b);  // dropped at once
      return add_one.on(cuda())(b);
    });
    with_stream(first, [&] { add_one.on(cuda())(c); });
    EXPECT_EQ(c(4999).as_double(), 3);
    EXPECT_EQ(b(0).as_double(), 2);
  }
}

// Its user may destroy it: what it kept is given back before.
TEST_F(OfTheGpu, AStreamThatWasBorrowedKeepsNothing) {
  trim_memory(cuda());
  const kiln_simulated_counts before = counts();
  const Array a = ones({1000});
  {
    const Stream own;
    const Stream borrowed = Stream::borrow(own.handle());
    with_stream(borrowed, [&] { add_one.on(cuda())(add_one.on(cuda())(a)); });
  }
  synchronize(cuda());
  EXPECT_EQ(counts().live_allocations, before.live_allocations + 1);  // a's
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
  trim_memory(cuda());
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
    trim_memory(cuda());
    EXPECT_EQ(counts().live_bytes, before.live_bytes) << more << " more bytes";
    if (!failed) break;
  }
  EXPECT_GE(failures, 4);
}

}  // namespace
}  // namespace kiln
