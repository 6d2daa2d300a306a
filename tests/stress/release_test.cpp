// Memory of specializations: released, it goes back to the system, while calls that are running keep theirs.
#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace kiln {
namespace {

// Mappings of generated code: executable and of no file.
int code_mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    const bool executable = line.find(" r-xp ") != std::string::npos;
    count += executable && line.find('/') == std::string::npos && line.find('[') == std::string::npos;
  }
  return count;
}

TEST(Release, TheNextCallCompilesAgain) {
  static const auto f = jit([](Array a) { return 2 * a + 1; });
  const Array a = arange(100).astype(f64);
  const int before = code_mappings();
  const Array first = f(a);
  EXPECT_EQ(f.specializations().size(), 1);
  EXPECT_EQ(code_mappings(), before + 1);
  f.release_specializations();
  EXPECT_EQ(f.specializations().size(), 0);
  EXPECT_EQ(code_mappings(), before);
  EXPECT_STREQ(last_call().lookup, "the first call");  // what it says outlives what it is about
  EXPECT_TRUE(array_equal(f(a), first).as_bool());
  EXPECT_TRUE(last_call().compiled == false || f.specializations().size() == 1);
  EXPECT_EQ(f.specializations().size(), 1);
  f.release_specializations();
  f.release_specializations();  // of nothing
  EXPECT_EQ(f.specializations().size(), 0);
}

TEST(Release, OfEveryFunctionAndTheEagerOperations) {
  static const auto f = jit([](Array a) { return a * 3; });
  const Array a = arange(10).astype(f32);
  release_specializations();
  const int before = code_mappings();
  const Array b = f(a) - a;
  EXPECT_GT(code_mappings(), before);
  release_specializations();
  EXPECT_EQ(code_mappings(), before);
  EXPECT_EQ(b.read<float>()[9], 18);
  EXPECT_TRUE(array_equal(f(a) - a, b).as_bool());
}

TEST(Release, ResultsOutliveTheCode) {
  static const auto f = jit([](Array a) { return std::tuple(a + 1, sum(a)); });
  const auto [more, total] = f(ones(1000));
  f.release_specializations();
  EXPECT_EQ(more.read<double>()[999], 2);
  EXPECT_EQ(double(total), 1000);
}

TEST(Release, WhileOthersCall) {
  static const auto f = jit([](Array a, Value x) { return sum(a * x); });
  constexpr int callers = 8;
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int k = 0; k < callers; ++k)
    threads.emplace_back([&, k] {
      const Array a = ones(2000 + k);
      const auto interpreted = f.with({.interpret = true});
      while (!stop.load()) {
        // Interpreted specializations come and go faster than a compiler could make them.
        const double got = k % 2 != 0 ? double(f(a, 3.0)) : double(interpreted(a, 3.0));
        wrong += got != 3.0 * (2000 + k);
        ++calls;
      }
    });
  int releases = 0;
  while (calls.load() < 2000 || releases < 50) {
    f.release_specializations();
    ++releases;
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0);
  f.release_specializations();
  const int left = code_mappings();
  (void)f(ones(3), 1.0);
  EXPECT_EQ(code_mappings(), left + 1);
  f.release_specializations();
  EXPECT_EQ(code_mappings(), left);
}

TEST(Release, FromInsideACallWaitsForItsEnd) {
  static const auto inner = jit([](Array a) { return a + 5; });
  static Array seen;
  static const auto outer = jit([](Array a) {
    // Plain C++ that runs while the outer function is traced.
    inner.release_specializations();
    return inner(a) * 2;
  });
  const Array a = ones(4);
  seen = inner(a);
  EXPECT_EQ(outer(a).read<double>()[0], 12);
  EXPECT_EQ(inner(a).read<double>()[3], 6);
}

}  // namespace
}  // namespace kiln
