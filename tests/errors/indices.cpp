// Misuse of indices and axes: out of bounds, too many, too few.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// A call raises the same error compiled and interpreted.
template <class F>
void expect_index_error(const F& f, const Message& message, const std::function<void(const F&)>& call) {
  for (const bool interpret : {false, true}) {
    SCOPED_TRACE(interpret ? "interpreted" : "compiled");
    expect_error<IndexError>(message, [&] { call(f.with({.interpret = interpret})); });
  }
}

// ---- Outside a trace ------------------------------------------------------------------------------------------------

TEST(Indices, EagerBeforeTheStart) {
  const Array a = zeros(3);
  expect_error<IndexError>({"index -4", {"f64"}, {"(3,)"}, "valid are -3 to 2", {"axis 0"}}, [&] {
    next_line_is_wrong();
    (void)a(-4);
  });
}

TEST(Indices, EagerStore) {
  const Array a = zeros(3);
  expect_error<IndexError>({"index 7", {"f64"}, {"(3,)"}, "valid are -3 to 2", {"axis 0"}}, [&] {
    next_line_is_wrong();
    a(7) = 1;
  });
}

TEST(Indices, EagerOfAnEmptyArray) {
  const Array a = zeros(0);
  expect_error<IndexError>({"index 0", {"f64"}, {"(0,)"}, "test size() first", {"axis 0"}}, [&] {
    next_line_is_wrong();
    (void)a(0);
  });
}

TEST(Indices, EagerViewBeyondTheEnd) {
  const Array a = zeros({2, 3});
  expect_error<IndexError>({"index 2", {"f64"}, {"(2, 3)"}, "valid are -2 to 1", {"axis 0"}}, [&] {
    next_line_is_wrong();
    (void)a(2, _);
  });
}

// ---- In a trace -----------------------------------------------------------------------------------------------------

TEST(Indices, TracedSliceWithARuntimeStep) {
  static auto f = jit([](Array a, Value k) {
    next_line_is_wrong();
    return a(slice(0, 4, k)) + 1;
  });
  expect_error<UsageError>({"a slice", {"f64"}, {"(4,)"}, "C++ integer other than 0"}, [] { f(zeros(4), 2); });
}

TEST(Indices, RangeToABoundReadFromAnArray) {
  static auto f = jit([](Array a, Array n) {
    for (Value i : prange(n(0))) {
      next_line_is_wrong();
      a(i) = 1;
    }
  });
  const Array a = zeros(4);
  const Message message{
      "index", {"f64"}, {"(4,)"}, "shorten the range", {"4", "axis 0", "array argument 1", "4 elements"}};
  expect_error<IndexError>(message, [&] { f(a, arange(5, 6)); });
  EXPECT_FALSE(any(a == 1).as_bool()) << "checked before the loop";
  f(a, arange(4, 5));
  EXPECT_TRUE(all(a == 1).as_bool());
}

TEST(Indices, RangeToAVariable) {
  static auto f = jit([](Array a, Array n) {
    Var most = n(0), total = 0.0;
    if_(n(1) > most, [&] { most = n(1); });
    for (Value i : range(most)) {
      next_line_is_wrong();
      total += a(i);
    }
    return Value(total);
  });
  const Message message{
      "index", {"f64"}, {"(4,)"}, "shorten the range", {"4", "axis 0", "array argument 1", "4 elements"}};
  expect_error<IndexError>(message, [] { f(ones(4), arange(4, 6)); });
  EXPECT_EQ(f(ones(4), arange(3, 5)).as_double(), 4.0);
}

constexpr unsigned strided_line = __LINE__ + 6;
auto strided = jit([](Array a, Value step) {
  Var s = 0.0;
  for (Value i : range(4)) {
    // Kernels are compiled once for every step; each launch proves its own.
    next_line_is_wrong();
    s += a(i * step);
  }
  return s;
});

TEST(Indices, ALaterLaunchOfCompiledCode) {
  EXPECT_EQ(static_cast<double>(strided(ones(10), 3)), 4.0);
  EXPECT_EQ(strided.specializations().size(), 1);
  expect_error<IndexError>(
      {"index", {"f64"}, {"(10,)"}, "shorten the range", {"out of bounds", "12", "has 10 elements"}}, [] {
        announced = {__FILE__, strided_line};
        strided(ones(10), 4);
      });
  EXPECT_EQ(strided.specializations().size(), 1);
}

TEST(Indices, ALaterLaunchWithANegativeStride) {
  expect_error<IndexError>(
      {"index", {"f64"}, {"(10,)"}, "shorten the range", {"out of bounds", "-3", "has 10 elements"}}, [] {
        announced = {__FILE__, strided_line};
        strided(ones(10), -1);
      });
}

constexpr unsigned stepped_line = __LINE__ + 5;
auto stepped = jit([](Array a, Value first, Value last, Value step) {
  Var s = 0.0;
  for (Value i : range(first, last, step)) {
    next_line_is_wrong();
    s += a(i);
  }
  return s;
});

TEST(Indices, RangeWithARuntimeStep) {
  const Array a = ones(10);
  EXPECT_EQ(static_cast<double>(stepped(a, 0, 12, 3)), 4.0);
  EXPECT_EQ(static_cast<double>(stepped(a, 9, -1, -3)), 4.0);
  EXPECT_EQ(static_cast<double>(stepped(a, 0, 50, -1)), 0.0);
  expect_error<IndexError>(
      {"index", {"f64"}, {"(10,)"}, "shorten the range", {"out of bounds", " 12 ", "has 10 elements"}}, [&] {
        announced = {__FILE__, stepped_line};
        stepped(a, 0, 13, 3);
      });
  expect_error<IndexError>(
      {"index", {"f64"}, {"(10,)"}, "shorten the range", {"out of bounds", "-3", "has 10 elements"}}, [&] {
        announced = {__FILE__, stepped_line};
        stepped(a, 9, -4, -4);
      });
}

TEST(Indices, AnEmptyLoopReadsNothing) {
  static auto f = jit([](Array a, Value n, Value step) {
    Var s = 0.0;
    for (Value i : range(n))
      for (Value j : range(n)) s += a(i * step + j);
    return s;
  });
  EXPECT_EQ(static_cast<double>(f(ones(1), 0, 1000)), 0.0);
  EXPECT_EQ(static_cast<double>(f(ones(9), 3, 3)), 9.0);
  EXPECT_THROW(f(ones(8), 3, 3), IndexError);
  EXPECT_THROW(f(ones(9), 3, -1), IndexError);
}

TEST(Indices, IndexOfAnArrayMadeInTheFunction) {
  static auto f = jit([](Array a) {
    const Array rows = zeros({a.shape(0), 2}, i32);
    for (Value i : range(a.shape(0) + 1)) {
      next_line_is_wrong();
      rows(i, 1) += 1;
    }
    return rows;
  });
  expect_index_error<decltype(f)>(f, {"index", {"i32"}, {"(3, 2)"}, "shorten the range", {"axis 0", " 3 "}},
                                  [](const auto& g) { g(zeros(3)); });
}

TEST(Indices, IndexOfAReshapedArray) {
  static auto f = jit([](Array a, Value k) {
    next_line_is_wrong();
    return a.reshape({2, 3})(k, 0);
  });
  expect_index_error<decltype(f)>(
      f, {"index", {"f64"}, {"(2, 3)"}, "allowed are", {"axis 0", " 2 ", "reshape of array argument 1"}},
      [](const auto& g) { g(zeros(6), 2); });
}

TEST(Indices, LiteralIndex) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a(10) * 2;
  });
  expect_index_error<decltype(f)>(
      f, {"index", {"f64"}, {"(4,)"}, "allowed are", {"out of bounds", "10", "has 4 elements"}},
      [](const auto& g) { g(zeros(4)); });
}

TEST(Indices, LiteralRowFromTheEnd) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    a(-5, _) += 1;
  });
  expect_index_error<decltype(f)>(
      f, {"index", {"f64"}, {"(4, 3)"}, "allowed are", {"out of bounds: -5 on axis 0", "has 4 elements"}},
      [](const auto& g) { g(zeros({4, 3})); });
}

TEST(Indices, RuntimeScalarIndex) {
  static auto f = jit([](Array a, Value k) {
    next_line_is_wrong();
    return a(k, 0);
  });
  expect_index_error<decltype(f)>(
      f, {"index", {"f64"}, {"(2, 3)"}, "allowed are", {"out of bounds", "2", "axis 0", "has 2 elements"}},
      [](const auto& g) { g(zeros({2, 3}), 2); });
}

// ---- Axes -----------------------------------------------------------------------------------------------------------

TEST(Indices, EagerAxisOfAnExtent) {
  const Array a = zeros({2, 3}, f32);
  expect_error<IndexError>({"extent()", {"f32"}, {"(2, 3)"}, "axes are -2 to 1", {"axis 2"}}, [&] {
    next_line_is_wrong();
    (void)a.extent(2);
  });
}

TEST(Indices, AxisOfAShape) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.shape(-3);
  });
  expect_error<IndexError>({"shape()", {"f64"}, {"(2, 3)"}, "axes are -2 to 1", {"axis -3"}}, [] { f(zeros({2, 3})); });
}

TEST(Indices, TransposeWithoutAnAxis) {
  const Array a = zeros({2, 3});
  expect_error<IndexError>({"transpose", {"f64"}, {"(2, 3)"}, "each of its axes once"}, [&] {
    next_line_is_wrong();
    (void)a.transpose({0, 0});
  });
}

}  // namespace
