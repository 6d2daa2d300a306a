// FastMath: each relaxation does what its name says, alone, to f32 and f64; interpreted and compiled code agree bit for
// bit, whatever the vector width and the number of threads; nothing is relaxed that was not asked for.
#include "tests/dispatch/calls.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace kiln {
namespace {

using test::contains;
using test::elements;

constexpr std::int64_t n = 1003;

template <class T>
std::vector<T> mixed(std::uint64_t seed) {
  std::vector<T> v(n);
  std::uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
  for (T& each : v) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    each = static_cast<T>(static_cast<double>(x >> 11) * 0x1p-50 - 4.0);
  }
  return v;
}

template <class T>
bool same(T x, T y) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<Bits>(x) == std::bit_cast<Bits>(y) || (std::isnan(x) && std::isnan(y));
}

constexpr JitOptions ways[] = {{},
                               {.interpret = true},
                               {.vector_bits = 128},
                               {.vector_bits = 256, .threads = 3, .force_threads = true},
                               {.vector_bits = 512, .threads = 2, .force_threads = true}};

template <class T>
class Relaxed : public testing::Test {
 protected:
  const std::vector<T> a_ = mixed<T>(1), b_ = mixed<T>(2);
  const Array a = array(a_), b = array(b_);
  const T s_ = static_cast<T>(1.7), t_ = static_cast<T>(-0.3);

  // f(a, b, s, t), s and t scalars of the dtype, gives for each element `relaxed` with these relaxations, `plain`
  // without and with all others.
  template <class F, class Relax, class Plain>
  void expect(const F& f, FastMath what, Relax relaxed, Plain plain) const {
    std::size_t differ = 0;
    for (std::size_t k = 0; k < a_.size(); ++k)
      differ += !same<T>(relaxed(a_[k], b_[k], s_, t_), plain(a_[k], b_[k], s_, t_));
    ASSERT_GT(differ, 0u) << "the numbers do not tell the two apart";
    check(f, what, relaxed, "relaxed");
    check(f, false, plain, "not relaxed");
    for (const FastMath::Relaxation other :
         {FastMath::reassociate, FastMath::no_nan, FastMath::no_signed_zero, FastMath::approximate_reciprocal})
      if (!what.has(other)) check(f, other, plain, "relaxed in another way");
  }

  template <class F, class Wanted>
  void check(const F& f, FastMath fast_math, Wanted wanted, const char* what) const {
    const DType dtype = a.dtype();
    for (JitOptions options : ways) {
      options.fast_math = fast_math;
      const std::vector<T> found = elements<T>(f.with(options)(a, b, dtype(s_), dtype(t_)));
      ASSERT_EQ(found.size(), a_.size());
      for (std::size_t k = 0; k < found.size(); ++k) {
        const T x = wanted(a_[k], b_[k], s_, t_);
        ASSERT_TRUE(same(found[k], x)) << what << ", relaxations " << int{fast_math.bits()} << ", element " << k << ": "
                                       << found[k] << ", not " << x << "; " << options.vector_bits << " bits, "
                                       << options.threads << " threads" << (options.interpret ? ", interpreted" : "");
      }
    }
  }
};

using Floats = testing::Types<float, double>;
TYPED_TEST_SUITE(Relaxed, Floats);

// The function of an expression of a(i), b(i), s and t.
#define LOOP(expression)                         \
  jit([](Array pa, Array pb, Value s, Value t) { \
    (void)s, (void)t;                            \
    Array r = empty_like(pa);                    \
    for (Value i : prange(pa.shape(0))) {        \
      Value a = pa(i), b = pb(i);                \
      (void)a, (void)b;                          \
      r(i) = expression;                         \
    }                                            \
    return r;                                    \
  })
#define NUMBER(expression)                                                              \
  [](TypeParam a, TypeParam b, TypeParam s, TypeParam t) {                              \
    (void)a, (void)b, (void)s, (void)t;                                                 \
    [[maybe_unused]] const auto T = [](double x) { return static_cast<TypeParam>(x); }; \
    return static_cast<TypeParam>(expression);                                          \
  }

TYPED_TEST(Relaxed, ReciprocalOfAConstant) {
  this->expect(LOOP(a / 3), FastMath::approximate_reciprocal, NUMBER(a * (1 / T(3))), NUMBER(a / 3));
  this->expect(LOOP(a / (std::sqrt(2.0) * 5)), FastMath::approximate_reciprocal,
               NUMBER(a * (1 / T(std::sqrt(2.0) * 5))), NUMBER(a / T(std::sqrt(2.0) * 5)));
}

TYPED_TEST(Relaxed, ReciprocalOfWhatDoesNotChange) {
  this->expect(LOOP(a / s), FastMath::approximate_reciprocal, NUMBER(a * (1 / s)), NUMBER(a / s));
  this->expect(LOOP(a / (s + t)), FastMath::approximate_reciprocal, NUMBER(a * (1 / (s + t))), NUMBER(a / (s + t)));
}

TYPED_TEST(Relaxed, ReciprocalOfAnOuterLoop) {
  const auto f = jit([](Array pa, Array pb, Value, Value) {
    Array r = empty_like(pa);
    for (Value i : prange(pa.shape(0))) {
      Value b = pb(i);
      for (Value j : range(i, i + 1)) r(j) = pa(j) / b;
    }
    return r;
  });
  this->expect(f, FastMath::approximate_reciprocal, NUMBER(a * (1 / b)), NUMBER(a / b));
}

TYPED_TEST(Relaxed, QuotientsThatStay) {
  const auto stays = [&](const auto& f, auto plain) { this->check(f, true, plain, "all relaxations"); };
  stays(LOOP(a / b), NUMBER(a / b));
  stays(LOOP(1 / a), NUMBER(1 / a));
  stays(LOOP(s / a), NUMBER(s / a));
  // A reciprocal that would not be normal.
  constexpr TypeParam large = std::numeric_limits<TypeParam>::max();
  stays(LOOP(a / pa.dtype()(std::numeric_limits<TypeParam>::max())), NUMBER(a / large));
  stays(LOOP(a / 0), NUMBER(a / T(0)));
}

TYPED_TEST(Relaxed, WholeArrays) {
  const auto f = jit([](Array a, Array, Value s, Value) { return a / s + a / 7; });
  this->expect(f, FastMath::approximate_reciprocal, NUMBER(a * (1 / s) + a * (1 / T(7))), NUMBER(a / s + a / 7));
}

TYPED_TEST(Relaxed, ConstantsOfAChain) {
  this->expect(LOOP(a * 0.3 * 0.7), FastMath::reassociate, NUMBER(a * (T(0.3) * T(0.7))), NUMBER(a * T(0.3) * T(0.7)));
  this->expect(LOOP(0.3 * (a * 0.7)), FastMath::reassociate, NUMBER(a * (T(0.3) * T(0.7))),
               NUMBER(T(0.3) * (a * T(0.7))));
  this->expect(LOOP(a + 0.1 - 0.7), FastMath::reassociate, NUMBER(a + (T(0.1) - T(0.7))), NUMBER(a + T(0.1) - T(0.7)));
}

TYPED_TEST(Relaxed, WhatDoesNotChangeInAChain) {
  this->expect(LOOP(a * s * t), FastMath::reassociate, NUMBER(a * (s * t)), NUMBER(a * s * t));
  this->expect(LOOP(s * a * t * b), FastMath::reassociate, NUMBER(a * b * (s * t)), NUMBER(s * a * t * b));
  this->expect(LOOP(a + s + b - t), FastMath::reassociate, NUMBER(a + b + (s - t)), NUMBER(a + s + b - t));
  this->expect(LOOP(s - a - t), FastMath::reassociate, NUMBER((s - t) - a), NUMBER(s - a - t));
  this->expect(LOOP(s - (a + t)), FastMath::reassociate, NUMBER((s - t) - a), NUMBER(s - (a + t)));
}

TYPED_TEST(Relaxed, ChainsThatStay) {
  // What is shared stays shared: the order of what changes alike is the order it is written in.
  this->check(LOOP(a + b + 1.5), FastMath::reassociate, NUMBER(a + b + T(1.5)), "reassociate");
  this->check(LOOP((a + b) * (a - b) + a), FastMath::reassociate, NUMBER((a + b) * (a - b) + a), "reassociate");
  this->check(LOOP(a + (b + a)), FastMath::reassociate, NUMBER(a + (b + a)), "reassociate");
}

TYPED_TEST(Relaxed, AChainOfAQuotient) {
  this->expect(LOOP(a * 0.3 / 7), FastMath::reassociate | FastMath::approximate_reciprocal,
               NUMBER(a * (T(0.3) * (1 / T(7)))), NUMBER(a * T(0.3) / 7));
}

TYPED_TEST(Relaxed, SignedZeros) {
  constexpr auto relaxed = FastMath::no_signed_zero;
  // -0 of elements whose sign is changed.
  this->expect(LOOP(a * 0 + 0), relaxed, NUMBER(a * 0), NUMBER(a * 0 + 0));
  this->expect(LOOP(0 + a * 0), relaxed, NUMBER(a * 0), NUMBER(0 + a * 0));
  this->expect(LOOP(0 - a * 0), relaxed, NUMBER(-(a * 0)), NUMBER(0 - a * 0));
  this->expect(LOOP(a * 0), FastMath::no_signed_zero | FastMath::no_nan, NUMBER(0), NUMBER(a * 0));
}

template <class T>
T least(T a, T b) {
  return a <= b || std::isnan(a) ? a : b;
}

// What is no NaN gives the very bits of minimum and maximum; what is one, the other operand or itself.
TYPED_TEST(Relaxed, MinimumWithoutNan) {
  this->check(LOOP(minimum(a, b)), FastMath::no_nan, NUMBER(least(a, b)), "no_nan");
  this->check(LOOP(maximum(a, b)), FastMath::no_nan, NUMBER(-least(-a, -b)), "no_nan");
  this->check(LOOP(clip(a, -1, 1)), FastMath::no_nan, NUMBER(a < -1 ? T(-1) : a > 1 ? T(1) : a), "no_nan");
  this->check(LOOP(minimum(a * 0, b * 0)), FastMath::no_nan, NUMBER(a * 0), "the first of two zeros");
  this->check(LOOP(maximum(a * 0, b * 0)), FastMath::no_nan, NUMBER(a * 0), "the first of two zeros");
  this->expect(LOOP(minimum(b, a / 0 * 0)), FastMath::no_nan, NUMBER(b), NUMBER(T(NAN)));
}

TYPED_TEST(Relaxed, AllTogether) {
  const auto f = jit([](Array a, Array b, Value s, Value t) {
    Array r = empty_like(a);
    for (Value i : prange(a.shape(0))) {
      Var x = a(i) / 3 * s * 0.5 + t - 1;
      for (Value j : range(3)) x = maximum(x * s * t + a(i) * b(i), minimum(b(j), 0) / s);
      r(i) = x + 0;
    }
    return r;
  });
  const DType dtype = this->a.dtype();
  for (unsigned bits = 0; bits < 32; ++bits) {
    FastMath fast_math;
    for (const FastMath::Relaxation one : {FastMath::contract, FastMath::reassociate, FastMath::no_nan,
                                           FastMath::no_signed_zero, FastMath::approximate_reciprocal})
      if ((bits & one) != 0) fast_math = fast_math | one;
    const auto result = [&](JitOptions options) {
      options.fast_math = fast_math;
      return f.with(options)(this->a, this->b, dtype(this->s_), dtype(this->t_));
    };
    const Array wanted = result({.interpret = true});
    EXPECT_TRUE(array_equal(wanted, result({})).as_bool()) << bits;
    EXPECT_TRUE(array_equal(wanted, result({.vector_bits = 128, .threads = 3, .force_threads = true})).as_bool())
        << bits;
  }
}

TEST(FastMath, IsASet) {
  constexpr FastMath none, all = true, two = FastMath::contract | FastMath::no_nan;
  static_assert(none == FastMath(false) && none.bits() == 0);
  static_assert(two.has(FastMath::contract) && two.has(FastMath::no_nan) && !two.has(FastMath::reassociate));
  static_assert((two | FastMath::reassociate | FastMath::no_signed_zero | FastMath::approximate_reciprocal) == all);
  static_assert((none | none) == none && (all | two) == all);
}

TEST(FastMath, IsInTheKey) {
  const auto f = jit([](Array a) { return minimum(a / 3, 1); });
  const Array a = ones(5);
  f(a);
  f.with({.fast_math = FastMath::no_nan})(a);
  f.with({.fast_math = FastMath::approximate_reciprocal})(a);
  f.with({.fast_math = FastMath::no_nan})(a);
  f.with({.fast_math = true})(a);
  EXPECT_COMPILES(f, 4);
}

TEST(FastMath, HalvesAndIntegersStay) {
  const auto f = jit([](Array a) { return minimum(a / 3, a * 2 * 5); });
  for (const DType dtype : {f16, bf16, i32}) {
    const Array a = (arange(200) - 100).astype(dtype);
    const DType result = f(a).dtype();
    if (result == f64) continue;  // of integers: the quotient is one of f64
    EXPECT_TRUE(array_equal(f(a), f.with({.fast_math = true})(a)).as_bool()) << dtype;
  }
}

}  // namespace
}  // namespace kiln
