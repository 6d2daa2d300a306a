// The thread pool: every item once, at any number of threads, from any thread, through resizes and forks.
#include "cpu/thread_pool.h"

#include <gtest/gtest.h>
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using kiln::on_cpu::ParallelRun;
using kiln::on_cpu::quota_of_process;
using kiln::on_cpu::ThreadPool;
using kiln::on_cpu::usable_processors;

// Counts, for a run, how often each item was visited and what each thread did.
struct Record {
  explicit Record(std::int64_t count, std::int64_t chunk_size)
      : visits(static_cast<std::size_t>(count)), chunk(chunk_size) {}

  std::vector<std::atomic<int>> visits;
  std::int64_t chunk;
  std::array<std::atomic<std::int64_t>, 64> items_of_thread{};
  std::array<std::atomic<bool>, 64> working{};
  std::atomic<bool> malformed{false};

  static void visit(void* context, std::int64_t first, std::int64_t last, int thread) noexcept {
    Record& record = *static_cast<Record*>(context);
    const std::int64_t count = static_cast<std::int64_t>(record.visits.size());
    // No two threads with the same number at the same time, and chunks of the size asked for.
    if (record.working[thread].exchange(true)) record.malformed = true;
    if (first % record.chunk != 0 || (last - first != record.chunk && last != count) || last <= first || last > count)
      record.malformed = true;
    else
      for (std::int64_t i = first; i < last; ++i) record.visits[i].fetch_add(1, std::memory_order_relaxed);
    record.items_of_thread[thread].fetch_add(last - first, std::memory_order_relaxed);
    record.working[thread] = false;
  }

  bool complete() const {
    for (const std::atomic<int>& visit : visits)
      if (visit.load() != 1) return false;
    return !malformed;
  }

  int threads_seen() const {
    int threads = 0;
    for (const auto& items : items_of_thread) threads += items.load() > 0;
    return threads;
  }
};

// Gives every test a pool of the size it wants and puts the size back.
class ThreadPoolTest : public testing::Test {
 protected:
  ThreadPool& pool = ThreadPool::instance();
  int size_before = pool.size();

  ~ThreadPoolTest() override { pool.resize(size_before); }
};

TEST_F(ThreadPoolTest, VisitsEveryItemOnce) {
  for (int size : {1, 2, 3, 5}) {
    pool.resize(size);
    EXPECT_EQ(pool.size(), size);
    for (std::int64_t count : {0, 1, 2, 3, 7, 64, 100, 1001, 20000})
      for (std::int64_t chunk : {1, 2, 3, 7, 64, 1000, 30000})
        for (bool force_all : {false, true}) {
          Record record(count, std::min(chunk, std::max<std::int64_t>(count, 1)));
          const ParallelRun run = pool.run(Record::visit, &record, count, chunk, size, force_all);
          EXPECT_TRUE(record.complete()) << count << " in chunks of " << chunk << " on " << size << " threads";
          EXPECT_EQ(run.threads_that_ran, record.threads_seen());
          EXPECT_LE(run.threads_that_ran, run.threads_started);
          EXPECT_FALSE(run.pool_was_busy);
        }
  }
}

TEST_F(ThreadPoolTest, ForceAllRunsOnAllThreads) {
  for (int size : {2, 3, 5, 16}) {
    pool.resize(size);
    for (int round = 0; round < 50; ++round) {
      if (round % 10 == 9) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // asleep by then
      for (int threads : {1, 2, size}) {
        Record record(100, 1);
        const ParallelRun run = pool.run(Record::visit, &record, 100, 1, threads, true);
        ASSERT_EQ(run.threads_started, threads);
        ASSERT_EQ(run.threads_that_ran, threads);
        ASSERT_EQ(record.threads_seen(), threads);
        ASSERT_TRUE(record.complete());
      }
    }
    Record fewer_chunks(3, 2);
    EXPECT_EQ(pool.run(Record::visit, &fewer_chunks, 3, 2, size, true).threads_that_ran, 2);
    EXPECT_TRUE(fewer_chunks.complete());
  }
}

TEST_F(ThreadPoolTest, ThreadsAtWorkMeet) {
  // Each of five threads waits inside its chunk for the other four: fails to return unless all really run at once.
  pool.resize(5);
  std::atomic<int> arrived{0};
  const ParallelRun run = pool.run(
      [](void* context, std::int64_t, std::int64_t, int) noexcept {
        auto& counter = *static_cast<std::atomic<int>*>(context);
        counter.fetch_add(1);
        while (counter.load() < 5) std::this_thread::yield();
      },
      &arrived, 5, 1, 5, true);
  EXPECT_EQ(run.threads_that_ran, 5);
  EXPECT_EQ(arrived.load(), 5);
}

TEST_F(ThreadPoolTest, CallerDoesNotWaitForWorkersWithoutWork) {
  pool.resize(2);
  Record warm(2, 1);
  pool.run(Record::visit, &warm, 2, 1, 2, true);
  // A job that one chunk finishes must not wait for sleeping workers, and its late guests must do no harm.
  for (int round = 0; round < 200; ++round) {
    Record record(4, 1);
    const ParallelRun run = pool.run(Record::visit, &record, 4, 1, 2);
    ASSERT_TRUE(record.complete());
    ASSERT_EQ(run.threads_that_ran, record.threads_seen());
    if (round % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST_F(ThreadPoolTest, LateWorkersTakeNothingFromTheNextJob) {
  // Crowded, so that workers lose their processor between reading a job and claiming from it, when the next is on.
  pool.resize(12);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  for (std::int64_t round = 0; std::chrono::steady_clock::now() < deadline; ++round) {
    const std::int64_t count = 2 + round * 7 % 23;
    Record record(count, 1);
    const ParallelRun run = pool.run(Record::visit, &record, count, 1, 12);
    ASSERT_TRUE(record.complete()) << "round " << round;
    ASSERT_EQ(run.threads_that_ran, record.threads_seen());
    if (round % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

TEST_F(ThreadPoolTest, HugeCountsAreGrouped) {
  // More chunks than the ticket can count.
  pool.resize(2);
  std::atomic<std::int64_t> items{0};
  const std::int64_t count = (std::int64_t{1} << 26) + 5;
  pool.run(
      [](void* context, std::int64_t first, std::int64_t last, int) noexcept {
        static_cast<std::atomic<std::int64_t>*>(context)->fetch_add(last - first, std::memory_order_relaxed);
      },
      &items, count, 3, 2, true);
  EXPECT_EQ(items.load(), count);
}

TEST_F(ThreadPoolTest, NestedRunsRunAlone) {
  pool.resize(3);
  struct Outer {
    std::atomic<int> inner_complete{0}, inner_busy{0};
  } outer;
  pool.run(
      [](void* context, std::int64_t first, std::int64_t last, int) noexcept {
        Outer& counts = *static_cast<Outer*>(context);
        for (std::int64_t i = first; i < last; ++i) {
          Record record(50, 4);
          const ParallelRun run = ThreadPool::instance().run(Record::visit, &record, 50, 4, 3, true);
          counts.inner_complete += record.complete() && record.threads_seen() == 1;
          counts.inner_busy += run.pool_was_busy && run.threads_started == 1;
        }
      },
      &outer, 40, 1, 3, true);
  EXPECT_EQ(outer.inner_complete, 40);
  EXPECT_EQ(outer.inner_busy, 40);
}

TEST_F(ThreadPoolTest, ManyCallersAtOnceAndResizes) {
  pool.resize(3);
  std::atomic<int> failures{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 3000; ++round) {
        const std::int64_t count = 1 + (round * 37 + caller * 101) % 500;
        Record record(count, 1 + round % 7 > count ? count : 1 + round % 7);
        const ParallelRun run = pool.run(Record::visit, &record, count, record.chunk, 4, round % 5 == 0);
        if (!record.complete() || run.threads_that_ran != record.threads_seen()) ++failures;
      }
    });
  std::thread resizer([&] {
    for (int i = 0; !stop; ++i) {
      pool.resize(1 + i % 5);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  for (std::thread& caller : callers) caller.join();
  stop = true;
  resizer.join();
  EXPECT_EQ(failures, 0);
}

TEST_F(ThreadPoolTest, ResizeInsideAJobTakesEffectAfterIt) {
  pool.resize(2);
  pool.run([](void*, std::int64_t, std::int64_t, int) noexcept { ThreadPool::instance().resize(4); }, nullptr, 8, 1, 2,
           true);
  EXPECT_EQ(pool.size(), 4);
  Record record(100, 1);
  EXPECT_EQ(pool.run(Record::visit, &record, 100, 1, 4, true).threads_that_ran, 4);
}

TEST_F(ThreadPoolTest, MaxThreadsAndSizeAreLimits) {
  pool.resize(3);
  Record record(100, 1);
  EXPECT_EQ(pool.run(Record::visit, &record, 100, 1, 50, true).threads_that_ran, 3);
  pool.resize(0);
  EXPECT_EQ(pool.size(), 1);
  Record alone(100, 1);
  const ParallelRun run = pool.run(Record::visit, &alone, 100, 1, 50, true);
  EXPECT_EQ(run.threads_that_ran, 1);
  EXPECT_FALSE(run.pool_was_busy);
  EXPECT_TRUE(alone.complete());
}

TEST_F(ThreadPoolTest, RunOnIsNotLimitedByTheSize) {
  for (int size : {1, 2, 3}) {
    pool.resize(size);
    for (int threads : {1, 2, 3, 7, 2, 12}) {
      Record record(100, 1);
      const ParallelRun run = pool.run_on(threads, Record::visit, &record, 100, 1);
      EXPECT_EQ(run.threads_that_ran, threads) << "size " << size;
      EXPECT_EQ(record.threads_seen(), threads);
      EXPECT_TRUE(record.complete());
      EXPECT_EQ(pool.size(), size);
    }
    Record few(2, 1);
    EXPECT_EQ(pool.run_on(5, Record::visit, &few, 2, 1).threads_that_ran, 2);
    EXPECT_TRUE(few.complete());
    // What was lent is gone again.
    Record record(100, 1);
    EXPECT_EQ(pool.run(Record::visit, &record, 100, 1, 50, true).threads_that_ran, size);
    EXPECT_TRUE(record.complete());
  }
}

TEST_F(ThreadPoolTest, RunOnWaitsForThePool) {
  pool.resize(2);
  std::atomic<int> short_runs{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 50; ++round) {
        Record record(64, 1);
        if (pool.run_on(2 + caller, Record::visit, &record, 64, 1).threads_that_ran != 2 + caller) ++short_runs;
        if (!record.complete()) ++short_runs;
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(short_runs, 0);
  EXPECT_EQ(pool.size(), 2);
}

TEST_F(ThreadPoolTest, WorkersFallAsleepAndWakeUp) {
  pool.resize(2);
  Record first(2, 1);
  pool.run(Record::visit, &first, 2, 1, 2, true);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (pool.awake_workers() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(pool.awake_workers(), 0);
  EXPECT_FALSE(pool.workers_spinning());
  Record second(2, 1);
  EXPECT_EQ(pool.run(Record::visit, &second, 2, 1, 2, true).threads_that_ran, 2);
}

TEST_F(ThreadPoolTest, WorkersHaveCanonicalStateNamesAndNoSignals) {
  pool.resize(3);
  struct Findings {
    std::array<unsigned, 3> mxcsr{};
    std::array<std::string, 3> names;
    std::array<bool, 3> blocks_interrupt{};
  } findings;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // flush to zero here must not reach workers started from here
  pool.resize(1);
  pool.resize(3);
  pool.run(
      [](void* context, std::int64_t, std::int64_t, int thread) noexcept {
        Findings& found = *static_cast<Findings*>(context);
        found.mxcsr[thread] = _mm_getcsr() & ~0x3fu;
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof name);
        found.names[thread] = name;
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        found.blocks_interrupt[thread] = sigismember(&blocked, SIGINT) == 1 && sigismember(&blocked, SIGSEGV) == 0;
      },
      &findings, 3, 1, 3, true);
  _mm_setcsr(before);
  for (int i : {1, 2}) {
    EXPECT_EQ(findings.mxcsr[i], 0x1F80u);
    EXPECT_TRUE(findings.blocks_interrupt[i]);
  }
  EXPECT_FALSE(findings.blocks_interrupt[0]);
  // The creator names a thread that may be at work already, so look again when it certainly has.
  Record record(3, 1);
  pool.run(
      [](void* context, std::int64_t, std::int64_t, int thread) noexcept {
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof name);
        static_cast<Findings*>(context)->names[thread] = name;
      },
      &findings, 3, 1, 3, true);
  EXPECT_EQ(findings.names[1], "kiln-1");
  EXPECT_EQ(findings.names[2], "kiln-2");
}

#ifndef __SANITIZE_THREAD__  // ThreadSanitizer does not allow threads in a child of a process with threads
TEST_F(ThreadPoolTest, ChildOfForkHasAPoolOfItsOwn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a child made while another thread is in AddressSanitizer's malloc hangs in its own first malloc";
#endif
  pool.resize(3);
  Record warm(10, 1);
  pool.run(Record::visit, &warm, 10, 1, 3, true);
  std::atomic<bool> stop{false};
  std::thread busy([&] {  // forks must not mind a job in flight
    while (!stop) {
      Record record(30, 1);
      pool.run(Record::visit, &record, 30, 1, 3, true);
    }
  });
  for (int round = 0; round < 10; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      Record record(1000, 1);
      const ParallelRun run = ThreadPool::instance().run(Record::visit, &record, 1000, 1, 3, true);
      ThreadPool::instance().resize(2);
      Record again(1000, 1);
      const ParallelRun second = ThreadPool::instance().run(Record::visit, &again, 1000, 1, 3, true);
      _exit(record.complete() && run.threads_that_ran == 3 && again.complete() && second.threads_that_ran == 2 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  busy.join();
  Record record(1000, 1);
  EXPECT_EQ(pool.run(Record::visit, &record, 1000, 1, 3, true).threads_that_ran, 3);
}
#endif

class CgroupTest : public testing::Test {
 protected:
  std::filesystem::path root = std::filesystem::temp_directory_path() / ("kiln-cgroup-" + std::to_string(getpid()));

  CgroupTest() { std::filesystem::create_directories(root); }
  ~CgroupTest() override { std::filesystem::remove_all(root); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text << "\n";
  }
  int processors() const { return usable_processors(root.string(), (root / "self").string()); }
  int quota() const { return quota_of_process(root.string(), (root / "self").string()); }
};

TEST_F(CgroupTest, ProcessorsAreNoMoreThanTheQuota) {
  const int all = usable_processors("/nonexistent", "/nonexistent");
  ASSERT_GE(all, 1);
  write("self", "0::/a");
  EXPECT_EQ(processors(), all);
  write("a/cpu.max", "10000000 1000");
  EXPECT_EQ(processors(), all);
  write("a/cpu.max", "150000 100000");
  EXPECT_EQ(processors(), std::min(all, 2));
  write("a/cpu.max", "50000 100000");
  EXPECT_EQ(processors(), 1);
}

TEST_F(CgroupTest, AQuotaIsRoundedUp) {
  write("self", "0::/a");
  EXPECT_EQ(quota(), 0);
  const struct {
    const char* text;
    int threads;
  } cases[] = {{"max 100000", 0},  {"100000 100000", 1},   {"100001 100000", 2}, {"350000 100000", 4},
               {"1000 100000", 1}, {"8000000 1000000", 8}, {"max", 0},           {"", 0},
               {"0 100000", 0},    {"many 100000", 0}};
  for (const auto& c : cases) {
    write("a/cpu.max", c.text);
    EXPECT_EQ(quota(), c.threads) << c.text;
  }
}

TEST_F(CgroupTest, TheTightestQuotaOfTheAncestorsCounts) {
  write("self", "0::/a/b/c");
  write("a/b/c/cpu.max", "max 100000");
  EXPECT_EQ(quota(), 0);
  write("a/cpu.max", "500000 100000");
  EXPECT_EQ(quota(), 5);
  write("a/b/cpu.max", "300000 100000");
  EXPECT_EQ(quota(), 3);
  write("a/b/c/cpu.max", "400000 100000");
  EXPECT_EQ(quota(), 3);
  write("cpu.max", "200000 100000");  // a container's own root
  EXPECT_EQ(quota(), 2);
  write("a/d/cpu.max", "100000 100000");  // of others
  EXPECT_EQ(quota(), 2);
}

TEST_F(CgroupTest, OfTheRootAndOfGroupsThatCannotBeSeen) {
  write("cpu.max", "600000 100000");
  for (const char* path : {"0::/", "0::/pod/container", "0::/../outside", "0::/with:colon"}) {
    write("self", path);
    EXPECT_EQ(quota(), 6) << path;
  }
  write("with:colon/cpu.max", "400000 100000");
  EXPECT_EQ(quota(), 4);
}

TEST_F(CgroupTest, VersionOne) {
  for (const char* mount : {"cpu", "cpu,cpuacct"}) {
    write("self", "9:name=systemd:/y\n3:cpuset:/y\n2:cpu,cpuacct:/x/y");
    const std::string folder = mount;
    write(folder + "/x/y/cpu.cfs_quota_us", "-1");
    write(folder + "/x/y/cpu.cfs_period_us", "100000");
    write(folder + "/y/cpu.cfs_quota_us", "100000");  // of another hierarchy's path
    write(folder + "/y/cpu.cfs_period_us", "100000");
    EXPECT_EQ(quota(), 0) << mount;
    write(folder + "/x/y/cpu.cfs_quota_us", "330000");
    EXPECT_EQ(quota(), 4) << mount;
    write(folder + "/x/cpu.cfs_quota_us", "150000");
    write(folder + "/x/cpu.cfs_period_us", "50000");
    EXPECT_EQ(quota(), 3) << mount;
    write("self", "2:cpuset,cpuacct:/x/y");  // its path says nothing about the quota
    EXPECT_EQ(quota(), 0) << mount;
    std::filesystem::remove_all(root / mount);
  }
}

TEST_F(CgroupTest, BothVersionsSideBySide) {
  write("self", "1:cpu:/x\n0::/y");
  write("cpu/x/cpu.cfs_quota_us", "700000");
  write("cpu/x/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), 7);
  write("unified/y/cpu.max", "500000 100000");
  EXPECT_EQ(quota(), 5);
  write("cpu/x/cpu.cfs_quota_us", "200000");
  EXPECT_EQ(quota(), 2);
}

}  // namespace
