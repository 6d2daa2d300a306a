// The native tutorial function, a[n, n] + the sum of tanh over its diagonal (i64 gives f64), and the anchor of the FMA
// units.
#include <cmath>

#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

template <class T, class R, int bytes>
inline R trace_of_tanh(const T* a, int64_t n) {
  using V = Vector<R, bytes>;
  constexpr int lanes = bytes / sizeof(R);
  V sum = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    R diagonal[lanes];
    for (int lane = 0; lane < lanes; ++lane) diagonal[lane] = R(a[(i + lane) * (n + 1)]);
    sum += vector_tanh(load<V>(diagonal));
  }
  if (i < n) {
    R diagonal[lanes] = {};  // tanh(0) is 0
    for (int lane = 0; i + lane < n; ++lane) diagonal[lane] = R(a[(i + lane) * (n + 1)]);
    sum += vector_tanh(load<V>(diagonal));
  }
  R total = 0;
  for (int lane = 0; lane < lanes; ++lane) total += sum[lane];
  return total;
}

template <class T, class R>
inline void add_scalar(const T* a, R scalar, R* out, int64_t count, int threads) {
  parallel_parts(count, threads, [=](int64_t begin, int64_t end, int) {
    const T* __restrict from = a;
    R* __restrict to = out;
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) to[i] = R(from[i]) + scalar;
  });
}

template <class T, class R, int bytes>
void tutorial(const NativeCall& call) {
  const T* a = static_cast<const T*>(call.inputs[0]);
  add_scalar(a, trace_of_tanh<T, R, bytes>(a, call.n), static_cast<R*>(call.outputs[0]), call.n * call.n, call.threads);
}

// The addition with explicit vectors, where a compiler prefers narrower ones than the machine has.
template <class T, int bytes>
void tutorial_vector(const NativeCall& call) {
  const T* a = static_cast<const T*>(call.inputs[0]);
  const T trace = trace_of_tanh<T, T, bytes>(a, call.n);
  const T* const inputs[] = {a};
  T* const outputs[] = {static_cast<T*>(call.outputs[0])};
  parallel_parts(call.n * call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, 4, false>(inputs, outputs, begin, end, [trace](auto& in, auto& out) {
      for (int f = 0; f < 4; ++f) out[0][f] = in[0][f] + trace;
    });
  });
}

// What the loop with std::tanh becomes; only with -ffast-math is it vectorized.
template <class T, class R>
[[maybe_unused]] void tutorial_loop(const NativeCall& call) {
  const T* a = static_cast<const T*>(call.inputs[0]);
  const int64_t n = call.n;
  R trace = 0;
#pragma omp simd reduction(+ : trace)
  for (int64_t i = 0; i < n; ++i) trace += std::tanh(R(a[i * (n + 1)]));
  add_scalar(a, trace, static_cast<R*>(call.outputs[0]), n * n, call.threads);
}

// n rounds of 12 independent chains of multiply-add on 8 floats, on one core; outputs[1] gets the count of operations.
void anchor_fma(const NativeCall& call) {
#ifdef __FMA__
  constexpr int chains = 12;
  __m256 x[chains];
  for (int k = 0; k < chains; ++k) x[k] = _mm256_set1_ps(float(k));
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int64_t i = 0; i < call.n; ++i)
    for (int k = 0; k < chains; ++k) {
      x[k] = _mm256_fmadd_ps(x[k], a, b);
      asm volatile("" : "+x"(x[k]));  // each step is made, whatever the flags allow
    }
  __m256 total = x[0];
  for (int k = 1; k < chains; ++k) total = _mm256_add_ps(total, x[k]);
  *static_cast<float*>(call.outputs[0]) = _mm256_cvtss_f32(total);
  *static_cast<double*>(call.outputs[1]) = 2.0 * 8 * chains * double(call.n);
#else
  *static_cast<double*>(call.outputs[1]) = 0;
  (void)call;
#endif
}

const NativeKernel rows[] = {
    {"anchor_fma", "256-bit", "f32", anchor_fma},
    {"tutorial", "256-bit tanh", "f32", tutorial<float, float, 32>},
    {"tutorial", "256-bit tanh", "f64", tutorial<double, double, 32>},
    {"tutorial", "256-bit tanh", "i64", tutorial<int64_t, double, 32>},
#ifdef __AVX512F__
    {"tutorial", "512-bit", "f32", tutorial_vector<float, 64>},
    {"tutorial", "512-bit", "f64", tutorial_vector<double, 64>},
    {"tutorial", "512-bit tanh", "i64", tutorial<int64_t, double, 64>},
#endif
#if defined(__FAST_MATH__) && !defined(__clang__)
    {"tutorial", "loop", "f32", tutorial_loop<float, float>},
    {"tutorial", "loop", "f64", tutorial_loop<double, double>},
    {"tutorial", "loop", "i64", tutorial_loop<int64_t, double>},
#endif
};

}  // namespace

NativeKernels tutorial_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
