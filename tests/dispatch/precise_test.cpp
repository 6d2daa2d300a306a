// JitOptions::precise: the same bits interpreted and compiled, at any vector width, on any number of threads, of arrays
// and of numbers. How precise it is, tests/accuracy measures.
#include "tests/dispatch/calls.h"

#include <cmath>

namespace kiln {
namespace {

using test::elements;

constexpr JitOptions ways[] = {{.precise = true},
                               {.precise = true, .vector_bits = 128},
                               {.precise = true, .vector_bits = 256, .threads = 3, .force_threads = true},
                               {.precise = true, .vector_bits = 512, .threads = 2, .force_threads = true}};

const auto arrays = jit([](Array a, Array b) {
  return std::tuple(exp(a) + exp2(a), log(b) * log2(b) - log10(b), sin(a) + cos(a) + tan(a), pow(b, a) + hypot(a, b),
                    sinh(a) + cosh(a) + tanh(a), asinh(a) + acosh(b + 1) + erf(a) + erfc(a),
                    expm1(a) + log1p(b) + cbrt(a) + atan2(a, b) + atan(a));
});

template <class T, std::size_t... k>
void expect_equal(const T& found, const T& wanted, const JitOptions& options, std::index_sequence<k...>) {
  const auto one = [&](const Array& x, const Array& y, std::size_t which) {
    EXPECT_TRUE(array_equal(x, y).as_bool())
        << "result " << which << ", " << options.vector_bits << " bits, " << options.threads << " threads";
  };
  (one(std::get<k>(found), std::get<k>(wanted), k), ...);
}

TEST(Precise, SameBitsEverywhere) {
  for (const DType dtype : {f32, f64})
    for (const std::int64_t n : {1, 7, 64, 1003}) {
      const Array a = ((arange(n) * 37 % 1009) / 100.0 - 5).astype(dtype), b = abs(a) + 0.25;
      const auto wanted = arrays.with({.precise = true, .interpret = true})(a, b);
      for (const JitOptions& options : ways)
        expect_equal(arrays.with(options)(a, b), wanted, options, std::make_index_sequence<7>());
    }
}

TEST(Precise, NumbersAreLanes) {
  const auto number = jit([](Value x) { return exp(x) + sin(x) * cbrt(x); });
  const auto elementwise = jit([](Array x) { return exp(x) + sin(x) * cbrt(x); });
  const Array x = array(std::vector<double>{0.1, 1.7, -3.3, 12.25});
  const Array all = elementwise.with({.precise = true})(x);
  for (std::int64_t k = 0; k < 4; ++k)
    EXPECT_EQ(number.with({.precise = true})(x(k)).as_double(), all(k).as_double()) << k;
}

// An f32 function is the f64 one, rounded: libm's is good enough to tell.
TEST(Precise, SinglesAreRounded) {
  const auto f = jit([](Array x) { return log(x); });
  const Array x = (arange(1, 20'000) / 1000.0).astype(f32);
  const std::vector<float> in = elements<float>(x), precise = elements<float>(f.with({.precise = true})(x));
  std::size_t wrong = 0;
  for (std::size_t k = 0; k < in.size(); ++k) wrong += precise[k] != static_cast<float>(std::log(double{in[k]}));
  EXPECT_EQ(wrong, 0u);
}

TEST(Precise, IsInTheKey) {
  const auto f = jit([](Array x) { return exp(x); });
  const Array x = ones(5);
  f(x);
  f.with({.precise = true})(x);
  f.with({.precise = true})(x);
  EXPECT_COMPILES(f, 2);
}

TEST(Precise, FunctionsOfConstants) {
  // Folded while tracing or computed by compiled code: one result.
  const auto folded = jit([](Array x) { return x * exp(Value(2.7)); });
  const auto computed = jit([](Array x, Value y) { return x * exp(y); });
  const Array x = ones(5);
  EXPECT_TRUE(array_equal(folded.with({.precise = true})(x), computed.with({.precise = true})(x, 2.7)).as_bool());
}

}  // namespace
}  // namespace kiln
