// Contraction: with `contract` a product that is added becomes an fma, the left one of two, bit for bit what std::fma
// gives; without it none does. At any vector width, on any number of threads, interpreted too.
#include "tests/dispatch/calls.h"

#include <bit>
#include <cmath>
#include <type_traits>

namespace kiln {
namespace {

using test::contains;
using test::elements;

constexpr std::int64_t n = 1003;

// Numbers with all bits of their mantissas in use: nearly every product is rounded.
template <class T>
std::vector<T> mixed(std::uint64_t seed) {
  std::vector<T> v(n);
  std::uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
  for (T& each : v) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    each = static_cast<T>(static_cast<double>(x >> 11) * 0x1p-52 - 1.0);
  }
  return v;
}

template <class T>
bool same(T x, T y) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<Bits>(x) == std::bit_cast<Bits>(y);
}

template <class T>
class Contract : public testing::Test {
 protected:
  using Reference = T (*)(T, T, T, T);

  const std::vector<T> a_ = mixed<T>(1), b_ = mixed<T>(2), c_ = mixed<T>(3), d_ = mixed<T>(4);
  const Array a = array(a_), b = array(b_), c = array(c_), d = array(d_);

  // What f gives, of a, b, c and d, for each of its elements `fused` with contraction and `plain` without.
  template <class F>
  void expect(const F& f, Reference fused, Reference plain) const {
    std::size_t differ = 0;
    for (std::size_t k = 0; k < a_.size(); ++k)
      differ += !same(fused(a_[k], b_[k], c_[k], d_[k]), plain(a_[k], b_[k], c_[k], d_[k]));
    ASSERT_GT(differ, a_.size() / 16) << "the numbers do not tell the two apart";
    expect_of_all_ways(f, fused, plain);
  }
  template <class F>
  void expect_in_any_case(const F& f, Reference plain) const {
    expect_of_all_ways(f, plain, plain);
  }

 private:
  template <class F>
  void expect_of_all_ways(const F& f, Reference fused, Reference plain) const {
    for (JitOptions options : ways()) {
      check(f, options, plain, "no contraction");
      options.contract = true;
      check(f, options, fused, "contract");
      options.contract = false;
      options.fast_math = FastMath::contract;
      check(f, options, fused, "FastMath::contract");
    }
  }
  static auto ways() {
    return std::vector<JitOptions>{{},
                                   {.interpret = true},
                                   {.vector_bits = 128},
                                   {.vector_bits = 256, .threads = 1, .force_threads = true},
                                   {.vector_bits = 256, .threads = 3, .force_threads = true},
                                   {.vector_bits = 512, .threads = 2, .force_threads = true}};
  }
  template <class F>
  void check(const F& f, const JitOptions& options, Reference reference, const char* what) const {
    const std::vector<T> found = elements<T>(f.with(options)(a, b, c, d));
    ASSERT_EQ(found.size(), a_.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      const T wanted = reference(a_[k], b_[k], c_[k], d_[k]);
      ASSERT_TRUE(same(found[k], wanted))
          << what << ", element " << k << ": " << found[k] << ", not " << wanted << "; " << options.vector_bits
          << " bits, " << options.threads << " threads" << (options.interpret ? ", interpreted" : "");
    }
  }
};

using Floats = testing::Types<float, double>;
TYPED_TEST_SUITE(Contract, Floats);

// One scalar expression in a loop, its reference with fma and its reference without.
#define EXPECT_FUSED(expression, fused, plain)                 \
  this->expect(                                                \
      jit([](Array pa, Array pb, Array pc, Array pd) {         \
        Array r = empty_like(pa);                              \
        for (Value i : prange(pa.shape(0))) {                  \
          Value a = pa(i), b = pb(i), c = pc(i), d = pd(i);    \
          (void)b, (void)c, (void)d;                           \
          r(i) = expression;                                   \
        }                                                      \
        return r;                                              \
      }),                                                      \
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { \
        (void)b, (void)c, (void)d;                             \
        return static_cast<TypeParam>(fused);                  \
      },                                                       \
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { \
        (void)b, (void)c, (void)d;                             \
        return static_cast<TypeParam>(plain);                  \
      })

TYPED_TEST(Contract, OneProduct) {
  EXPECT_FUSED(a * b + c, std::fma(a, b, c), a * b + c);
  EXPECT_FUSED(c + a * b, std::fma(a, b, c), c + a * b);
  EXPECT_FUSED(a * b - c, std::fma(a, b, -c), a * b - c);
  EXPECT_FUSED(c - a * b, std::fma(-a, b, c), c - a * b);
  EXPECT_FUSED(a * a + a, std::fma(a, a, a), a * a + a);
}

TYPED_TEST(Contract, TheLeftOfTwoProducts) {
  EXPECT_FUSED(a * b + c * d, std::fma(a, b, c * d), a * b + c * d);
  EXPECT_FUSED(a * b - c * d, std::fma(a, b, -(c * d)), a * b - c * d);
}

TYPED_TEST(Contract, ByStructureAlone) {
  // From the left: a sum is no product, so the right operand of the outer sum is.
  EXPECT_FUSED(a * b + c * d + a * d, std::fma(a, d, std::fma(a, b, c * d)), a * b + c * d + a * d);
  EXPECT_FUSED(a * b * c + d, std::fma(a * b, c, d), a * b * c + d);
  EXPECT_FUSED((a + b) * c - d, std::fma(a + b, c, -d), (a + b) * c - d);
  EXPECT_FUSED((a * b + c) * d + a, std::fma(std::fma(a, b, c), d, a), (a * b + c) * d + a);
  this->expect_in_any_case(
      jit([](Array a, Array b, Array c, Array d) {
        Array r = empty_like(a);
        for (Value i : prange(a.shape(0))) r(i) = a(i) * b(i) / c(i) + d(i) + maximum(a(i) * b(i), c(i));
        return r;
      }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return a * b / c + d + std::fmax(a * b, c); });
}

TYPED_TEST(Contract, AProductOfTwoUsesIsRoundedWhereItIsNotAdded) {
  this->expect(
      jit([](Array pa, Array pb, Array pc, Array) {
        Array r = empty_like(pa);
        for (Value i : prange(pa.shape(0))) {
          Value p = pa(i) * pb(i);
          r(i) = (p + pc(i)) / p;
        }
        return r;
      }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return std::fma(a, b, c) / (a * b); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return (a * b + c) / (a * b); });
}

TYPED_TEST(Contract, ArrayExpressions) {
  this->expect(
      jit([](Array a, Array b, Array c, Array) { return a * b + c; }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return std::fma(a, b, c); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return a * b + c; });
  this->expect(
      jit([](Array a, Array b, Array c, Array d) { return a * b - c * d; }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return std::fma(a, b, -(c * d)); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return a * b - c * d; });
}

TYPED_TEST(Contract, ArrayExpressionsOfAllForms) {
  this->expect(
      jit([](Array a, Array b, Array c, Array d) { return c - a * b + d * 3.0; }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return std::fma(d, TypeParam{3}, std::fma(-a, b, c)); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return (c - a * b) + d * 3; });
  this->expect(
      jit([](Array a, Array b, Array c, Array d) {
        a(rest) = a.copy();  // a parameter that is written
        Array p = a * b;
        Array r = p + c;
        r += d * d;
        return r;
      }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return std::fma(d, d, std::fma(a, b, c)); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return (a * b + c) + d * d; });
  // A number's product on the left comes before an array's on the right.
  this->expect(
      jit([](Array a, Array b, Array c, Array) {
        Array r = empty_like(a);
        for (Value i : range(a.shape(0))) {
          Array pair = a(slice(i, i + 1)) * b(slice(i, i + 1));
          r(slice(i, i + 1)) = c(i) * c(i) + pair;
        }
        return r;
      }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return std::fma(c, c, a * b); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return c * c + a * b; });
}

// A product is a value at its place: what is written to its factors, or to itself, afterwards does not change it.
TYPED_TEST(Contract, NoFactorThatHasChangedSinceIsReadAgain) {
  this->expect_in_any_case(jit([](Array a, Array b, Array c, Array) {
                             Array x = a.copy(), p = x * b;
                             x(rest) = 0;
                             return p + c;
                           }),
                           [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return a * b + c; });
  this->expect_in_any_case(jit([](Array a, Array b, Array c, Array d) {
                             Array x = a.copy(), p = x * b, r = zeros_like(c);
                             for (Value k : range(3)) {
                               r(rest) = p + c;
                               x(rest) = d * k;
                             }
                             return r;
                           }),
                           [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return a * b + c; });
  this->expect_in_any_case(jit([](Array a, Array b, Array c, Array) {
                             Array p = a * b;
                             p(rest) = b;
                             return p + c;
                           }),
                           [](TypeParam, TypeParam b, TypeParam c, TypeParam) { return b + c; });
  this->expect_in_any_case(jit([](Array a, Array b, Array c, Array) {
                             Array x = a.copy(), y = b.copy(), p = x * y;
                             kiln::swap(x, p);
                             return x + c;
                           }),
                           [](TypeParam a, TypeParam b, TypeParam c, TypeParam) { return a * b + c; });
}

TYPED_TEST(Contract, OfBroadcastArrays) {
  const auto f = jit([](Array a, Array b, Array c) { return a(_, newaxis) * b + c; });
  const Array row = this->b(slice(0, 37)), column = this->a(slice(0, 21));
  const Array found = f.with({.contract = true})(column, row, this->c(slice(0, 37)));
  const Array one = f.with({.contract = true})(column, row, this->c(slice(0, 1)));
  for (std::size_t i = 0; i < 21; ++i)
    for (std::size_t j = 0; j < 37; ++j) {
      ASSERT_EQ(found(i, j).as_double(), std::fma(this->a_[i], this->b_[j], this->c_[j])) << i << " " << j;
      ASSERT_EQ(one(i, j).as_double(), std::fma(this->a_[i], this->b_[j], this->c_[0])) << i << " " << j;
    }
}

TYPED_TEST(Contract, Vectorized) {
  this->expect(
      vectorize([](Value a, Value b, Value c, Value d) { return d - (a * b + c) * d; }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return std::fma(-std::fma(a, b, c), d, d); },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam d) { return d - (a * b + c) * d; });
}

TYPED_TEST(Contract, WhatAVarCarries) {
  // Horner's rule, one turn after the other.
  this->expect(
      jit([](Array pa, Array pb, Array pc, Array) {
        Array r = empty_like(pa);
        for (Value i : prange(pa.shape(0))) {
          Var s = pc(i);
          for (Value k : range(5)) s = s * pa(i) + pb(i) * (k + 1);
          r(i) = s;
        }
        return r;
      }),
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) {
        for (int k = 1; k <= 5; ++k) c = std::fma(c, a, b * static_cast<TypeParam>(k));
        return c;
      },
      [](TypeParam a, TypeParam b, TypeParam c, TypeParam) {
        for (int k = 1; k <= 5; ++k) c = c * a + b * static_cast<TypeParam>(k);
        return c;
      });
}

// A reduction has one order and its terms are rounded: no contraction changes a sum or a dot product.
TYPED_TEST(Contract, ReductionsKeepTheirTerms) {
  const auto f = jit([](Array a, Array b) {
    Var s(0.0, a.dtype());
    for (Value i : range(a.shape(0))) s += a(i) * b(i);
    return std::tuple(s, dot(a, b), sum(a * b));
  });
  const auto wanted = f(this->a, this->b);
  for (const int bits : {128, 256, 512})
    for (const bool fast : {false, true}) {
      const auto found = f.with({.contract = !fast, .fast_math = fast, .vector_bits = bits})(this->a, this->b);
      EXPECT_TRUE(same(std::get<0>(found).as_double(), std::get<0>(wanted).as_double())) << bits;
      EXPECT_TRUE(same(std::get<1>(found).as_double(), std::get<1>(wanted).as_double())) << bits;
      EXPECT_TRUE(same(std::get<2>(found).as_double(), std::get<2>(wanted).as_double())) << bits;
    }
}

TEST(Contraction, NeverOfHalfPrecisionOrIntegers) {
  const auto f = jit([](Array a, Array b, Array c) { return a * b + c; });
  for (const DType dtype : {f16, bf16, i32, u8}) {
    const auto some = [&](std::uint64_t seed) {
      return Array((array(mixed<double>(seed)) * 100.0).astype(i64).astype(dtype) / 7).astype(dtype);
    };
    const Array a = some(1), b = some(2), c = some(3);
    EXPECT_TRUE(array_equal(f(a, b, c), f.with({.contract = true})(a, b, c)).as_bool()) << dtype;
  }
}

// The machine code itself: LLVM forms none of its own accord, and with `contract` what is asked for is one instruction
// where the machine has it.
TEST(Contraction, FmaInstructionsOnlyWhenAskedFor) {
  const auto f = jit([](Array a, Array b) {
    Array r = empty_like(a);
    Var s = 0.0;
    for (Value i : prange(a.shape(0))) {
      r(i) = a(i) * b(i) + (a(i) - b(i) * 3.0);
      s += a(i) * b(i);
    }
    return std::tuple(r, s, a * b - a);
  });
  const Array a = ones({100});
  f.with({.vector_bits = 256})(a, a);
  const std::string plain = f.inspect("asm").c_str();
  EXPECT_FALSE(contains(plain, "vfm") || contains(plain, "vfnm") || contains(plain, "fma")) << plain;
  EXPECT_TRUE(contains(plain, "mul")) << plain;
  f.with({.contract = true, .vector_bits = 256})(a, a);
  const std::string contracted = f.inspect("asm").c_str();
  EXPECT_TRUE(contains(contracted, "vfm") || contains(contracted, "vfnm") || contains(contracted, "fma")) << contracted;
}

}  // namespace
}  // namespace kiln
