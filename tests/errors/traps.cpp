// Natural-looking code that is legal: it does what the language says, traced and outside a trace alike.
#include "tests/errors/expect_error.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

double abs_of_a_plain_double(double x);

namespace {

using namespace kiln;
using namespace kiln::tests;

double number(const Value& v) { return static_cast<double>(v); }

// ---- Handles --------------------------------------------------------------------------------------------------------

TEST(Traps, ACopyOfAVarIsANewVar) {
  static auto f = jit([](Value n) {
    Var x = n;
    auto y = x;
    y += 1;
    x *= 10;
    return std::tuple(x, y);
  });
  const auto [x, y] = f(4);
  EXPECT_EQ(number(x), 40);
  EXPECT_EQ(number(y), 5);
  Var p = 4;
  auto q = p;
  q += 1;
  EXPECT_EQ(static_cast<int>(p), 4);
  EXPECT_EQ(static_cast<int>(q), 5);
}

TEST(Traps, AssigningAVarToAVarCopiesItsValue) {
  static auto f = jit([](Array a) {
    Var previous = 0.0, current = 1.0;
    for (Value i : range(a.shape(0))) {
      a(i) = previous;
      Var next = previous + current;
      previous = current;
      current = next;
    }
    return a;
  });
  EXPECT_TRUE(array_equal(f(zeros(8)), Array{0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0}).as_bool());
}

TEST(Traps, AValueOfAVarIsTheValueThen) {
  static auto f = jit([](Array a) {
    Var x = 1.0;
    const Value before = x;
    for (Value i : range(a.shape(0))) x += a(i);
    return std::tuple(before, Value(x));
  });
  const auto [before, after] = f(ones(3));
  EXPECT_EQ(number(before), 1);
  EXPECT_EQ(number(after), 4);
}

TEST(Traps, AnElementIsTheValueThen) {
  static auto f = jit([](Array a) {
    auto x = a(0);
    a(0) = 5;
    return x + a(0);
  });
  const Array a = ones(3);
  EXPECT_EQ(number(f(a)), 6);
  EXPECT_EQ(number(a(0)), 5);
  auto x = a(1);
  a(1) = 7;
  EXPECT_EQ(number(x), 1);
}

TEST(Traps, AssigningAnElementToAnElementStores) {
  static auto f = jit([](Array a) {
    for (Value i : range(a.shape(0) - 1)) a(i) = a(i + 1);
  });
  const Array a = arange(5);
  f(a);
  EXPECT_TRUE(array_equal(a, Array{1, 2, 3, 4, 4}.astype(i64)).as_bool());
  a(0) = a(4);
  EXPECT_EQ(number(a(0)), 4);
}

TEST(Traps, AssigningAViewToAViewStores) {
  static auto f = jit([](Array a) { a(slice(0, 2)) = a(slice(2, 4)); });
  const Array a = arange(4);
  f(a);
  EXPECT_TRUE(array_equal(a, Array{2, 3, 2, 3}.astype(i64)).as_bool());
}

TEST(Traps, AssigningToANamedArrayRebindsIt) {
  static auto f = jit([](Array a) {
    Array v = a(slice(0, 2));
    v = v + 10;
    return v;
  });
  const Array a = arange(4);
  EXPECT_TRUE(array_equal(f(a), Array{10, 11}.astype(i64)).as_bool());
  EXPECT_TRUE(array_equal(a, arange(4)).as_bool());
  Array v = a(slice(0, 2));
  v = v + 10;
  EXPECT_TRUE(array_equal(a, arange(4)).as_bool());
  v = a(slice(0, 2));
  v(rest) = 9;
  EXPECT_EQ(number(a(0)), 9);
}

TEST(Traps, ACopyOfAnArrayIsTheSameArray) {
  static auto f = jit([](Array a) {
    Array b = a, c = a.copy();
    b += 1;
    c += 100;
    return c;
  });
  const Array a = zeros(3);
  EXPECT_EQ(number(f(a)(0)), 100);
  EXPECT_EQ(number(a(0)), 1);
  Array b = a, c = a.copy();
  b(0) = 5;
  c(0) = 6;
  EXPECT_EQ(number(a(0)), 5);
}

TEST(Traps, RebindingInTheScopeOfTheNameIsFine) {
  static auto f = jit([](Array a, Value n) {
    a = a + 1;
    for (Value t : range(n)) {
      Array b = a * t;
      b = b + 1;
      a(rest) = b;
    }
    return a;
  });
  EXPECT_EQ(number(f(zeros(2), 3)(0)), 5);  // 1 -> 1*0+1 -> 1*1+1 -> 2*2+1
}

TEST(Traps, SwapOfTwoBuffers) {
  static auto f = jit([](Array a, Array b, Value n) {
    for ([[maybe_unused]] Value t : range(n)) {
      b(rest) = a + 1;
      kiln::swap(a, b);
    }
    return a.copy();
  });
  EXPECT_EQ(number(f(zeros(2), zeros(2), 3)(0)), 3);
  EXPECT_EQ(number(f(zeros(2), zeros(2), 4)(0)), 4);
}

// ---- Numbers --------------------------------------------------------------------------------------------------------

TEST(Traps, DivisionOfIntegersIsAFloat) {
  static auto f = jit([](Value n) { return std::tuple(Value(n / 2), floordiv(n, 2)); });
  const auto [quotient, whole] = f(5);
  EXPECT_EQ(number(quotient), 2.5);
  EXPECT_EQ(quotient.dtype(), f64);
  EXPECT_EQ(number(whole), 2);
  EXPECT_TRUE(whole.dtype().is_integer());
}

TEST(Traps, ArithmeticOfCppIntegersIsCpp) {
  static auto f = jit([](Array a) { return std::tuple(Array(1 / 2 * a), Array(1.0 / 2 * a), Array(a / 2)); });
  const auto [zero, half, quotient] = f(ones(2));
  EXPECT_EQ(number(zero(0)), 0);  // NOLINT(bugprone-integer-division)
  EXPECT_EQ(number(half(0)), 0.5);
  EXPECT_EQ(number(quotient(0)), 0.5);
}

TEST(Traps, AbsOfAPlainDoubleIsNotThatOfIntegers) {
  EXPECT_EQ(abs_of_a_plain_double(-2.7), 2.7);
  EXPECT_EQ(number(abs(Value(-2.7))), 2.7);
}

// Compilers warn of it; it is tested because it means what it seems to.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wparentheses"
TEST(Traps, ComparisonBindsStrongerThanAnd) {
  static auto f = jit([](Value a, Value b, Value c, Value d) { return i64(a < b & c < d); });
  EXPECT_EQ(number(f(1, 2, 3, 4)), 1);
  EXPECT_EQ(number(f(1, 2, 4, 3)), 0);
}
#pragma GCC diagnostic pop

TEST(Traps, NumbersThatDoNotFitCompareAsTheyAre) {
  static auto f = jit([](Array a) { return all(a < 300) && !any(a < -1); });
  EXPECT_TRUE(f(arange(200).astype(u8)).as_bool());
  EXPECT_TRUE(all(arange(200).astype(u8) < 300).as_bool());
  EXPECT_TRUE(all(arange(3).astype(u64) > -1).as_bool());
}

TEST(Traps, ArgumentsThatDoNotFitCompareAsTheyAre) {
  static auto f = jit([](Array a, Value n) { return all(a < n) && !any(a < -n) && a(0) != n; });
  const Array a = arange(1, 200).astype(u8), b = arange(1, 200).astype(u64);
  for (const bool interpret : {false, true})
    for (const int n : {200, 300, 257})
      for (const Array& x : {a, b}) EXPECT_TRUE(f.with({.interpret = interpret})(x, n).as_bool()) << n;
}

TEST(Traps, ReadingAVarOutsideATrace) {
  Var n = 3;
  n += 4;
  ++n;
  EXPECT_EQ(static_cast<int>(n), 8);
  EXPECT_EQ(number(n / 5), 1.6);
  EXPECT_EQ(n.dtype(), i64);
}

// ---- C++ while tracing ----------------------------------------------------------------------------------------------

TEST(Traps, ACppLoopUnrolls) {
  static auto f = jit([](Array a, int times) {
    Var s = 0.0;
    for (int k = 0; k < times; ++k) s += a(k);
    return s;
  });
  EXPECT_EQ(number(f(arange(5), 3)), 3);
  EXPECT_EQ(number(f(arange(5), 4)), 6);
  EXPECT_EQ(f.specializations().size(), 2);  // a plain int is a constant: a compile for each value
}

double plain_factor = 2;

TEST(Traps, APlainGlobalIsAConstantOfTheFirstTrace) {
  static auto f = jit([](Array a) { return a * plain_factor; });
  EXPECT_EQ(number(f(ones(1))(0)), 2);
  plain_factor = 3;
  EXPECT_EQ(number(f(ones(1))(0)), 2);
}

TEST(Traps, ALoopVariableMayHideTheWholeAxis) {
  static auto f = jit([](Array a) {
    for (Value _ : range(a.shape(0))) a(_) = _;
  });
  const Array a = zeros(3);
  f(a);
  EXPECT_EQ(number(a(2)), 2);
}

TEST(Traps, LocalNamesOfTheCLibrary) {
  static auto f = jit([](Value x) {
    const Value y1 = x + 1, j0 = y1 * 2, index = j0 - 1, trace = index, gamma = trace;
    return gamma;
  });
  EXPECT_EQ(number(f(1)), 3);
}

// ---- Exceptions -----------------------------------------------------------------------------------------------------

struct UsersOwn {
  int number;
};
bool must_throw = false;

void expect_users_own(const std::function<void()>& call) {
  must_throw = true;
  try {
    call();
    ADD_FAILURE() << "no exception";
  } catch (const UsersOwn& e) {
    EXPECT_EQ(e.number, 42);
  }
  must_throw = false;
}

TEST(Traps, AnExceptionOfTheBodyPassesThrough) {
  static auto f = jit([](Array a) {
    Var s = 0.0;
    for (Value i : prange(a.shape(0))) {
      if (must_throw) throw UsersOwn{42};
      s += a(i);
    }
    return s;
  });
  expect_users_own([] { f(ones(3)); });
  EXPECT_EQ(number(f(ones(3))), 3);
}

TEST(Traps, AnExceptionOfEveryKindOfScopePassesThrough) {
  static auto f = jit([](Array a) {
    Var n = 0;
    while_([&] { return n < 3; },
           [&] {
             n += 1;
             if_(n > 1, [&] {
               for (Value i : range(a.shape(0))) {
                 a(i) += n;
                 if (must_throw) throw UsersOwn{42};
               }
             });
           });
    return a;
  });
  expect_users_own([] { f(zeros(2)); });
  EXPECT_EQ(number(f(zeros(2))(0)), 5);
}

auto inner = jit([](Array a) {
  if (must_throw) throw UsersOwn{42};
  return a + 1;
});

TEST(Traps, AnExceptionOfAnInlinedFunctionPassesThrough) {
  static auto f = jit([](Array a) { return inner(a) * 2; });
  expect_users_own([] { f(zeros(2)); });
  EXPECT_EQ(number(f(zeros(2))(0)), 2);
}

TEST(Traps, AnExceptionCaughtBetweenTwoCallsInATrace) {
  static auto f = jit([](Array a) {
    must_throw = true;
    try {
      a = inner(a);
    } catch (const UsersOwn&) {
    }
    must_throw = false;
    return inner(a);
  });
  EXPECT_EQ(number(f(zeros(2))(0)), 1);
}

TEST(Traps, AStandardExceptionKeepsItsType) {
  static auto f = jit([](Array a) -> Array { throw std::out_of_range("the user's text " + std::to_string(a.rank())); });
  try {
    f(zeros({2, 2}));
    ADD_FAILURE() << "no exception";
  } catch (const std::out_of_range& e) {
    EXPECT_STREQ(e.what(), "the user's text 2");
  }
}

TEST(Traps, AfterAnErrorTheNextCallWorks) {
  static auto f = jit([](Array a, int wrong) {
    Var s = 0.0;
    for (Value i : range(a.shape(0))) {
      s += a(i);
      if (wrong) break;
    }
    return s;
  });
  EXPECT_THROW(f(ones(3), 1), UsageError);
  EXPECT_EQ(number(f(ones(3), 0)), 3);
  EXPECT_THROW(f(ones(3), 1), UsageError);
  EXPECT_EQ(number(sum(ones(3) + 1)), 6);
}

// ---- Loads that are not performed -----------------------------------------------------------------------------------

TEST(Traps, GuardedLoadsDoNotReadOutside) {
  static auto f = jit([](Array a, Value key) {
    for (Value i : range(1, a.shape(0))) {
      const Value x = a(i);
      Var j = i - 1;
      while_([&] { return j >= 0 && a(j) > x; },
             [&] {
               a(j + 1) = a(j);
               j -= 1;
             });
      a(j + 1) = x;
    }
    return where(key < a.shape(0), a(where(key < a.shape(0), key, 0)), -1);
  });
  const Array a{3, 1, 2, 0};
  EXPECT_EQ(number(f(a, 7)), -1);
  EXPECT_TRUE(array_equal(a, Array{0, 1, 2, 3}).as_bool());
}

}  // namespace
