// Guarded evaluation: what where, && and || do not ask for is not read, interpreted and compiled.
#include "tests/conformance/everywhere.h"

namespace kiln::conformance {
namespace {

constexpr std::int64_t lengths[] = {0, 1, 2, 7, 33, 300};

TEST(Guarded, NestedWheresAtTheEdges) {
  static const auto f = jit([](Array a) {
    Array out = empty_like(a);
    for (Value i : prange(a.shape(0)))
      out(i) = where(i > 0, where(i + 1 < a.shape(0), a(i - 1) + a(i + 1), a(i - 1) * 2), where(i < 0, a(i - 9), -1));
    return out;
  });
  for (const std::int64_t n : lengths)
    everywhere(f, [&](const auto& g) { return results(g(hashed_array(n, f32, 1))); });
}

TEST(Guarded, IndicesThatAreRead) {
  // An index read from memory, tested before it is used; the test itself reads under a guard.
  static const auto f = jit([](Array where_to, Array a) {
    Array out = zeros_like(where_to).astype(f64);
    for (Value i : prange(where_to.shape(0))) {
      Value j = i64(where_to(i));
      Value there = j >= 0 && j < a.shape(0);
      out(i) = where(there && a(j) > 0, a(j), where(there, -a(j), 0.5));
    }
    return out;
  });
  for (const std::int64_t n : lengths)
    everywhere(f, [&](const auto& g) { return results(g(hashed_array(n, i8, 1), hashed_array(40, f64, 2))); });
}

TEST(Guarded, WhileConditions) {
  static const auto f = jit([](Array a) {
    for (Value i : range(1, a.shape(0))) {
      Value key = a(i) + 0;
      Var j = i - 1;
      while_([&] { return j >= 0 && a(j) > key; },
             [&] {
               a(j + 1) = a(j);
               j -= 1;
             });
      a(j + 1) = key;
    }
  });
  for (const std::int64_t n : lengths)
    everywhere(f, [&](const auto& g) {
      const Array a = hashed_array(n, f64, 1);
      g(a);
      return results(a);
    });
}

TEST(Guarded, TermsOfReductions) {
  static const auto f = jit([](Array a, Value k) {
    Var side_by_side(0.0, f32), in_order(0.0, f32), any = false;
    for (Value i : prange(a.shape(0))) side_by_side += where(i + k >= 0 && i + k < a.shape(0), a(i + k), 0);
    for (Value i : range(a.shape(0))) {
      in_order += where(i + k < 0 || i + k >= a.shape(0), 1, a(i + k) * a(i));
      any |= i + k < 0 || i + k >= a.shape(0) || a(i + k) > 0.5;
    }
    return std::tuple(side_by_side, in_order, any);
  });
  for (const std::int64_t n : lengths)
    for (const std::int64_t k : {0, 1, -3, 100})
      everywhere(f, [&](const auto& g) { return results(g(hashed_array(n, f32, 1), k)); });
}

TEST(Guarded, LoadsThatNothingUses) {
  static const auto f = jit([](Array a) {
    Array out = a + 1;
    for (Value i : range(a.shape(0))) {
      Value next = a(i + 1);
      out(i) = where(i < 0, next, a(i));
    }
    return out;
  });
  for (const std::int64_t n : lengths)
    everywhere(f, [&](const auto& g) { return results(g(hashed_array(n, f64, 1))); });
}

TEST(Guarded, AGuardOfALoopAfterTheLoad) {
  // The load comes before the loop whose index says whether it is needed.
  static const auto f = jit([](Array a, Array key) {
    Array out = zeros_like(a);
    for (Value i : range(a.shape(0))) {
      Value next = a(i64(key(i)));
      Var sum(0.0, f64);
      for (Value j : range(3)) sum += where(j > 5, next, a(i));
      out(i) = sum;
    }
    return out;
  });
  everywhere(f, [&](const auto& g) { return results(g(hashed_array(7, f64, 1), full({7}, std::int64_t{1} << 40))); });
}

TEST(Guarded, AnArmOfAnArrayExpression) {
  // The element is read once, before the loop over all, whose masks say whether it is needed.
  static const auto f = jit([](Array a, Array key) { return where(a > 1e9, a, where(a < -1e9, a(i64(key(0))), 2)); });
  // Outside a trace it is read where it is written, and that is an error.
  in_traces(f, [&](const auto& g) { return results(g(hashed_array(40, f64, 1), full({1}, std::int64_t{1} << 40))); });
}

TEST(Guarded, ManyConditions) {
  static const auto f = jit([](Array a, Array key) {
    Array out = zeros_like(key).astype(f64);
    for (Value i : prange(key.shape(0))) {
      Value k = i64(key(i));
      Value low = where(k == 11, a(k), where(k == 10, a(k) + 1, where(k == 9, a(k) + 2, where(k == 8, a(k) + 3, 0.5))));
      Value middle =
          where(k == 7, a(k), where(k == 6, a(k) + 1, where(k == 5, a(k) + 2, where(k == 4, a(k) + 3, low))));
      out(i) = where(k == 3, a(k), where(k == 2, a(k) + 1, where(k == 1, a(k) + 2, where(k == 0, a(k), middle))));
    }
    return out;
  });
  everywhere(f, [&](const auto& g) {
    return results(g(hashed_array(12, f64, 1), arange(60) * 1'000'000'007 - 5'000'000'035));
  });
}

}  // namespace
}  // namespace kiln::conformance
