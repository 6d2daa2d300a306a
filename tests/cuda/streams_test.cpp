// Streams: calls on several of them see each other's results in order, with as few events as that takes.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <cuda.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kiln {
namespace {

using test::counts;

const auto add_one = jit([](Array a) { return a + 1.0; });
const auto increment = jit([](Array a) {
  for (Value i : prange(a.size())) a(i) += 1.0;
});

TEST(Streams, ACallGoesToTheThreadsCurrentStream) {
  const Stream stream;
  EXPECT_EQ(stream.device(), cuda());
  EXPECT_NE(stream.handle(), nullptr);
  EXPECT_FALSE(current_stream() == stream);
  with_stream(stream, [&] {
    EXPECT_TRUE(current_stream() == stream);
    const Stream inner;
    {
      const StreamScope scope(inner);
      EXPECT_TRUE(current_stream() == inner);
      std::thread([&] { EXPECT_FALSE(current_stream() == inner); }).join();
    }
    EXPECT_TRUE(current_stream() == stream);
    const Array b = add_one.on(cuda())(ones({100}));
    EXPECT_EQ(b(7).as_double(), 2);
  });
  EXPECT_FALSE(current_stream() == stream);
}

TEST(Streams, TheCpuHasNone) {
  try {
    const Stream stream(cpu());
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("a stream of cpu"), std::string::npos) << e.what();
    EXPECT_NE(e.line(), 0u);
  }
  EXPECT_THROW(current_stream(cpu()), UsageError);
  EXPECT_THROW(Stream(cuda(99)), RuntimeError);
  EXPECT_NO_THROW(synchronize(cpu()));
}

TEST(Streams, OneStreamNeedsNoEvents) {
  KILN_NEEDS_SIMULATED_DRIVER();
  Array a = add_one.on(cuda())(ones({100}));
  const kiln_simulated_counts before = counts();
  for (int k = 0; k < 5; ++k) a = add_one.on(cuda())(a);
  increment.on(cuda())(a);
  EXPECT_EQ(counts().events_recorded, before.events_recorded);
  EXPECT_EQ(counts().waits, before.waits);
  EXPECT_EQ(counts().synchronizations, before.synchronizations);
  EXPECT_EQ(a(3).as_double(), 8);
}

TEST(Streams, AnArrayOfAnotherStreamIsWaitedForOnce) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const Stream first, second;
  const Array a = with_stream(first, [] { return add_one.on(cuda())(ones({100})); });
  const kiln_simulated_counts before = counts();
  const Array b = with_stream(second, [&] { return add_one.on(cuda())(a); });
  EXPECT_EQ(counts().waits, before.waits + 1);
  const Array c = with_stream(second, [&] { return add_one.on(cuda())(a); });  // it has waited
  EXPECT_EQ(counts().waits, before.waits + 1);
  EXPECT_EQ(counts().synchronizations, before.synchronizations);
  EXPECT_EQ(b(0).as_double(), 3);
  EXPECT_EQ(c(99).as_double(), 3);
}

// Streams of the simulated driver run as late as they can: a write before a read that was queued earlier would show.
TEST(Streams, AWriteComesAfterTheReadsOfOtherStreams) {
  const Stream first, second, third;
  const Array a = with_stream(first, [] { return add_one.on(cuda())(zeros({1000})); });
  const Array b = with_stream(second, [&] { return add_one.on(cuda())(a); });
  const Array c = with_stream(third, [&] { return add_one.on(cuda())(a); });
  with_stream(first, [&] { increment.on(cuda())(a); });
  first.synchronize();
  EXPECT_EQ(a(5).as_double(), 2);
  EXPECT_EQ(b(5).as_double(), 2);
  EXPECT_EQ(c(5).as_double(), 2);
}

// The writer's stream reads it once more, after the other one has waited for it.
TEST(Streams, AWriteComesAfterALaterReadOfTheWriter) {
  const Stream first, second;
  const Array a = with_stream(first, [] { return add_one.on(cuda())(zeros({1000})); });
  const Array b = with_stream(second, [&] { return add_one.on(cuda())(a); });
  const Array c = with_stream(first, [&] { return add_one.on(cuda())(a); });
  with_stream(second, [&] { increment.on(cuda())(a); });
  second.synchronize();
  EXPECT_EQ(c(5).as_double(), 2);
  EXPECT_EQ(b(5).as_double(), 2);
  EXPECT_EQ(a(5).as_double(), 2);
}

TEST(Streams, TheHostWritesWhatAStreamHasRead) {
  const Stream stream;
  const Array a = ones({1000});
  const Array b = with_stream(stream, [&] { return add_one.on(cuda())(a); });
  a(0) = 50.0;
  a.write<double>()[1] = 60;
  EXPECT_EQ(b(0).as_double(), 2);
  EXPECT_EQ(b(1).as_double(), 2);
  const Array c = with_stream(stream, [&] { return add_one.on(cuda())(a); });
  EXPECT_EQ(c(0).as_double(), 51);
  EXPECT_EQ(c(1).as_double(), 61);
}

// Memory that one stream frees while another still reads it.
TEST(Streams, FreedMemoryIsFreeAfterItsReaders) {
  const Stream first, second;
  std::vector<Array> results;
  for (int k = 0; k < 20; ++k) {
    const Array a = with_stream(first, [&] { return add_one.on(cuda())(full({500}, static_cast<double>(k))); });
    results.push_back(with_stream(second, [&] { return add_one.on(cuda())(a); }));
  }
  for (int k = 0; k < 20; ++k) EXPECT_EQ(results[static_cast<std::size_t>(k)](499).as_double(), k + 2);
}

TEST(Streams, AStreamThatIsGoneLeavesItsArrays) {
  std::optional<Array> a;
  {
    const Stream stream;
    a = with_stream(stream, [] { return add_one.on(cuda())(ones({100})); });
  }
  const Stream other;
  EXPECT_EQ(with_stream(other, [&] { return add_one.on(cuda())(*a); })(1).as_double(), 3);
  EXPECT_EQ((*a)(1).as_double(), 2);
}

TEST(Streams, SynchronizeWaitsForAll) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const Stream first, second;
  const Array a = with_stream(first, [] { return add_one.on(cuda())(ones({100})); });
  const Array b = with_stream(second, [] { return add_one.on(cuda())(ones({100})); });
  const Array c = add_one.on(cuda())(ones({100}));
  EXPECT_FALSE(first.idle());
  first.synchronize();
  EXPECT_TRUE(first.idle());
  EXPECT_FALSE(second.idle());
  synchronize(cuda());
  EXPECT_TRUE(second.idle());
  EXPECT_EQ(counts().queued, 0u);
}

// The driver as the program's own CUDA code uses it.
class UsersStream : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(cuda().available());
    ASSERT_EQ(test::driver_function<decltype(cuDevicePrimaryCtxRetain)>("cuDevicePrimaryCtxRetain")(&context, 0), 0);
    ASSERT_EQ(test::driver_function<decltype(cuCtxSetCurrent)>("cuCtxSetCurrent")(context), 0);
    ASSERT_EQ(test::driver_function<decltype(cuStreamCreate)>("cuStreamCreate")(&stream, CU_STREAM_NON_BLOCKING), 0);
  }
  void destroy() { test::driver_function<decltype(cuStreamDestroy)>("cuStreamDestroy_v2")(stream); }
  CUcontext context = nullptr;
  CUstream stream = nullptr;
};

TEST_F(UsersStream, IsBorrowed) {
  std::optional<Array> a;
  {
    const Stream borrowed = Stream::borrow(stream);
    EXPECT_EQ(borrowed.handle(), stream);
    a = with_stream(borrowed, [] { return add_one.on(cuda())(ones({100})); });
    const Array b = add_one.on(cuda())(*a);  // on the GPU's own
    EXPECT_EQ(b(1).as_double(), 3);
  }
  destroy();
  // What was made on it is used on.
  EXPECT_EQ(add_one.on(cuda())(*a)(1).as_double(), 3);
  EXPECT_EQ((*a)(1).as_double(), 2);
  increment.on(cuda())(*a);
  EXPECT_EQ((*a)(1).as_double(), 3);
}

TEST(Streams, ManyThreadsEachWithItsOwn) {
  const Array shared = ones({1000});
  std::vector<std::thread> threads;
  for (int k = 0; k < 6; ++k)
    threads.emplace_back([&shared, k] {
      const Stream stream;
      const StreamScope scope(stream);
      Array a = shared;
      for (int n = 0; n < 10; ++n) a = add_one.on(cuda())(a);
      EXPECT_EQ(a(k).as_double(), 11);
    });
  for (std::thread& t : threads) t.join();
}

TEST(Streams, WhatIsLeftOfBorrowedOnesIsUsedAgain) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const Stream theirs;
  const Array a = ones({100});
  unsigned long long events = 0;
  for (int k = 0; k < 50; ++k) {
    const Stream borrowed = Stream::borrow(theirs.handle());
    const Array b = with_stream(borrowed, [&] { return add_one.on(cuda())(a); });
    EXPECT_EQ(b(3).as_double(), 2);
    if (k == 10) events = counts().live_events;
  }
  EXPECT_LE(counts().live_events, events + 1);
}

// Work on a stream that is gone is among all the work there is.
TEST(Streams, OneThatIsGoneIsWaitedFor) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const Array a = ones({100});
  prefetch(a, cuda());
  const Stream theirs;
  with_stream(Stream::borrow(theirs.handle()), [&] { add_one.on(cuda())(a); });
  synchronize(cuda());
  EXPECT_TRUE(theirs.idle());
}

TEST(Streams, ACallIsNotCaptured) {
  KILN_NEEDS_SIMULATED_DRIVER();
  auto* const capture = test::control<decltype(kiln_simulated_set_capturing)>("kiln_simulated_set_capturing");
  const Stream theirs;
  const Array a = ones({100});
  with_stream(Stream::borrow(theirs.handle()), [&] {
    capture(theirs.handle());
    try {
      add_one.on(cuda())(a);
      ADD_FAILURE();
    } catch (const UsageError& e) {
      EXPECT_NE(std::string(e.what()).find("captured into a CUDA graph"), std::string::npos) << e.what();
      EXPECT_NE(e.line(), 0u);
    }
    capture(nullptr);
    EXPECT_EQ(add_one.on(cuda())(a)(0).as_double(), 2);
  });
}

TEST(Streams, SeveralGpus) {
  if (devices().size() < 3) GTEST_SKIP() << "needs two GPUs";
  const Array a = add_one.on(cuda(0))(ones({100}));
  EXPECT_STREQ(last_call().device, "cuda:0");
  const Array b = add_one.on(cuda(1))(a);
  EXPECT_STREQ(last_call().device, "cuda:1");
  EXPECT_EQ(last_call().copies_to_host, 0);
  EXPECT_EQ(last_call().copies_to_device, 1);
  add_one.on(cuda(0))(a);  // still valid there
  EXPECT_EQ(last_call().copies_to_device, 0);
  increment.on(cuda(1))(a);
  const Array c = add_one.on(cuda(0))(a);
  EXPECT_EQ(last_call().copies_to_device, 1);
  EXPECT_EQ(b(9).as_double(), 3);
  EXPECT_EQ(c(9).as_double(), 4);
  const Stream second(cuda(1));
  with_stream(second, [&] {
    EXPECT_TRUE(current_stream(cuda(1)) == second);
    EXPECT_FALSE(current_stream(cuda(0)) == second);
    EXPECT_EQ(add_one.on(cuda(0))(b)(0).as_double(), 4);
    EXPECT_EQ(add_one.on(cuda(1))(b)(0).as_double(), 4);
  });
}

// A copy between GPUs waits for what writes its source, and what writes the source next, or frees it, for the copy.
TEST(Streams, OfSeveralGpusInOrder) {
  if (devices().size() < 3) GTEST_SKIP() << "needs two GPUs";
  for (int k = 0; k < 10; ++k) {
    Array a = ones({5000});
    increment.on(cuda(0))(a);
    const Array b = add_one.on(cuda(1))(a);
    increment.on(cuda(0))(a);
    Array c = add_one.on(cuda(0))(a);
    const Array d = add_one.on(cuda(1))(c);
    c = Array();
    a = add_one.on(cuda(1))(add_one.on(cuda(0))(a));
    EXPECT_EQ(b(4999).as_double(), 3);
    EXPECT_EQ(d(0).as_double(), 5);
    EXPECT_EQ(a(7).as_double(), 5);
  }
  if (!test::is_simulated()) return;
  const Array a = add_one.on(cuda(0))(ones({1000}));
  const kiln_simulated_counts before = counts();
  const Array b = add_one.on(cuda(1))(a);
  EXPECT_EQ(counts().copies_on_device, before.copies_on_device + 1);
  EXPECT_EQ(counts().synchronizations, before.synchronizations);
  EXPECT_EQ(counts().bytes_to_host, before.bytes_to_host);
  EXPECT_EQ(b(0).as_double(), 3);
}

}  // namespace
}  // namespace kiln
