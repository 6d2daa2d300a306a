// Misuse of dtypes: operations that a dtype does not have, and numbers that do not fit.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Operators ------------------------------------------------------------------------------------------------------

TEST(DTypes, XorAsPowerOfAScalar) {
  static auto f = jit([](Value x) {
    next_line_is_wrong();
    return x ^ 2;
  });
  expect_error<DTypeError>({"'^'", {"f64", "i64"}, {"scalar"}, "pow"}, [] { f(1.5); });
}

TEST(DTypes, XorAsPowerOutsideATrace) {
  const Value x = 1.5;
  expect_error<DTypeError>({"'^'", {"f64", "i64"}, {"scalar"}, "pow"}, [&] {
    next_line_is_wrong();
    (void)(x ^ 2);
  });
}

TEST(DTypes, AndBindsWeakerThanComparison) {
  static auto f = jit([](Array a) {
    Var odd = 0;
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      if_(a(i) & (1 == Value(0)), [&] { odd += 1; });
    }
    return odd;
  });
  expect_error<DTypeError>({"'&'", {"i64", "bool"}, {"scalar"}, "parentheses"}, [] { f(arange(3)); });
}

TEST(DTypes, ChainedComparison) {
  static auto f = jit([](Value n) {
    next_line_is_wrong();
    return 0 < n < 5;
  });
  expect_error<DTypeError>({"'<'", {"bool", "i64"}, {"scalar"}, "a < b && b < c"}, [] { f(3); });
}

TEST(DTypes, NegativeOfABool) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return -(a > 0);
  });
  expect_error<DTypeError>({"'-'", {"bool"}, {"(3,)"}, "!"}, [] { f(arange(3)); });
}

// ---- Complex numbers ------------------------------------------------------------------------------------------------

TEST(DTypes, FloorOfComplexNumbers) {
  const Array a = zeros(3, c128);
  expect_error<DTypeError>({"'floor'", {"c128"}, {"(3,)"}, "round rounds both parts", {"complex"}}, [&] {
    next_line_is_wrong();
    (void)floor(a);
  });
}

TEST(DTypes, CastOfComplexNumbersToReal) {
  const Array a = zeros(3, c64);
  expect_error<DTypeError>({"conversion", {"c64", "f32"}, {"(3,)"}, "real(z)", {"imaginary"}}, [&] {
    next_line_is_wrong();
    (void)a.astype(f32);
  });
  static auto f = jit([](Array z) {
    next_line_is_wrong();
    return i64(z(0));
  });
  expect_error<DTypeError>({"conversion", {"c64", "i64"}, {"scalar"}, "real(z)", {"imaginary"}}, [&] { f(a); });
}

TEST(DTypes, ComplexNumberStoredIntoARealArray) {
  const Array a = zeros(3, f64);
  const Array z = zeros(3, c128);
  expect_error<DTypeError>({"conversion", {"c128", "f64"}, {"(3,)"}, "real(z)", {"imaginary"}}, [&] {
    next_line_is_wrong();
    a(rest) = z;
  });
  expect_error<DTypeError>({"conversion", {"c128", "f64"}, {"scalar"}, "real(z)", {"imaginary"}}, [&] {
    next_line_is_wrong();
    a(1) = z(1);
  });
  static auto f = jit([](Array x, Array w) {
    next_line_is_wrong();
    x(0) = w(0);
  });
  expect_error<DTypeError>({"conversion", {"c128", "f64"}, {"scalar"}, "real(z)", {"imaginary"}}, [&] { f(a, z); });
}

TEST(DTypes, ComplexNumberForARealVar) {
  static auto f = jit([](Array z) {
    Var x(0.0, f32);
    next_line_is_wrong();
    x = z(0);
    return x;
  });
  expect_error<DTypeError>({"conversion", {"c64", "f32"}, {"scalar"}, "real(z)", {"imaginary"}},
                           [] { f(zeros(3, c64)); });
}

// ---- Conditions -----------------------------------------------------------------------------------------------------

TEST(DTypes, BreakIfOfANumber) {
  static auto f = jit([](Array a) {
    Var x = 0;
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      break_if(a(i));
      x += 1;
    }
    return x;
  });
  expect_error<DTypeError>({"break_if", {"f64", "bool"}, {"scalar"}, "x != 0"}, [] { f(zeros(3)); });
}

// ---- Integers are needed --------------------------------------------------------------------------------------------

TEST(DTypes, EagerFloatIndexOfAView) {
  const Array a = zeros({2, 2});
  expect_error<DTypeError>({"index", {"f64"}, {"(2, 2)", "scalar"}, "floordiv"}, [&] {
    next_line_is_wrong();
    (void)a(0.5, _);
  });
}

TEST(DTypes, EagerFloatBound) {
  const Array a = arange(4);
  expect_error<DTypeError>({"slice", {"i64", "f64"}, {"(4,)", "scalar"}, "floordiv"}, [&] {
    next_line_is_wrong();
    (void)a(slice(0.5, _));
  });
}

TEST(DTypes, ArangeOfABool) {
  expect_error<DTypeError>({"arange", {"bool"}, {"scalar"}, "integers or floats"}, [] {
    next_line_is_wrong();
    (void)arange(true, true, true);
  });
}

// ---- What does not fit ----------------------------------------------------------------------------------------------

TEST(DTypes, ParallelIntegerElementUpdateByAFloat) {
  static auto f = jit([](Array a, Array x) {
    for (Value i : prange(x.shape(0))) {
      next_line_is_wrong();
      a(0) += x(i);
    }
  });
  expect_error<DTypeError>({"'+='", {"f64", "i64"}, {"(3,)", "scalar"}, "i64(x)"}, [] { f(arange(3), zeros(3)); });
}

TEST(DTypes, EagerUpdateOfBools) {
  Array a = arange(3) < 2;
  expect_error<DTypeError>({"'-='", {"bool"}, {"(3,)"}, "^"}, [&] {
    next_line_is_wrong();
    a -= a;
  });
}

TEST(DTypes, TracedUpdateByANumberThatDoesNotFit) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    a *= 300;
    return a;
  });
  expect_error<DTypeError>({"'*='", {"u8"}, {"(3,)"}, "cast", {"300"}}, [] { f(zeros(3, u8)); });
}

TEST(DTypes, ParallelElementUpdateByABool) {
  static auto f = jit([](Array a) {
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      a(i) &= a(i) > 0;
    }
  });
  expect_error<DTypeError>({"'&='", {"i64", "bool"}, {"(3,)", "scalar"}, "cast"}, [] { f(arange(3)); });
}

TEST(DTypes, ElementUpdateByABool) {
  static auto f = jit([](Array a) {
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      a(i) &= a(i) > 0;
    }
  });
  expect_error<DTypeError>({"'&='", {"i64", "bool"}, {"scalar"}, "parentheses"}, [] { f(arange(3)); });
}

TEST(DTypes, EagerElementUpdateByABool) {
  const Array a = arange(3);
  expect_error<DTypeError>({"'^='", {"i64", "bool"}, {"scalar"}, "parentheses"}, [&] {
    next_line_is_wrong();
    a(0) ^= true;
  });
}

TEST(DTypes, ParallelElementMaximumOfAFloat) {
  static auto f = jit([](Array a, Array x) {
    for (Value i : prange(x.shape(0))) {
      next_line_is_wrong();
      a(0).max(x(i));
    }
  });
  expect_error<DTypeError>({"'.max'", {"i64", "f64"}, {"(3,)", "scalar"}, "i64(x)"}, [] { f(arange(3), zeros(3)); });
}

TEST(DTypes, VarUpdateByABool) {
  static auto f = jit([](Array a) {
    Var n = 7;
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      n ^= a(i) > 0;
    }
    return n;
  });
  expect_error<DTypeError>({"'^='", {"i64", "bool"}, {"scalar"}, "parentheses"}, [] { f(arange(3)); });
}

TEST(DTypes, EagerStoreOfANumberThatDoesNotFit) {
  const Array a = zeros(3, u8);
  expect_error<DTypeError>({"'='", {"u8"}, {"(3,)"}, "cast it, as in u8(300)", {"the number"}}, [&] {
    next_line_is_wrong();
    a(rest) = 300;
  });
  expect_error<DTypeError>({"'='", {"u8"}, {"scalar"}, "cast it, as in u8(-1)", {"the number"}}, [&] {
    next_line_is_wrong();
    a(0) = -1;
  });
  expect_error<DTypeError>({"'='", {"u8"}, {"(1,)"}, "cast it, as in u8(-1)", {"the number"}}, [&] {
    next_line_is_wrong();
    a(slice(1, 2)) = -1;
  });
  EXPECT_TRUE(array_equal(a, zeros(3, u8)).as_bool());
}

TEST(DTypes, EagerUpdateByANumberThatDoesNotFit) {
  const Array a = zeros(3, i8);
  expect_error<DTypeError>({"'+='", {"i8"}, {"scalar"}, "cast", {"the number", "128"}}, [&] {
    next_line_is_wrong();
    a(1) += 128;
  });
}

TEST(DTypes, ScalarsThatDoNotFit) {
  const auto expression = [] {
    next_line_is_wrong();
    return u8(3) + 300;
  };
  static auto f = jit([] {
    next_line_is_wrong();
    return u8(3) + 300;
  });
  expect_error<DTypeError>({"'+'", {"u8"}, {"scalar"}, "cast", {"the number", "300"}}, [&] { (void)expression(); });
  expect_error<DTypeError>({"'+'", {"u8"}, {"scalar"}, "cast", {"the number", "300"}}, [] { f(); });
}

TEST(DTypes, VarStartedWithANumberThatDoesNotFit) {
  expect_error<DTypeError>({"a Var", {"u8"}, {"scalar"}, "cast", {"the number", "300"}}, [] {
    next_line_is_wrong();
    Var n(300, u8);
  });
  static auto f = jit([] {
    next_line_is_wrong();
    Var n(300, u8);
    return n;
  });
  expect_error<DTypeError>({"a Var", {"u8"}, {"scalar"}, "cast", {"the number", "300"}}, [] { f(); });
}

TEST(DTypes, EagerVarOfADeclaredDtype) {
  Var n(0, i32);
  expect_error<DTypeError>({"Var", {"i32", "f64"}, {"scalar"}, "i32(x)"}, [&] {
    next_line_is_wrong();
    n = 2.5;
  });
  expect_error<DTypeError>({"Var", {"i32", "f64"}, {"scalar"}, "i32(x)"}, [&] {
    next_line_is_wrong();
    n += 2.5;
  });
  EXPECT_EQ(static_cast<int>(n), 0);
}

TEST(DTypes, SignOfABool) {
  const Array a = arange(3) < 2;
  expect_error<DTypeError>({"'+'", {"bool"}, {"(3,)"}, "cast"}, [&] {
    next_line_is_wrong();
    (void)+a;
  });
  static auto f = jit([](Array x) {
    next_line_is_wrong();
    return +x(0);
  });
  expect_error<DTypeError>({"'+'", {"bool"}, {"scalar"}, "cast"}, [&] { f(a); });
}

TEST(DTypes, VarOfADeclaredDtype) {
  static auto f = jit([](Array a) {
    Var n(0, i32);
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      n = a(i);
    }
    return n;
  });
  expect_error<DTypeError>({"Var", {"i32", "f32"}, {"scalar"}, "i32(x)"}, [] { f(zeros(3, f32)); });
}

TEST(DTypes, ExponentThatIsNoInteger) {
  const Array a = zeros(3);
  expect_error<DTypeError>({"'ldexp'", {"f64"}, {"(3,)", "scalar"}, "i64(n)"}, [&] {
    next_line_is_wrong();
    (void)ldexp(a, 0.5);
  });
  static auto f = jit([](Array x) {
    next_line_is_wrong();
    return ldexp(x, x);
  });
  expect_error<DTypeError>({"'ldexp'", {"f32"}, {"(3,)"}, "i64(n)"}, [] { f(zeros(3, f32)); });
}

TEST(DTypes, ExponentsOfAnotherShape) {
  const Array a = zeros(3), n = zeros(2, i32);
  expect_error<ShapeError>({"'ldexp'", {"f64"}, {"(3,)", "(2,)"}, "1"}, [&] {
    next_line_is_wrong();
    (void)ldexp(a, n);
  });
}

}  // namespace
