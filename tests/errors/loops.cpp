// Misuse of loops and branches: outside a trace, left by C++, carried in the wrong way.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Outside a traced function --------------------------------------------------------------------------------------

TEST(Loops, RangeInPlainCode) {
  expect_error<UsageError>({"range", no_dtypes, no_shapes, "C++'s own control flow", {"traced function"}}, [] {
    next_line_is_wrong();
    for (Value i : range(3)) (void)i;
  });
}

TEST(Loops, ParallelRangeInPlainCode) {
  expect_error<UsageError>({"prange", no_dtypes, no_shapes, "C++'s own control flow", {"traced function"}}, [] {
    next_line_is_wrong();
    for (Value i : prange(3)) (void)i;
  });
}

TEST(Loops, IfInPlainCode) {
  const Value x = 3;
  expect_error<UsageError>({"if_", no_dtypes, no_shapes, "C++'s own control flow", {"traced function"}}, [&] {
    next_line_is_wrong();
    if_(x > 2, [] {});
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

TEST(Loops, BreakOutOfAParallelLoop) {
  static auto f = jit([](Array a) {
    for (Value i : prange(a.shape(0))) {
      a(i) = 1;
      next_line_is_wrong();
      break_if(i > 2);
    }
  });
  expect_error<UsageError>({"break_", no_dtypes, no_shapes, "use range, or continue_", {"prange"}},
                           [] { f(zeros(3)); });
}

TEST(Loops, BreakOutsideEveryLoop) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    break_();
    return a;
  });
  expect_error<UsageError>({"break_", no_dtypes, no_shapes, "range or while_", {"outside every traced loop"}},
                           [] { f(zeros(3)); });
}

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

TEST(Loops, CppBreakAtTheVeryEnd) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    for (Value i : range(a.shape(0))) {
      a(i) = 1;
      break;
    }
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

TEST(Loops, RuntimeStepOfZero) {
  static auto f = jit([](Array a, Value step) {
    next_line_is_wrong();
    for (Value i : range(0, a.shape(0), step)) a(i) = 1;
  });
  expect_error<UsageError>({"range", no_dtypes, no_shapes, "other than 0", {"step of 0"}}, [] { f(zeros(3), 0); });
}

TEST(Loops, ArangeWithAStepOfZero) {
  expect_error<UsageError>({"arange", {"i64"}, {"scalar"}, "other than 0", {"step of 0"}}, [] {
    next_line_is_wrong();
    (void)arange(0, 5, 0);
  });
}

// ---- What a parallel loop carries -----------------------------------------------------------------------------------

TEST(Loops, AssigningAnOuterVarInAParallelLoop) {
  static auto f = jit([](Array a) {
    Var last = 0.0;
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      last = a(i);
    }
    return last;
  });
  expect_error<UsageError>(
      {"prange", {"f64"}, {"scalar"}, "declare the Var inside", {"assign a Var declared outside it"}},
      [] { f(zeros(3)); });
}

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

TEST(Loops, ReadingAReductionInTheLoop) {
  static auto f = jit([](Array a) {
    Var s = 0.0;
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      s += a(i);
      a(i) = s;
    }
    return s;
  });
  expect_error<UsageError>({"prange", {"f64"}, {"scalar"}, "use only one of", {"both update and read a Var"}},
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

TEST(Loops, SwapInAParallelLoop) {
  static auto f = jit([](Array a, Array b) {
    for (Value i : prange(a.shape(0))) {
      a(i) = i;
      next_line_is_wrong();
      kiln::swap(a, b);
    }
  });
  expect_error<UsageError>({"swap", {"f64"}, {"rank 1"}, "swap after the loop", {"prange"}},
                           [] { f(zeros(3), zeros(3)); });
}

// The size of an array must be known when it is made, and an iteration's own is made before the loop.

TEST(Loops, ExtentReadFromAnArrayInAParallelLoop) {
  static auto f = jit([](Array n, Array out) {
    for (Value i : prange(n.shape(0))) {
      next_line_is_wrong();
      const Array row = zeros(n(i) + 1, f32);
      row(0) = i;
      out(i) = sum(row);
    }
  });
  for (const bool interpret : {false, true})
    expect_error<UsageError>({"a new f32 array", {"f32"}, {"rank 1"}, "as large as the largest", {"prange"}},
                             [&] { f.with({.interpret = interpret})(arange(3), zeros(3)); });
}

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

TEST(Loops, UnrollingAHugeLoop) {
  static auto f = jit([](Array a, Value x) {
    Var s = 0.0;
    for (int k = 0; k < 30'000; ++k) {
      next_line_is_wrong();
      s = s * x;
    }
    return a + s;
  });
  expect_error<UsageError>({"20000 times", no_dtypes, no_shapes, "range(n)", {"C++ loop is unrolled"}},
                           [] { f(zeros(3), 1.0); });
}

Value factorial(Value n);
const auto traced_factorial = jit<factorial>();
Value factorial(Value n) {
  next_line_is_wrong();
  return n * traced_factorial(n - 1);
}

TEST(Loops, Recursion) {
  expect_error<UsageError>({"calls itself", no_dtypes, no_shapes, "write a loop", {"recursion"}},
                           [] { traced_factorial(5); });
}

TEST(Loops, VectorizeOfSeveralResults) {
  static auto two = vectorize([](Value x) { return std::tuple(x, Value(x + 1)); });
  expect_error<UsageError>({"vectorize", no_dtypes, no_shapes, "use jit", {"one Value"}}, [] {
    announced = {__FILE__, __LINE__ - 2};
    (void)two(zeros(3));
  });
}

// += and its kin are updates that never race; the others would lose what another iteration wrote.
TEST(Loops, DivisionOfAnElementThatIterationsShare) {
  static auto f = jit([](Array a, Array b) {
    for (Value i : prange(b.shape(0))) {
      next_line_is_wrong();
      a(b(i)) /= 2;
    }
  });
  expect_error<UsageError>({"'/='", {"f64"}, {"rank 1"}, "use range, or +=", {"inside prange"}},
                           [] { f(zeros(3), zeros(9, i64)); });
}

}  // namespace
