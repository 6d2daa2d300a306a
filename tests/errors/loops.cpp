// Misuse of loops and branches: outside a trace, left by C++, carried in the wrong way.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Outside a traced function --------------------------------------------------------------------------------------

TEST(Loops, ParallelRangeInPlainCode) {
  expect_error<UsageError>({"prange", no_dtypes, no_shapes, "C++'s own control flow", {"traced function"}}, [] {
    next_line_is_wrong();
    for (Value i : prange(3)) (void)i;
  });
}

TEST(Loops, WhileInPlainCode) {
  Var x = 3;
  expect_error<UsageError>({"while_", no_dtypes, no_shapes, "C++'s own control flow", {"traced function"}}, [&] {
    next_line_is_wrong();
    while_([&] { return x > 2; }, [&] { x -= 1; });
  });
}

TEST(Loops, BreakInPlainCode) {
  expect_error<UsageError>({"break_", no_dtypes, no_shapes, "C++'s own control flow", {"traced function"}}, [] {
    next_line_is_wrong();
    break_();
  });
}

// ---- break_ and continue_ -------------------------------------------------------------------------------------------

TEST(Loops, ContinueOutsideEveryLoop) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    if_(n > 2, [] { continue_(); });
    return a;
  });
  expect_error<UsageError>({"continue_", no_dtypes, no_shapes, "range", {"outside every traced loop"}},
                           [] { f(zeros(3), 3); });
}

// ---- Left by C++ ----------------------------------------------------------------------------------------------------

TEST(Loops, CppBreakAndAnOperationAfterIt) {
  static auto f = jit([](Array a) {
    Var s = 0.0;
    next_line_is_wrong();
    for (Value i : range(a.shape(0))) {
      s += a(i);
      break;
    }
    return a + s;
  });
  expect_error<UsageError>({"traced loop was left", no_dtypes, no_shapes, "break_()", {"C++ break"}},
                           [] { f(zeros(3)); });
}

TEST(Loops, CppBreakOutOfAParallelLoop) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    for (auto [i, j] : prange(a.shape(0), 2)) {
      a(i) = j;
      break;
    }
    return a;
  });
  expect_error<UsageError>({"traced loop was left", no_dtypes, no_shapes, "break_()", {"C++ break"}},
                           [] { f(zeros(3)); });
}

TEST(Loops, CppBreakOutOfTheInnerLoop) {
  static auto f = jit([](Array a) {
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      for (Value j : range(2)) {
        a(i) += j;
        break;
      }
    }
  });
  expect_error<UsageError>({"traced loop was left", no_dtypes, no_shapes, "break_()", {"C++ break"}},
                           [] { f(zeros(3)); });
}

TEST(Loops, CppReturnOutOfALoop) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    for (Value i : range(a.shape(0))) {
      return Value(a(i) + 1);
    }
    return Value(0.0);
  });
  expect_error<UsageError>({"traced loop was left", no_dtypes, no_shapes, "assign a Var", {"return"}},
                           [] { f(zeros(3)); });
}

TEST(Loops, ExceptionCaughtInsideTheFunction) {
  static auto f = jit([](Array a) {
    try {
      next_line_is_wrong();
      for (Value i : range(a.shape(0))) {
        a(i) = 1;
        throw 5;
      }
    } catch (int) {
    }
    return a;
  });
  expect_error<UsageError>(
      {"traced loop or branch was left", no_dtypes, no_shapes, "outside the function", {"exception"}},
      [] { f(zeros(3)); });
}

// ---- Steps ----------------------------------------------------------------------------------------------------------

TEST(Loops, StepOfZero) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    for (Value i : range(0, a.shape(0), 0)) a(i) = 1;
  });
  expect_error<UsageError>({"range", no_dtypes, no_shapes, "other than 0", {"step of 0"}}, [] { f(zeros(3)); });
}

TEST(Loops, ArangeWithAStepOfZero) {
  expect_error<UsageError>({"arange", {"i64"}, {"scalar"}, "other than 0", {"step of 0"}}, [] {
    next_line_is_wrong();
    (void)arange(0, 5, 0);
  });
}

// ---- What a parallel loop carries -----------------------------------------------------------------------------------

TEST(Loops, AssigningAnOuterVarFromAnotherVar) {
  static auto f = jit([](Array a) {
    Var last = 0.0;
    for (Value i : prange(a.shape(0))) {
      Var x = a(i);
      next_line_is_wrong();
      last = x;
    }
    return last;
  });
  expect_error<UsageError>(
      {"prange", {"f64"}, {"scalar"}, "declare the Var inside", {"assign a Var declared outside it"}},
      [] { f(zeros(3)); });
}

TEST(Loops, TwoReductionsOfOneVar) {
  static auto f = jit([](Array a) {
    Var s = 0.0;
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      s += a(i);
      s *= 2.0;
    }
    return s;
  });
  expect_error<UsageError>({"prange", {"f64"}, {"scalar"}, "use only one of", {"two different operations"}},
                           [] { f(zeros(3)); });
}

TEST(Loops, CountingWithPlusPlusIsAReductionOfOneVar) {
  static auto f = jit([](Array a) {
    Var n = 0;
    for (Value i : prange(a.shape(0))) {
      if_(a(i) > 0, [&] { ++n; });
    }
    return n;
  });
  EXPECT_EQ(static_cast<int>(f(ones(7))), 7);
}

// The size of an array must be known when it is made, and an iteration's own is made before the loop.

TEST(Loops, ExtentOfAVarInAParallelLoop) {
  static auto f = jit([](Array out) {
    for (Value i : prange(out.shape(0))) {
      Var n = 1;
      for (Value k : range(i)) n = n + k;
      next_line_is_wrong();
      out(i) = sum(arange(n));
    }
  });
  expect_error<UsageError>({"a new i64 array", {"i64"}, {"rank 1"}, "use range", {"prange"}}, [] { f(zeros(3)); });
}

TEST(Loops, ExtentReadBeforeAParallelLoop) {
  static auto f = jit([](Array n, Array out) {
    const Value length = n(0);
    Var more = n(1);
    const Value longer = more;
    for (Value i : prange(out.shape(0))) {
      const Array row = zeros(length + longer);
      row(0) = i;
      out(i) = sum(row + 1);
    }
    return out;
  });
  EXPECT_TRUE(array_equal(f(Array{2, 3}, zeros(3)), Array{5.0, 6.0, 7.0}).as_bool());
}

TEST(Loops, SliceReadFromAnArrayInAParallelLoop) {
  static auto f = jit([](Array ends, Array x, Array out) {
    for (Value i : prange(out.shape(0))) out(i) = sum(x(slice(ends(i), ends(i + 1))) + 1);
    return out;
  });
  EXPECT_TRUE(array_equal(f(Array{0, 2, 2, 5}, arange(5), zeros(3)), Array{3.0, 0.0, 12.0}).as_bool());
}

}  // namespace
