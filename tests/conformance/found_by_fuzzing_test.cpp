// Programs that the fuzzer found to go wrong once, made small.
#include "tests/conformance/everywhere.h"

namespace kiln::conformance {
namespace {

TEST(FoundByFuzzing, LoadBeforeALoopKeepsTheGuardThatCanBeTestedThere) {
  // The inner load is asked for under two conditions, one of which belongs to the loop over elements after it.
  static const auto f = jit([](Array a) { a(rest) = where(a != 0, a, where(a.shape(0) > 0, a(2 % a.shape(0)), 1)); });
  // Outside a trace the load happens where it is written, whatever where() would choose.
  for (const std::int64_t n : {0, 1, 5})
    in_traces(f, [&](const auto& g) {
      const Array a = hashed_array(n, f32, 1);
      g(a);
      return results(a);
    });
}

TEST(FoundByFuzzing, ReductionThatWasReadBeforeItsNextLoop) {
  static const auto f = jit([](Array a) {
    Var sum(0.0, f32);
    for (Value i : prange(a.shape(0))) sum += f32(a(i));
    Value before = sum;
    for (Value i : prange(a.shape(0))) sum += f32(a((i64(before) + i) % a.shape(0)));
    return std::tuple(Value(sum), before);
  });
  for (const std::int64_t n : {0, 1, 100, 3000}) {
    const Array a = hashed_array(n, i16, 1);
    everywhere(f, [&](const auto& g) { return results(g(a)); });
  }
}

TEST(FoundByFuzzing, OneArmSwapsAndTheOtherReads) {
  static const auto f = jit([](Array a, Value n) {
    Array t = a * 2;
    Var seen = i64(0);
    if_(n != 0, [&] { swap(t, a); }, [&] { seen = i64(t(n % t.shape(0))); });
    return std::tuple(t, t(0), Value(seen));
  });
  for (const std::int64_t n : {0, 1})
    in_traces(f, [&](const auto& g) {
      const Array a = hashed_array(9, i16, 1);
      const auto [t, first, seen] = g(a, n);
      return results(t, first, seen, a);
    });
}

TEST(FoundByFuzzing, ViewFromTheEndOfAnAxisWithoutElements) {
  static const auto f = jit([](Array a) { return std::tuple(a(slice(_, 1, -2), _), a(slice(_, _, -1), slice(3, _))); });
  for (const std::int64_t n : {0, 1, 7})
    everywhere(f, [&](const auto& g) {
      const Array a = hashed_array(n * 5, i32, 1).reshape({n, 5});
      const auto [every_other, reversed] = g(a);
      return results(every_other, reversed);
    });
}

// Refused in the first trace, where the Var still was a u8 and the number none of its dtype.
TEST(FoundByFuzzing, ANumberThatFitsOnceADtypeHasRisen) {
  static const auto f = jit([](Array a, Array b) {
    Var x(a(0));
    x -= b(0);
    Var y(a(1));
    for (Value i : range(3)) y *= x + (300 + i);
    return std::tuple(300 + x, Value(y), a + i64(1000 - x));
  });
  everywhere(f, [&](const auto& g) { return results(g(hashed_array(9, u8, 1), hashed_array(3, f64, 2))); });
  static const auto wrong = jit([](Array a) {
    Var x(a(0));
    x -= 1;
    return 300 + x;
  });
  EXPECT_THROW(wrong(hashed_array(9, u8, 1)), DTypeError);
}

}  // namespace
}  // namespace kiln::conformance
