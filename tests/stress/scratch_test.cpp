// Memory of arrays that loops make: what a turn leaves serves the next one, threads have their own.
#include <kiln/kiln.h>

#include <gtest/gtest.h>

namespace kiln {
namespace {

constexpr std::int64_t n = 1 << 18;  // f64: 2 MiB
constexpr std::uint64_t array_bytes = n * 8;

// What a call has in use at most beyond what there was before it.
template <class F>
std::uint64_t memory_of(F&& call) {
  const std::uint64_t before = memory_info().bytes_in_use;
  reset_high_water_mark();
  call();
  const std::uint64_t most = memory_info().high_water_mark - before;
  EXPECT_EQ(memory_info().bytes_in_use, before);
  return most;
}

TEST(Scratch, ATurnsArraysServeTheNextTurn) {
  const auto steps = jit([](Array a, Value turns) {
    for (Value t : range(turns)) {
      Array left = a(slice(_, -1)) * 0.5, right = a(slice(1, _)) * 0.25;
      a(slice(1, -1)) = left(slice(1, _)) + right(slice(_, -1)) + i64(t);
    }
  });
  for (const bool interpret : {false, true}) {
    const auto f = steps.with({.interpret = interpret});
    const Array a = ones({n});
    f(a, 1);
    const std::uint64_t few = memory_of([&] { f(a, 2); }), many = memory_of([&] { f(a, interpret ? 4 : 40); });
    EXPECT_EQ(few, many);
    EXPECT_LE(many, (interpret ? 6 : 3) * array_bytes);  // interpreted, each operation has an array of its own
  }
}

TEST(Scratch, AnArrayThatGrowsFromTurnToTurn) {
  const auto triangle = jit([](Array a) {
    Var total = 0.0;
    for (Value k : range(1, a.shape(0))) {
      Array head = a(slice(_, k)) * 2.0;
      total += sum(head(slice(_, _, -1)) * a(slice(_, k)));
    }
    return Value(total);
  });
  const Array a = arange(300).astype(f64);
  EXPECT_EQ(triangle(a).as_double(), triangle.with({.interpret = true})(a).as_double());
}

TEST(Scratch, ReductionsInALoopShareTheirPartialSums) {
  const auto f = jit([](Array a, Value turns) {
    Var total = 0.0;
    for (Value t : range(turns)) total += sum(a) * i64(t);
    return Value(total);
  });
  const Array a = ones({8 * n});
  f(a, 1);
  EXPECT_EQ(memory_of([&] { f(a, 2); }), memory_of([&] { f(a, 50); }));
}

const auto softmax = jit([](Array x) {
  Array shifted = x - max(x, {.axis = 1, .keepdims = true}), e = exp(shifted);
  return e / sum(e, {.axis = 1, .keepdims = true});
});

TEST(Scratch, SoftmaxKeepsOneRowForEachThread) {
  const Array x = linspace(-3.0, 3.0, n).reshape({n / 1024, 1024});
  const Array wanted = softmax.with({.interpret = true})(x);
  for (const int threads : {1, 2, 3, 5}) {
    const auto f = softmax.with({.threads = threads, .force_threads = true});
    EXPECT_TRUE(array_equal(f(x), wanted).as_bool()) << threads;
    EXPECT_LE(memory_of([&] { f(x); }), array_bytes + (1 << 20)) << threads;
  }
}

TEST(Scratch, LongRowsAreNotOnTheStack) {
  const Array x = linspace(-3.0, 3.0, 3 * n).reshape({3, n});
  EXPECT_TRUE(array_equal(softmax(x), softmax.with({.interpret = true})(x)).as_bool());
}

TEST(Scratch, ThreadsAreResizedWhileTheyHaveMemoryOfTheirOwn) {
  const int usual = num_threads();
  const Array x = linspace(-3.0, 3.0, n).reshape({n / 64, 64});
  const Array wanted = softmax(x);
  for (int k = 0; k < 40; ++k) {
    set_num_threads(1 + k % 7);
    EXPECT_TRUE(array_equal(softmax(x), wanted).as_bool());
  }
  set_num_threads(usual);
}

}  // namespace
}  // namespace kiln
