// Calls on a GPU, a real one or the simulated one, through the public API: arrays valid where they are read, errors,
// memory.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace kiln {
namespace {

using test::counts;
using test::fail;

class OnGpu : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cuda().available()) << cuda().description(); }
  void TearDown() override {
    fail(kiln_simulated_fault_allocation, 0);
    fail(kiln_simulated_fault_launch, 0);
  }
};

std::vector<double> numbers(const Array& a) {
  const Array c = a.copy();
  const auto all = c.read<double>();
  return {all.begin(), all.end()};
}

TEST_F(OnGpu, DevicesAreNamed) {
  EXPECT_STREQ(cpu().name().c_str(), "cpu");
  EXPECT_STREQ(cuda().name().c_str(), "cuda:0");
  EXPECT_STREQ(cuda(3).name().c_str(), "cuda:3");
  ASSERT_GE(devices().size(), 2u);
  EXPECT_EQ(devices()[1], cuda());
  EXPECT_NE(std::string(cuda().description().c_str()).find(test::is_simulated() ? "sm_90" : "sm_"), std::string::npos);
  EXPECT_GT(cuda().memory_bytes(), 0);
  EXPECT_GT(cpu().memory_bytes(), 0);
  EXPECT_FALSE(cuda(99).available());
  const std::string absent = devices().size() == 2 ? "there is 1 GPU" : "there are ";
  EXPECT_EQ(std::string(cuda(99).description().c_str()).find(absent), 0u) << cuda(99).description();
}

TEST_F(OnGpu, ADeviceThatIsNotThereIsAnError) {
  const auto f = jit([](Array a) { return a + 1.0; });
  try {
    f.on(cuda(99))(ones({3}));
    FAIL();
  } catch (const RuntimeError& e) {
    EXPECT_NE(std::string(e.what()).find("cuda:99 is not there: there "), std::string::npos) << e.what();
    EXPECT_NE(e.line(), 0);
  }
}

TEST_F(OnGpu, ResultsAreReadOnTheHostAndUsedOnEither) {
  const auto twice = jit([](Array a) { return a * 2.0; });
  const Array a = arange(1000).astype(f64);
  const Array b = twice.on(cuda())(a);
  EXPECT_STREQ(last_call().device, "cuda:0");
  const Array c = twice(b);  // on the CPU, of what the GPU made
  EXPECT_STREQ(last_call().device, "cpu");
  const Array d = twice.on(cuda())(c);
  EXPECT_EQ(d(999).as_double(), 8.0 * 999);
  EXPECT_EQ(numbers(b)[10], 20);
}

// An operand that the GPU has is not copied again; a result that nobody reads is not copied back.
TEST_F(OnGpu, BytesMoveOnlyWhereTheyAreStale) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const auto add = jit([](Array a, Array b) { return a + b; });
  const Array a = ones({1000}), b = ones({1000});
  add.on(cuda())(a, b);
  const kiln_simulated_counts before = counts();
  Array c = add.on(cuda())(a, b);
  for (int k = 0; k < 5; ++k) c = add.on(cuda())(c, b);
  EXPECT_EQ(counts().copies_to_device, before.copies_to_device);
  EXPECT_EQ(counts().copies_to_host, before.copies_to_host);
  EXPECT_EQ(c(0).as_double(), 7);
  EXPECT_EQ(counts().copies_to_host, before.copies_to_host + 1);
  EXPECT_EQ(c(1).as_double(), 7);
  EXPECT_EQ(counts().copies_to_host, before.copies_to_host + 1);
}

TEST_F(OnGpu, WritesOfOneSideAreSeenByTheOther) {
  const auto increment = jit([](Array a) {
    for (Value i : prange(a.size())) a(i) += 1.0;
  });
  Array a = zeros({100});
  increment.on(cuda())(a);
  increment(a);
  increment.on(cuda())(a);
  EXPECT_EQ(a(5).as_double(), 3);
  a(5) = 10.0;  // an element, by the host
  increment.on(cuda())(a);
  EXPECT_EQ(a(5).as_double(), 11);
  EXPECT_EQ(a(6).as_double(), 4);
  a(slice(0, 3)) = 20.0;  // a view, by the host
  increment.on(cuda())(a);
  EXPECT_EQ(numbers(a(slice(0, 4))), (std::vector<double>{21, 21, 21, 5}));
  a.write<double>()[7] = 1;
  increment.on(cuda())(a);
  EXPECT_EQ(a.read<double>()[7], 2);
}

TEST_F(OnGpu, ViewsAreTheirArraysElements) {
  const auto scale = jit([](Array a) { a(rest) = a * 3.0; });
  Array a = ones({10, 10});
  scale.on(cuda())(a(slice(2, 8, 2), slice(1, _)));
  scale.on(cuda())(a.T());
  EXPECT_EQ(a(2, 1).as_double(), 9);
  EXPECT_EQ(a(2, 0).as_double(), 3);
  EXPECT_EQ(a(3, 1).as_double(), 3);
}

TEST_F(OnGpu, EagerOperationsFollowTheScope) {
  const Array a = ones({100});
  {
    const DeviceScope scope(cuda());
    EXPECT_EQ(default_device(), cuda());
    const Array b = a + a;
    EXPECT_STREQ(last_call().device, "cuda:0");
    EXPECT_EQ(b(3).as_double(), 2);
    std::thread([] { EXPECT_EQ(default_device(), cpu()); }).join();
  }
  EXPECT_EQ(default_device(), cpu());
  const auto told = [&] { return std::pair(Array(a * 3), std::string(last_call().device)); };
  EXPECT_EQ(with_device(cuda(), told).second, "cuda:0");
  EXPECT_EQ(with_device(cuda(), told).first(99).as_double(), 3);
  EXPECT_THROW(with_device(cuda(99), [&] { return a + a; }), RuntimeError);
  EXPECT_EQ(default_device(), cpu());
  const Array c = a + a;
  EXPECT_STREQ(last_call().device, "cpu");
  set_default_device(cuda());
  std::thread([] { EXPECT_EQ(default_device(), cuda()); }).join();
  set_default_device(cpu());
}

TEST_F(OnGpu, OneSpecializationForEachDevice) {
  const auto f = jit([](Array a) { return a - 1.0; });
  const Array a = ones({4});
  f(a);
  f.on(cuda())(a);
  f.on(cuda())(a);
  f(a);
  EXPECT_EQ(f.specializations().size(), 2);
}

TEST_F(OnGpu, AnIndexOutsideItsArrayIsTold) {
  const auto gather = jit([](Array a, Array at) {
    Array out = empty({at.size()}, a.dtype());
    for (Value i : prange(at.size())) out(i) = a(at(i));
    return out;
  });
  const Array a = ones({10}), at = arange(1000) % 10;
  const auto checked = gather.with({.bounds_check = true, .device = cuda()});
  EXPECT_EQ(checked(a, at)(500).as_double(), 1);
  at(700) = 10;
  at(300) = 25;
  std::string on_cpu, on_gpu;
  try {
    gather.with({.bounds_check = true})(a, at);
  } catch (const IndexError& e) {
    on_cpu = e.what();
  }
  try {
    checked(a, at);
  } catch (const IndexError& e) {
    on_gpu = e.what();
  }
  EXPECT_EQ(on_gpu, on_cpu);
  EXPECT_NE(on_gpu.find("25"), std::string::npos);  // the first of them
  EXPECT_EQ((a + a)(0).as_double(), 2);             // the context lives
  const DeviceScope scope(cuda());
  EXPECT_EQ((a + a)(0).as_double(), 2);
}

TEST_F(OnGpu, NoMemoryIsAnErrorAndTheNextCallWorks) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const auto f = jit([](Array a) { return sum(a) + a; });
  const Array a = ones({5000});
  EXPECT_EQ(f.on(cuda())(a)(0).as_double(), 5001);
  const std::uint64_t live = counts().live_bytes;
  for (unsigned long long k = 1; k < 12; ++k) {
    // Both the first attempt and the one after trimming fail.
    fail(kiln_simulated_fault_allocation, k);
    try {
      EXPECT_EQ(f.on(cuda())(a)(0).as_double(), 5001);
    } catch (const RuntimeError& e) {
      EXPECT_NE(std::string(e.what()).find("memory"), std::string::npos) << e.what();
    }
  }
  fail(kiln_simulated_fault_allocation, 0);
  EXPECT_EQ(f.on(cuda())(a)(0).as_double(), 5001);
  EXPECT_EQ(counts().live_bytes, live);
}

TEST_F(OnGpu, ALaunchThatFailsIsAnError) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const auto f = jit([](Array a) { return a * 5.0; });
  const Array a = ones({50});
  f.on(cuda())(a);
  fail(kiln_simulated_fault_launch, 1);
  EXPECT_THROW(f.on(cuda())(a), RuntimeError);
  EXPECT_EQ(f.on(cuda())(a)(0).as_double(), 5);
}

TEST_F(OnGpu, CodeIsReleasedAfterItsKernelsHaveRun) {
  const auto f = jit([](Array a) { return a * 7.0; });
  const Array a = ones({5000});
  const Array b = f.on(cuda())(a);
  f.release_specializations();
  EXPECT_EQ(b(4999).as_double(), 7);
  EXPECT_EQ(f.on(cuda())(b)(0).as_double(), 49);
}

TEST_F(OnGpu, ThreadsCallAtOnce) {
  static const auto f = jit([](Array a) { return sum(a * 2.0); });
  std::vector<std::thread> threads;
  for (int k = 0; k < 6; ++k)
    threads.emplace_back([k] {
      const Array a = full({1000}, static_cast<double>(k));
      for (int n = 0; n < 5; ++n) EXPECT_EQ(f.on(cuda())(a).as_double(), 2000.0 * k);
    });
  for (std::thread& t : threads) t.join();
}

TEST_F(OnGpu, AWarmCallLaunchesOnceAndDoesNothingElse) {
  const auto f = jit([](Array x, Array y, Array z, Array w) { return x + y * z - w; }).on(cuda());
  const Array x = arange(1000).astype(f32), y = x + 1, z = x + 2, w = x + 3;
  f(x, y, z, w);
  const kiln_simulated_counts before = counts();
  const Array result = f(x, y, z, w);
  EXPECT_EQ(counts().launches, before.launches + 1);
  EXPECT_EQ(counts().allocations, before.allocations);
  EXPECT_EQ(counts().frees, before.frees);
  EXPECT_EQ(counts().events_recorded, before.events_recorded);
  EXPECT_EQ(counts().copies_to_device, before.copies_to_device);
  EXPECT_EQ(counts().copies_to_host, before.copies_to_host);
}

TEST_F(OnGpu, TheGeneratedCodeCanBeSeen) {
  const auto f = jit([](Array a) { return sqrt(a); });
  f.on(cuda())(ones({8}));
  EXPECT_NE(std::string(f.inspect("cuda").c_str()).find("KILN_KERNEL"), std::string::npos);
  EXPECT_NE(std::string(f.inspect("resources").c_str()).find("kiln_0: "), std::string::npos);
  EXPECT_NE(std::string(f.inspect("resources").c_str()).find(" registers, 0 local bytes, "), std::string::npos);
  EXPECT_THROW(f.inspect("llvm"), UsageError);
  f(ones({8}));
  EXPECT_THROW(f.inspect("cuda"), UsageError);
}

}  // namespace
}  // namespace kiln
