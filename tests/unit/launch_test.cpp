// The choice of threads for a loop, from what it is known to have cost: costs are set, never measured.
#include "cpu/launch.h"

#include "cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace kiln::on_cpu {
namespace {

constexpr float nanosecond = 1, microsecond = 1e3f, second = 1e9f;

struct Loop {
  std::int64_t units = 0;
  int meeting = 1;  // each chunk waits until so many threads are in this loop
};

// A compiled function of some loops, the costs known of them, and what its last launch reported.
class LaunchTest : public testing::Test {
 protected:
  ~LaunchTest() override { pool.resize(size_before_); }

  // A pool of so many threads, none of which has started.
  void start_pool(int threads) {
    pool.resize(1);
    pool.resize(threads);
  }

  // What one unit of work costs on one thread.
  void set_cost(float serial_ns, std::size_t loop = 0) { cost(loop).serial = serial_ns; }
  LoopCost::Sample& cost(std::size_t loop = 0) { return costs_.loops[loop].at(loops.at(loop).units); }

  LaunchReport run(LaunchOptions options = {}) {
    visits_.clear();
    for (const Loop& loop : loops) visits_.emplace_back(static_cast<std::size_t>(loop.units));
    for (auto& here : present_)
      for (auto& thread : here) thread = false;
    const RuntimeServices services{nullptr, &allocate_again, nullptr, nullptr, nullptr};
    Frame frame{};
    frame.services = &services;
    frame.owner = this;
    LaunchReport report;
    EXPECT_EQ(launch(&entry, frame, options, costs_, &report), status_ok);
    for (const auto& of_loop : visits_)
      for (const auto& visit : of_loop) EXPECT_EQ(visit, 1);
    return report;
  }

  std::vector<Loop> loops;
  std::int64_t bytes_per_thread = 0;  // what the function takes for each thread before its loops, if anything
  std::int64_t bytes_taken = 0;       // for all of them
  int size_after_taking = 0;          // the pool is given this size then, if any
  ThreadPool& pool = ThreadPool::instance();

 private:
  static constexpr int most_loops = 2, most_threads = 16;

  static std::int32_t entry(Frame* frame) {
    auto& test = *static_cast<LaunchTest*>(frame->owner);
    if (test.bytes_per_thread > 0) frame->services->allocate_per_thread(frame, 0, test.bytes_per_thread);
    if (test.size_after_taking > 0) test.pool.resize(test.size_after_taking);
    for (std::uint32_t k = 0; k < test.loops.size(); ++k)
      frame->services->parallel(frame, k, &body, &k, test.loops[k].units, test.loops[k].units);
    return status_ok;
  }

  static std::byte* allocate_again(Frame* frame, std::uint32_t, std::int64_t bytes) noexcept {
    static_cast<LaunchTest*>(frame->owner)->bytes_taken = bytes;
    return nullptr;
  }

  static void body(Frame* frame, void* captures, std::int64_t first, std::int64_t last, int thread) {
    auto& test = *static_cast<LaunchTest*>(frame->owner);
    const std::uint32_t loop = *static_cast<const std::uint32_t*>(captures);
    for (std::int64_t k = first; k < last; ++k) ++test.visits_[loop][static_cast<std::size_t>(k)];
    test.present_[loop][static_cast<std::size_t>(thread)] = true;
    // Given up only so that a failure ends.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (test.threads_in(loop) < test.loops[loop].meeting && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
  }

  int threads_in(std::uint32_t loop) const {
    int threads = 0;
    for (const auto& thread : present_[loop]) threads += thread;
    return threads;
  }

  const int size_before_ = pool.size();
  LaunchCosts costs_{most_loops};
  std::vector<std::vector<std::atomic<int>>> visits_;
  std::array<std::array<std::atomic<bool>, most_threads>, most_loops> present_{};
};

#define EXPECT_REPORT(report, count, why)   \
  do {                                      \
    const LaunchReport reported = (report); \
    EXPECT_EQ(reported.threads, count);     \
    EXPECT_STREQ(reported.reason, why);     \
  } while (false)

TEST_F(LaunchTest, AFunctionWithoutLoops) { EXPECT_REPORT(run(), 1, "nothing to share among threads"); }

TEST_F(LaunchTest, NoUnits) {
  loops = {{0}};
  EXPECT_REPORT(run(), 1, "nothing to share among threads");
  EXPECT_REPORT(run({3, true}), 1, "nothing to share among threads");
}

TEST_F(LaunchTest, WorkThatPays) {
  start_pool(3);
  loops = {{100, 3}};
  set_cost(second);
  EXPECT_REPORT(run(), 3, "the work pays for them");
  loops = {{100, 2}};
  set_cost(second);
  EXPECT_REPORT(run({2, false}), 2, "the work pays for them");
  // More than there are is as many as there are.
  loops = {{100, 3}};
  set_cost(second);
  EXPECT_REPORT(run({50, false}), 3, "the work pays for them");
}

TEST_F(LaunchTest, AsManyThreadsAsUnits) {
  start_pool(3);
  loops = {{2, 2}};
  set_cost(second);
  EXPECT_REPORT(run(), 2, "the work pays for them");
}

// The first rows of a mandelbrot are its cheapest: taken for the cost of a run they would make one thread look faster.
TEST_F(LaunchTest, TheFirstPartIsNotWhatARunCosts) {
  start_pool(3);
  loops = {{100, 1}};
  cost().first_part = second;
  cost().parallel = 2 * second;
  cost().tries = 4;
  EXPECT_REPORT(run(), 1, "one thread is measured");
  EXPECT_GT(cost().serial.load(), 0);
  loops = {{100, 3}};
  set_cost(3 * second);
  cost().wait = 16;
  EXPECT_REPORT(run(), 3, "the work pays for them");
}

TEST_F(LaunchTest, OneThreadWasAskedFor) {
  start_pool(3);
  loops = {{100}};
  for (const float known : {0.0f, nanosecond, second}) {
    set_cost(known);
    EXPECT_REPORT(run({1, false}), 1, "one thread was asked for");
  }
  pool.resize(1);
  for (const float known : {0.0f, nanosecond, second}) {
    set_cost(known);
    EXPECT_REPORT(run(), 1, "one thread was asked for");
    EXPECT_REPORT(run({3, false}), 1, "one thread was asked for");
  }
}

TEST_F(LaunchTest, OneUnitOfWork) {
  start_pool(3);
  loops = {{1}};
  for (const float known : {0.0f, nanosecond, second}) {
    set_cost(known);
    EXPECT_REPORT(run(), 1, "the loop is one unit of work");
  }
}

TEST_F(LaunchTest, TooLittleWork) {
  start_pool(3);
  loops = {{100}};
  // So short that it is not even timed, except now and then: the reason is the same.
  for (int call = 0; call < 50; ++call) {
    set_cost(nanosecond);
    EXPECT_REPORT(run(), 1, "too little work to share");
  }
  set_cost(40 * nanosecond);
  EXPECT_REPORT(run(), 1, "too little work to share");
}

TEST_F(LaunchTest, TooLittleToWakeAThread) {
  start_pool(3);
  loops = {{100}};
  set_cost(microsecond / 2);
  ASSERT_EQ(pool.awake_workers(), 0);
  EXPECT_REPORT(run(), 1, "too little work to wake a thread");
  // It is worth it for a call right after another.
  loops = {{100, 3}};
  set_cost(microsecond / 2);
  cost().ended = std::numeric_limits<std::int64_t>::max() / 2;
  EXPECT_REPORT(run(), 3, "the work pays for them");
}

TEST_F(LaunchTest, TheFirstCallOfASizeMeasuresIt) {
  start_pool(2);
  loops = {{64}};
  EXPECT_EQ(cost().first_part, 0.0f);
  run();
  EXPECT_GT(cost().first_part, 0.0f);
  // Sizes are told apart.
  loops = {{64 * 64}};
  EXPECT_EQ(cost().first_part, 0.0f);
}

TEST_F(LaunchTest, ABusyPool) {
  start_pool(3);
  struct Other {
    std::atomic<bool> started{false}, finish{false};
  } other;
  std::thread launch([&] {
    pool.run(
        [](void* context, std::int64_t, std::int64_t, int) noexcept {
          auto& o = *static_cast<Other*>(context);
          o.started = true;
          while (!o.finish) std::this_thread::yield();
        },
        &other, 2, 1, 2, true);
  });
  while (!other.started) std::this_thread::yield();
  loops = {{100}};
  set_cost(second);
  EXPECT_REPORT(run(), 1, "the pool was busy with another launch");
  // What it cost meanwhile says nothing about running in parallel.
  EXPECT_EQ(cost().parallel, 0.0f);
  other.finish = true;
  launch.join();
  loops = {{100, 3}};
  set_cost(second);
  EXPECT_REPORT(run(), 3, "the work pays for them");
  EXPECT_GT(cost().parallel, 0.0f);
}

TEST_F(LaunchTest, OneThreadWasFasterBefore) {
  start_pool(3);
  loops = {{100}};
  constexpr const char* reason = "one thread was faster before";
  cost().tries = 1000;
  // Calls until the other kind is tried again. The costs are put back each time: this loop does nothing.
  const auto calls_until_tried = [&](float serial, float parallel, bool in_parallel) {
    for (int call = 0; call < 2000; ++call) {
      set_cost(serial);
      cost().parallel = parallel;
      if ((run().reason != std::string(reason)) != in_parallel) return call;
    }
    return 2000;
  };
  const int first = calls_until_tried(second, 2 * second, false);
  EXPECT_GT(first, 0);
  // Once more would only find threads that sleep: several runs follow one another.
  for (int call = 0; call < 3; ++call) EXPECT_EQ(calls_until_tried(second, 2 * second, false), 0) << call;
  const int next = calls_until_tried(second, 2 * second, false);
  EXPECT_GT(next, first);
  EXPECT_LT(next, 2000);
  // And the other way round: one thread is tried again after many calls in parallel.
  loops = {{100}};
  const int serial_again = calls_until_tried(second, second / 2, true);
  EXPECT_GT(serial_again, 0);
  EXPECT_LT(serial_again, 2000);
}

TEST_F(LaunchTest, ParallelRunsAreTriedSomeTimesBeforeTheyAreJudged) {
  start_pool(2);
  loops = {{100}};
  for (int call = 0; call < 3; ++call) {
    set_cost(second);
    cost().parallel = 2 * second;
    EXPECT_STRNE(run().reason, "one thread was faster before") << call;
  }
}

TEST_F(LaunchTest, ForcedThreadsRunWhateverTheWork) {
  for (const int size : {1, 2, 3}) {
    start_pool(size);
    for (const float known : {0.0f, nanosecond, second})
      for (const int threads : {1, 2, 3, 5}) {
        loops = {{100, threads}};
        set_cost(known);
        EXPECT_REPORT(run({threads, true}), threads, "forced by JitOptions");
      }
    loops = {{100, size}};
    EXPECT_REPORT(run({0, true}), size, "forced by JitOptions");
    loops = {{2, 2}};
    EXPECT_REPORT(run({3, true}), 2, "forced by JitOptions, as far as the loop can be divided");
    EXPECT_EQ(pool.size(), size);
  }
}

TEST_F(LaunchTest, NoLoopRunsOnMoreThreadsThanHaveMemory) {
  bytes_per_thread = 100;
  for (const LaunchOptions options : {LaunchOptions{}, LaunchOptions{5, false}, LaunchOptions{0, true}}) {
    start_pool(2);
    size_after_taking = 4;
    loops = {{100, 2}};
    set_cost(second);
    EXPECT_EQ(run(options).threads, 2);
    EXPECT_EQ(bytes_taken, 2 * bytes_per_thread);
  }
  start_pool(2);
  size_after_taking = 1;
  loops = {{100, 3}};
  EXPECT_EQ(run({3, true}).threads, 3);
  EXPECT_EQ(bytes_taken, 3 * bytes_per_thread);
}

TEST_F(LaunchTest, TheWidestLoopIsReported) {
  start_pool(2);
  for (const bool wide_first : {false, true}) {
    const Loop narrow{100}, wide{100, 2};
    loops = wide_first ? std::vector{wide, narrow} : std::vector{narrow, wide};
    set_cost(nanosecond, wide_first ? 1 : 0);
    set_cost(second, wide_first ? 0 : 1);
    EXPECT_REPORT(run(), 2, "the work pays for them");
  }
  // Of equals, the first.
  loops = {{100}, {1}};
  set_cost(nanosecond, 0);
  EXPECT_REPORT(run(), 1, "too little work to share");
}

}  // namespace
}  // namespace kiln::on_cpu
