// Native exp, log, sin, tanh, erf, pow and Black-Scholes (inputs spot, strike, years; scalars rate, volatility).
#include <cmath>

#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

constexpr double square_root_of_two = 1.41421356237309504880;

// Each function on vectors (libmvec by name) and on one element (for the loops a compiler vectorizes by itself).
#define NATIVE_FUNCTION(Name, function) \
  struct Name {                         \
    template <class V>                  \
    static V vector(V x) {              \
      return vector_##function(x);      \
    }                                   \
    template <class T>                  \
    static T scalar(T x) {              \
      return std::function(x);          \
    }                                   \
  };
NATIVE_FUNCTION(Exp, exp)
NATIVE_FUNCTION(Log, log)
NATIVE_FUNCTION(Sin, sin)
NATIVE_FUNCTION(Tanh, tanh)
NATIVE_FUNCTION(Erf, erf)
#undef NATIVE_FUNCTION

template <class T, class Function>
[[maybe_unused]] void unary_loop(const NativeCall& call) {
  const T* __restrict x = static_cast<const T*>(call.inputs[0]);
  T* __restrict out = static_cast<T*>(call.outputs[0]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] = Function::scalar(x[i]);
  });
}

template <class T>
[[maybe_unused]] void pow_loop(const NativeCall& call) {
  const T* __restrict x = static_cast<const T*>(call.inputs[0]);
  const T* __restrict y = static_cast<const T*>(call.inputs[1]);
  T* __restrict out = static_cast<T*>(call.outputs[0]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] = std::pow(x[i], y[i]);
  });
}

template <class T, class Function, int bytes, int flight, bool streaming>
void unary_vector(const NativeCall& call) {
  const T* const inputs[] = {static_cast<const T*>(call.inputs[0])};
  T* const outputs[] = {static_cast<T*>(call.outputs[0])};
  parallel_parts(call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, flight, streaming>(inputs, outputs, begin, end, [](auto& in, auto& out) {
      for (int f = 0; f < flight; ++f) out[0][f] = Function::vector(in[0][f]);
    });
  });
}

template <class T, int bytes, int flight, bool streaming>
void pow_vector(const NativeCall& call) {
  const T* const inputs[] = {static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1])};
  T* const outputs[] = {static_cast<T*>(call.outputs[0])};
  parallel_parts(call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, flight, streaming>(inputs, outputs, begin, end, [](auto& in, auto& out) {
      for (int f = 0; f < flight; ++f) out[0][f] = vector_pow(in[0][f], in[1][f]);
    });
  });
}

template <class T>
inline T normal_cdf(T x) {
  return T(0.5) * std::erfc(-x / T(square_root_of_two));
}

template <class T>
[[maybe_unused]] void black_scholes_loop(const NativeCall& call) {
  const T* __restrict spot = static_cast<const T*>(call.inputs[0]);
  const T* __restrict strike = static_cast<const T*>(call.inputs[1]);
  const T* __restrict years = static_cast<const T*>(call.inputs[2]);
  T* __restrict call_price = static_cast<T*>(call.outputs[0]);
  T* __restrict put_price = static_cast<T*>(call.outputs[1]);
  const T rate = T(call.scalars[0]), volatility = T(call.scalars[1]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const T root = std::sqrt(years[i]);
      const T d1 =
          (std::log(spot[i] / strike[i]) + (rate + volatility * volatility / T(2)) * years[i]) / (volatility * root);
      const T d2 = d1 - volatility * root;
      const T discounted = strike[i] * std::exp(-rate * years[i]);
      call_price[i] = spot[i] * normal_cdf(d1) - discounted * normal_cdf(d2);
      put_price[i] = discounted * normal_cdf(-d2) - spot[i] * normal_cdf(-d1);
    }
  });
}

// Stage by stage over the vectors in flight: a call of libmvec keeps nothing in registers, so the stages between two
// calls are what can overlap.
template <class T, int bytes, int flight, bool streaming>
void black_scholes_vector(const NativeCall& call) {
  const T* const inputs[] = {static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1]),
                             static_cast<const T*>(call.inputs[2])};
  T* const outputs[] = {static_cast<T*>(call.outputs[0]), static_cast<T*>(call.outputs[1])};
  const T rate = T(call.scalars[0]), volatility = T(call.scalars[1]);
  const T drift = rate + volatility * volatility / T(2);
  parallel_parts(call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, flight, streaming>(inputs, outputs, begin, end, [=](auto& in, auto& out) {
      using V = Vector<T, bytes>;
      V logarithm[flight], d1[flight], d2[flight], discounted[flight], cdf[4][flight];
      for (int f = 0; f < flight; ++f) logarithm[f] = vector_log(in[0][f] / in[1][f]);
      for (int f = 0; f < flight; ++f) discounted[f] = in[1][f] * vector_exp(-rate * in[2][f]);
      for (int f = 0; f < flight; ++f) {
        const V spread = volatility * square_root(in[2][f]);
        d1[f] = (logarithm[f] + drift * in[2][f]) / spread;
        d2[f] = d1[f] - spread;
      }
      for (int f = 0; f < flight; ++f) {
        const V x1 = d1[f] / T(square_root_of_two), x2 = d2[f] / T(square_root_of_two);
        cdf[0][f] = vector_erfc(-x1);
        cdf[1][f] = vector_erfc(-x2);
        cdf[2][f] = vector_erfc(x2);
        cdf[3][f] = vector_erfc(x1);
      }
      for (int f = 0; f < flight; ++f) {
        out[0][f] = in[0][f] * (T(0.5) * cdf[0][f]) - discounted[f] * (T(0.5) * cdf[1][f]);
        out[1][f] = discounted[f] * (T(0.5) * cdf[2][f]) - in[0][f] * (T(0.5) * cdf[3][f]);
      }
    });
  });
}

// The plain loops stay scalar without -ffast-math, and with clang for half of the functions: they would only cost time.
#if defined(__FAST_MATH__) && !defined(__clang__)
#define NATIVE_LOOP(...) __VA_ARGS__
#else
#define NATIVE_LOOP(...)
#endif

// clang-format off
#define NATIVE_UNARY_ROWS(bench, Function, dtype, T, bits, bytes)          \
  {bench, bits "-bit", dtype, unary_vector<T, Function, bytes, 1, false>}, \
      {bench, bits "-bit, x2, streaming", dtype, unary_vector<T, Function, bytes, 2, true>},

#define NATIVE_ROWS(dtype, T, bits, bytes)                                                                         \
  NATIVE_UNARY_ROWS("exp", Exp, dtype, T, bits, bytes)                                                             \
  NATIVE_UNARY_ROWS("log", Log, dtype, T, bits, bytes)                                                             \
  NATIVE_UNARY_ROWS("sin", Sin, dtype, T, bits, bytes)                                                             \
  NATIVE_UNARY_ROWS("tanh", Tanh, dtype, T, bits, bytes)                                                           \
  NATIVE_UNARY_ROWS("erf", Erf, dtype, T, bits, bytes){"pow", bits "-bit", dtype, pow_vector<T, bytes, 1, false>}, \
      {"pow", bits "-bit, x2, streaming", dtype, pow_vector<T, bytes, 2, true>},                                   \
      {"black_scholes", bits "-bit", dtype, black_scholes_vector<T, bytes, 1, false>},                             \
      {"black_scholes", bits "-bit, x2, streaming", dtype, black_scholes_vector<T, bytes, 2, true>},               \
      {"black_scholes", bits "-bit, x4, streaming", dtype, black_scholes_vector<T, bytes, 4, true>},

#define NATIVE_LOOP_ROWS(dtype, T)                                                              \
  {"exp", "loop", dtype, unary_loop<T, Exp>}, {"log", "loop", dtype, unary_loop<T, Log>},       \
      {"sin", "loop", dtype, unary_loop<T, Sin>}, {"tanh", "loop", dtype, unary_loop<T, Tanh>}, \
      {"erf", "loop", dtype, unary_loop<T, Erf>}, {"pow", "loop", dtype, pow_loop<T>},          \
      {"black_scholes", "loop", dtype, black_scholes_loop<T>},

const NativeKernel rows[] = {
    NATIVE_LOOP(NATIVE_LOOP_ROWS("f32", float))
    NATIVE_LOOP(NATIVE_LOOP_ROWS("f64", double))
    NATIVE_ROWS("f32", float, "256", 32)
    NATIVE_ROWS("f64", double, "256", 32)
    NATIVE_512(NATIVE_ROWS("f32", float, "512", 64))
    NATIVE_512(NATIVE_ROWS("f64", double, "512", 64))
};
// clang-format on

}  // namespace

NativeKernels maths_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
