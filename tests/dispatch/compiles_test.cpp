// How often a function is compiled, and why: what is part of the key, and what never is.
#include "tests/dispatch/calls.h"

#include <cmath>
#include <limits>

namespace kiln {
namespace {

using test::contains;
using test::elements;
using test::reason;
using test::signature;

TEST(Compiles, FirstCallThenFound) {
  const auto f = jit([](Array a) { return a + a; });
  EXPECT_EQ(f.specializations().size(), 0);
  const Array a = arange(5);
  f(a);
  EXPECT_TRUE(last_call().compiled);
  EXPECT_STREQ(last_call().lookup, "the first call");
  f(a);
  EXPECT_FALSE(last_call().compiled);
  const Specializations all = f.specializations();
  ASSERT_EQ(all.size(), 1);
  EXPECT_EQ(reason(all, 0), "the first call");
  EXPECT_EQ(signature(all, 0), "i64[1]");
  EXPECT_GT(all[0].trace_ms, 0);
  EXPECT_GT(all[0].passes_ms, 0);
}

TEST(Compiles, NoExtentRecompiles) {
  const auto f = jit([](Array a) { return a * 2.0 + 1.0; });
  for (const std::int64_t n : {7, 1, 0, 2, 3, 4, 15, 16, 17, 31, 33, 100, 1000, 4097, 30'000, 0, 1}) {
    const Array r = f(ones({n}));
    ASSERT_EQ(r.extent(0), n);
    for (const double x : elements<double>(r)) ASSERT_EQ(x, 3.0);
  }
  EXPECT_COMPILES(f, 1);
}

TEST(Compiles, NoExtentOfSeveralAxesRecompiles) {
  const auto f = jit([](Array a) { return sum(a, {.axis = 1}); });
  for (const std::int64_t rows : {5, 0, 1, 2, 64})
    for (const std::int64_t columns : {5, 0, 1, 3, 130}) {
      const Array r = f(ones({rows, columns}, f32));
      ASSERT_EQ(r.extent(0), rows);
      for (const float x : elements<float>(r)) ASSERT_EQ(x, static_cast<float>(columns));
    }
  EXPECT_COMPILES(f, 1);
}

TEST(Compiles, NoLoopBoundRecompiles) {
  const auto f = jit([](Value first, Value last, Value step) {
    Var n = 0;
    for (Value i : range(first, last, step)) n += i;
    return n;
  });
  const auto expected = [](std::int64_t first, std::int64_t last, std::int64_t step) {
    std::int64_t n = 0;
    for (std::int64_t i = first; i < last; i += step) n += i;
    return n;
  };
  for (const std::int64_t first : {0, 1, -7})
    for (const std::int64_t last : {0, 1, 10, 300})
      for (const std::int64_t step : {1, 2, 17})
        ASSERT_EQ(f(first, last, step).as_integer(), expected(first, last, step));
  EXPECT_COMPILES(f, 1);
}

TEST(Compiles, NoScalarValueRecompiles) {
  const auto f = jit([](Array a, Value x) { return a * x; });
  const Array a = arange(9).astype(f64);
  for (const double x : {0.0, 1.0, -1.0, 2.5, -0.0, 1e300, std::numeric_limits<double>::infinity()})
    ASSERT_EQ(elements<double>(f(a, x)).at(3), 3 * x);
  f(a, std::nan(""));
  EXPECT_COMPILES(f, 1);
  for (const int x : {0, 1, -1, 1 << 30}) ASSERT_EQ(elements<double>(f(a, x)).at(3), 3.0 * x);
  EXPECT_COMPILES(f, 2);
  EXPECT_EQ(reason(f.specializations(), 1), "a new signature");
}

TEST(Compiles, StrengthAndDtypeOfScalarsAreInTheKey) {
  const auto f = jit([](Value x) { return x + 1; });
  EXPECT_EQ(f(1).as_integer(), 2);
  EXPECT_EQ(f(1.5).as_double(), 2.5);
  EXPECT_EQ(f(1.5f).as_double(), 2.5);
  EXPECT_EQ(f(u8(255)).as_integer(), 0);
  EXPECT_EQ(f(i64(1)).as_integer(), 2);
  const Specializations all = f.specializations();
  ASSERT_EQ(all.size(), 5) << test::reasons(all);
  const char* signatures[] = {"integer", "double", "f32", "u8", "i64"};
  for (int k = 0; k < 5; ++k) EXPECT_EQ(signature(all, k), signatures[k]);
  f(7);
  f(-2.0);
  f(u8(1));
  EXPECT_COMPILES(f, 5);
}

TEST(Compiles, DtypesAndRanksAreInTheKey) {
  const auto f = jit([](Array a) { return a - 1; });
  const Array a = arange(6);
  for (const DType dtype : {i64, i32, u16, f32, f64}) f(a.astype(dtype));
  EXPECT_COMPILES(f, 5);
  f(a.reshape({2, 3}));
  f(a.reshape({1, 2, 3}));
  f(full({}, 3));
  EXPECT_COMPILES(f, 8);
  f(a.reshape({3, 2}));
  f(full({}, 4));
  EXPECT_COMPILES(f, 8);
  EXPECT_EQ(signature(f.specializations(), 5), "i64[2]");
  EXPECT_EQ(signature(f.specializations(), 7), "i64[0]");
}

enum class Way { up, down };

TEST(Compiles, ConstantsAreInTheKey) {
  const auto f = jit([](Array a, int times, bool negate, Way way) {
    Array r = a;
    for (int k = 0; k < times; ++k) r = r + (way == Way::up ? 1 : -1);
    if (negate) return -r;
    return r;
  });
  const Array a = arange(4);
  EXPECT_EQ(elements<std::int64_t>(f(a, 3, false, Way::up)).at(1), 4);
  EXPECT_EQ(elements<std::int64_t>(f(a, 5, false, Way::up)).at(1), 6);
  EXPECT_EQ(elements<std::int64_t>(f(a, 5, true, Way::up)).at(1), -6);
  EXPECT_EQ(elements<std::int64_t>(f(a, 5, true, Way::down)).at(1), 4);
  EXPECT_COMPILES(f, 4);
  f(a, 3, false, Way::up);
  f(a, 5, true, Way::down);
  EXPECT_COMPILES(f, 4);
  EXPECT_EQ(signature(f.specializations(), 0), "i64[1], constant 3, constant 0, constant 0");
  EXPECT_EQ(reason(f.specializations(), 3), "a new signature");
}

TEST(Compiles, OptionsThatChangeTheCodeAreInTheKey) {
  const auto f = jit([](Array a) { return a * a + a; });
  const Array a = ones({100});
  f(a);
  f.with({.contract = true})(a);
  f.with({.fast_math = true})(a);
  f.with({.vector_bits = 128})(a);
  f.with({.interpret = true})(a);
  EXPECT_COMPILES(f, 5);
  // Threads are chosen at each launch.
  f.with({.threads = 1})(a);
  f.with({.threads = 3, .force_threads = true})(a);
  f.with({.fast_math = true, .threads = 2})(a);
  EXPECT_COMPILES(f, 5);
}

TEST(Compiles, ReadOnlyArraysAreInTheKey) {
  const auto f = jit([](Array a) { return a + 1; });
  const Array a = arange(5);
  f(a);
  f(a.as_read_only());
  f(a.as_read_only());
  EXPECT_COMPILES(f, 2);
  EXPECT_EQ(signature(f.specializations(), 1), "i64[1] read-only");
}

TEST(Compiles, OneLambdaIsOneFunction) {
  const auto add_three = [](Array a) { return a + 3; };
  const Array a = arange(5);
  for (int k = 0; k < 10; ++k) {
    const auto f = jit(add_three);  // a jit in a loop
    f(a);
    EXPECT_EQ(last_call().compiled, k == 0);
    EXPECT_COMPILES(f, 1);
  }
  const auto first = jit(add_three), second = jit(add_three);
  first(a);
  second(a);
  second(a.astype(f32));
  EXPECT_COMPILES(first, 2);
  for (int k = 0; k < 3; ++k) EXPECT_EQ(elements<std::int64_t>(jit([](Array x) { return x * 7; })(a)).at(2), 14);
}

Array plain(Array a, Value x) { return a - x; }

TEST(Compiles, APlainFunctionIsOneFunction) {
  const Array a = arange(5);
  for (int k = 0; k < 3; ++k) EXPECT_EQ(elements<std::int64_t>(jit<plain>()(a, k)).at(4), 4 - k);
  EXPECT_COMPILES(jit<plain>(), 1);
}

TEST(Compiles, VectorizeKeysOnWhatIsAnArray) {
  const auto f = vectorize([](Value x, Value y) { return x * 10 + y; });
  EXPECT_EQ(f(3, 4).as_integer(), 34);
  EXPECT_EQ(elements<std::int64_t>(f(arange(3), 4)).at(2), 24);
  EXPECT_EQ(elements<std::int64_t>(f(3, arange(3))).at(2), 32);
  EXPECT_EQ(elements<std::int64_t>(f(arange(3), arange(3))).at(2), 22);
  EXPECT_COMPILES(f, 4);
  f(5, 6);
  f(arange(30), 9);
  f(arange(30), arange(30));
  EXPECT_COMPILES(f, 4);
}

struct Particle {
  Array position;
  Value mass;
  int dimensions;
};

TEST(Compiles, MembersOfStructsCountAsArguments) {
  const auto f = jit([](Particle p) { return p.position * p.mass + p.dimensions; });
  f(Particle{arange(3).astype(f64), 2.0, 3});
  f(Particle{arange(8).astype(f64), 5.0, 3});
  EXPECT_COMPILES(f, 1);
  f(Particle{arange(8).astype(f64), 5.0, 2});
  EXPECT_COMPILES(f, 2);
  EXPECT_EQ(signature(f.specializations(), 1), "f64[1], double, constant 2");
}

}  // namespace
}  // namespace kiln
