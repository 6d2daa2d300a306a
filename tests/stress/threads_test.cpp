// Many threads at once: calling, specializing, changing the pool, forking.
#include <kiln/kiln.h>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace kiln {
namespace {

constexpr int application_threads = 64;

// Runs body(k) on so many threads, which start together.
template <class F>
void on_threads(int count, const F& body) {
  std::barrier start(count);
  std::vector<std::thread> threads;
  for (int k = 0; k < count; ++k)
    threads.emplace_back([&, k] {
      start.arrive_and_wait();
      body(k);
    });
  for (std::thread& t : threads) t.join();
}

bool all_are(const Array& a, double x) {
  for (const double y : a.read<double>())
    if (y != x) return false;
  return true;
}

TEST(Threads, OneKernelIsCompiledOnce) {
  const auto f = jit([](Array a, Value x) { return a * x + 1.0; });
  std::atomic<int> wrong = 0, compiles = 0;
  on_threads(application_threads, [&](int k) {
    const Array a = full({100 + k}, 2.0);
    for (int turn = 0; turn < 50; ++turn) {
      const Array r = f(a, static_cast<double>(k));
      compiles += last_call().compiled;
      wrong += r.extent(0) != 100 + k || !all_are(r, 2.0 * k + 1);
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(compiles, 1);
  EXPECT_EQ(f.specializations().size(), 1);
}

// Calls that are worth several threads meet at the pool: one has it, the others run alone, all give the same bits.
TEST(Threads, OneKernelOnOnePool) {
  const auto f = jit([](Array a) { return std::tuple(a * 0.1, sum(a * 0.1)); });
  const Array a = arange(200'000).astype(f64);
  const double total = std::get<1>(f.with({.threads = 1, .force_threads = true})(a)).as_double();
  std::atomic<int> wrong = 0, shared = 0;
  on_threads(application_threads, [&](int k) {
    const auto g = k % 2 == 0 ? f : f.with({.threads = 2, .force_threads = true});
    for (int turn = 0; turn < 10; ++turn) {
      const auto [scaled, sum_of_it] = g(a);
      shared += last_call().threads > 1;
      wrong += sum_of_it.as_double() != total || scaled(199'999).as_double() != 199'999 * 0.1;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(shared, application_threads / 2 * 10);
}

// Each k is a kernel of its own.
template <int k>
Array call_kernel(const Array& a) {
  return jit([](Array x) {
    Var s = 0.0;
    for (Value i : range(x.shape(0))) s += x(i) * (k + 1);
    return x * 1.0 + s;
  })(a);
}
template <int... k>
constexpr std::array<Array (*)(const Array&), sizeof...(k)> kernels(std::integer_sequence<int, k...>) {
  return {&call_kernel<k>...};
}
constexpr auto all_kernels = kernels(std::make_integer_sequence<int, application_threads>{});

TEST(Threads, DifferentKernelsCompileAtOnce) {
  std::atomic<int> wrong = 0, compiles = 0;
  on_threads(application_threads, [&](int thread) {
    const Array a = ones({10});
    for (int turn = 0; turn < application_threads; ++turn) {
      // Everybody starts elsewhere, so that some are first and others meet them there.
      const int k = (thread + turn) % application_threads;
      wrong += !all_are(all_kernels[static_cast<std::size_t>(k)](a), 1.0 + 10.0 * (k + 1));
      compiles += last_call().compiled;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(compiles, application_threads);  // each once
}

TEST(Threads, DifferentSignaturesOfOneKernelCompileAtOnce) {
  const auto f = jit([](Array a, int n) { return a + n; });
  std::atomic<int> wrong = 0;
  on_threads(32, [&](int k) {
    const Array a = ones({50}, k % 2 ? f32 : f64);
    for (int turn = 0; turn < 10; ++turn) wrong += f(a, k / 4)(49).as_double() != 1.0 + k / 4;
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.specializations().size(), 16);
}

// Where the bodies of two kernels, or of two specializations of one, wait for each other while they are being traced.
class Meeting {
 public:
  void begin() {
    arrived_ = 0;
    missed_ = 0;
  }
  // Gives up only so that a failure ends.
  void wait() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    missed_ += !changed_.wait_for(lock, std::chrono::seconds(60), [&] { return arrived_ >= 2; });
  }
  bool took_place() const { return arrived_ >= 2 && missed_ == 0; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0, missed_ = 0;
};
Meeting meeting;

TEST(Threads, TwoKernelsAreInTheMiddleOfTheirCompilesAtOnce) {
  meeting.begin();
  const auto f = jit([](Array a) {
    meeting.wait();
    return a * 2.0;
  });
  const auto g = jit([](Array a) {
    meeting.wait();
    return a - 1.0;
  });
  std::atomic<int> wrong = 0;
  on_threads(2, [&](int k) { wrong += k == 0 ? !all_are(f(ones({10})), 2.0) : !all_are(g(ones({10})), 0.0); });
  EXPECT_TRUE(meeting.took_place());
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, TwoSpecializationsOfOneKernelAreInTheMiddleOfTheirCompilesAtOnce) {
  meeting.begin();
  const auto f = jit([](Array a, int n) {
    meeting.wait();
    return a + n;
  });
  std::atomic<int> wrong = 0;
  on_threads(2, [&](int k) { wrong += !all_are(f(ones({10}), k), 1.0 + k); });
  EXPECT_TRUE(meeting.took_place());
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.specializations().size(), 2);
}

TEST(Threads, AnExceptionWhileOthersWaitForTheSameCompile) {
  static std::atomic<int> traces;
  traces = 0;
  const auto f = jit([](Array a) {
    if (++traces <= 5) throw std::runtime_error("not yet");
    return a + 1.0;
  });
  std::atomic<int> thrown = 0, wrong = 0;
  on_threads(16, [&](int) {
    const Array a = ones({10});
    for (int turn = 0; turn < 20; ++turn) {
      try {
        wrong += !all_are(f(a), 2.0);
      } catch (const std::runtime_error&) {
        ++thrown;
      }
    }
  });
  EXPECT_EQ(thrown, 5);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.specializations().size(), 1);
}

TEST(Threads, TheNumberOfThreadsChangesWhileKernelsRun) {
  const int usual = num_threads();
  const auto f = jit([](Array a) { return sum(a * 3.0); });
  const Array a = ones({300'000});
  const double expected = f(a).as_double();
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread changer([&] {
    for (int k = 0; !stop; ++k) set_num_threads(1 + k % 5);
  });
  on_threads(4, [&](int k) {
    for (int turn = 0; turn < 100; ++turn) {
      const auto g = k % 2 ? f : f.with({.threads = 1 + turn % 4, .force_threads = true});
      wrong += g(a).as_double() != expected;
      wrong += k % 2 ? last_call().threads > 5 : last_call().threads != 1 + turn % 4;
    }
  });
  stop = true;
  changer.join();
  set_num_threads(usual);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(num_threads(), usual);
  EXPECT_THROW(set_num_threads(0), UsageError);
}

TEST(Threads, ArraysMoveBetweenThreads) {
  const auto f = jit([](Array a) { return a + 1.0; });
  const std::uint64_t before = memory_info().bytes_in_use;
  {
    std::vector<Array> slots;
    for (int k = 0; k < 8; ++k) slots.push_back(zeros({1000}));
    for (int turn = 0; turn < 20; ++turn)
      on_threads(8, [&](int k) { slots[static_cast<std::size_t>(k)] = f(slots[static_cast<std::size_t>(k)]); });
    for (const Array& a : slots) EXPECT_TRUE(all_are(a, 20.0));
  }
  EXPECT_EQ(memory_info().bytes_in_use, before);
}

// Questions about a function, and about the process, while others call and compile it.
TEST(Threads, QuestionsWhileOthersCompile) {
  const auto f = jit([](Array a, int n) { return a * n; });
  (void)f(ones({10}), -1);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::thread asking([&] {
    int most = 0;
    while (!stop) {
      const auto known = f.specializations();
      wrong += known.size() < most || known.size() < 1;
      most = known.size();
      for (int k = 0; k < known.size(); ++k) wrong += *known[k].signature.c_str() == 0;
      wrong += std::string(f.inspect("program").c_str()).empty();
      wrong += memory_info().bytes_in_use > memory_info().high_water_mark + (std::uint64_t{1} << 30);
      wrong += num_threads() < 1;
    }
  });
  on_threads(8, [&](int k) {
    for (int n = 0; n < 24; ++n) wrong += !all_are(f(ones({10 + k}), n), n);
  });
  stop = true;
  asking.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(f.specializations().size(), 25);
}

#ifndef __SANITIZE_THREAD__  // ThreadSanitizer does not allow threads in a child of a process with threads
// The child's exit status: 0 if calls, found and compiled, give what they should.
int calls_in_child(const Array& a) {
  const auto f = jit([](Array x) { return sum(x * 2.0); });
  const auto g = jit([](Array x) { return x - 1.0; });
  for (int k = 0; k < 5; ++k) {
    if (f(a).as_double() != 2.0 * 200'000) return 1;
    if (f.with({.threads = 3, .force_threads = true})(a).as_double() != 2.0 * 200'000) return 2;
    if (!all_are(g(a), 0.0)) return 3;
    if ((a + a)(7).as_double() != 2.0) return 4;
  }
  set_num_threads(4);
  if (f(a).as_double() != 2.0 * 200'000) return 5;
  return 0;
}

TEST(Threads, AForkedChildCalls) {
  const Array a = ones({200'000});
  ASSERT_EQ(calls_in_child(a), 0);
  set_num_threads(2);
  std::atomic<bool> stop = false;
  std::vector<std::thread> busy;
  for (int k = 0; k < 3; ++k)
    busy.emplace_back([&] {
      const auto h = jit([](Array x) { return x * 2.0 + 1.0; });
      const Array mine = ones({100'000});
      while (!stop) h(mine);
    });
  for (int k = 0; k < 10; ++k) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(calls_in_child(a));
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  stop = true;
  for (std::thread& t : busy) t.join();
  EXPECT_EQ(calls_in_child(a), 0);
  set_num_threads(2);
}

// Plain C++ inside a traced function that forks waits for nobody: not for its own compile.
TEST(Threads, AForkInsideATrace) {
  int status = -1;
  static int* const ended = &status;
  const auto f = jit([](Array a) {
    const pid_t child = fork();
    if (child == 0) _exit(7);
    waitpid(child, ended, 0);
    return a + 1.0;
  });
  EXPECT_TRUE(all_are(f(ones({10})), 2.0));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

// A child compiles what nobody has compiled yet, and what other threads of the parent were compiling when it was made.
TEST(Threads, AForkedChildCompiles) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a child made while another thread is in AddressSanitizer's malloc hangs in its own first malloc";
#endif
  static const auto f = jit([](Array a, int n) { return sum(a * 2.0) + n; });
  static const auto g = jit([](Array a, int n) { return a - n; });
  static std::atomic<int> version;
  version = 0;
  const auto is_wrong = [](const Array& a, int n) {
    return f(a, n).as_double() != 20.0 + n || !all_are(g(a, n), 1.0 - n);
  };
  const Array a = ones({10});
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> busy;
  for (int k = 0; k < 3; ++k)
    busy.emplace_back([&] {
      const Array mine = ones({10});
      while (!stop) wrong += is_wrong(mine, ++version);
    });
  for (int k = 0; k < 20; ++k) {
    while (version < 3 * k) std::this_thread::yield();  // never twice at the same place
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      int failures = is_wrong(a, 1'000'000 + k);
      for (int n = std::max(version - 3, 1); n <= version; ++n) failures += is_wrong(a, n);
      f.release_specializations();
      failures += is_wrong(a, 2'000'000);
      _exit(failures);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    if (HasFailure()) break;
  }
  stop = true;
  for (std::thread& t : busy) t.join();
  EXPECT_EQ(wrong, 0);
}
#endif

}  // namespace
}  // namespace kiln
