// ThreadSanitizer is at work: it sees a race, and none where there is none.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

namespace kiln {
namespace {

int plain = 0;
std::atomic<int> ordered{0};

// What the process ends with after two threads have incremented a number.
template <class Number>
void increment_on_two_threads(Number& number) {
  std::thread other([&] { ++number; });
  ++number;
  other.join();
  std::exit(0);
}

TEST(ThreadSanitizer, SeesARace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(increment_on_two_threads(plain), testing::ExitedWithCode(66), "data race");
  EXPECT_EXIT(increment_on_two_threads(ordered), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace kiln
