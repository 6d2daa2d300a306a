// Native copy, triad (inputs b, c; scalar s), chain6 (inputs a, b, c, d), sum and dot: bound by memory.
#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

// What the compiler makes of the loop alone.
template <class T>
void copy_plain(const NativeCall& call) {
  const T* b = static_cast<const T*>(call.inputs[0]);
  T* a = static_cast<T*>(call.outputs[0]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
    __builtin_memcpy(a + begin, b + begin, (end - begin) * sizeof(T));
  });
}

template <class T>
void triad_plain(const NativeCall& call) {
  const T* __restrict b = static_cast<const T*>(call.inputs[0]);
  const T* __restrict c = static_cast<const T*>(call.inputs[1]);
  T* __restrict a = static_cast<T*>(call.outputs[0]);
  const T s = T(call.scalars[0]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) a[i] = b[i] + s * c[i];
  });
}

template <class T>
void chain6_plain(const NativeCall& call) {
  const T* __restrict a = static_cast<const T*>(call.inputs[0]);
  const T* __restrict b = static_cast<const T*>(call.inputs[1]);
  const T* __restrict c = static_cast<const T*>(call.inputs[2]);
  const T* __restrict d = static_cast<const T*>(call.inputs[3]);
  T* __restrict out = static_cast<T*>(call.outputs[0]);
  parallel_parts(call.n, call.threads, [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] = ((a[i] + b[i]) * c[i] - d[i]) * a[i] + b[i] * d[i];
  });
}

template <class T, int bytes, bool streaming>
void copy_vector(const NativeCall& call) {
  const T* const inputs[] = {static_cast<const T*>(call.inputs[0])};
  T* const outputs[] = {static_cast<T*>(call.outputs[0])};
  parallel_parts(call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, 4, streaming>(inputs, outputs, begin, end, [](auto& in, auto& out) {
      for (int f = 0; f < 4; ++f) out[0][f] = in[0][f];
    });
  });
}

template <class T, int bytes, bool streaming>
void triad_vector(const NativeCall& call) {
  const T* const inputs[] = {static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1])};
  T* const outputs[] = {static_cast<T*>(call.outputs[0])};
  const T s = T(call.scalars[0]);
  parallel_parts(call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, 4, streaming>(inputs, outputs, begin, end, [s](auto& in, auto& out) {
      for (int f = 0; f < 4; ++f) out[0][f] = in[0][f] + s * in[1][f];
    });
  });
}

template <class T, int bytes, bool streaming>
void chain6_vector(const NativeCall& call) {
  const T* const inputs[] = {static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1]),
                             static_cast<const T*>(call.inputs[2]), static_cast<const T*>(call.inputs[3])};
  T* const outputs[] = {static_cast<T*>(call.outputs[0])};
  parallel_parts(call.n, call.threads, [&](int64_t begin, int64_t end, int) {
    map_part<T, bytes, 2, streaming>(inputs, outputs, begin, end, [](auto& in, auto& out) {
      for (int f = 0; f < 2; ++f)
        out[0][f] = ((in[0][f] + in[1][f]) * in[2][f] - in[3][f]) * in[0][f] + in[1][f] * in[3][f];
    });
  });
}

// A partial result to a cache line, so that the threads do not share one.
template <class T>
struct alignas(128) Partial {
  T value;
};
constexpr int most_threads = 256;

template <class T, class Part>
inline T reduce_parts(int64_t n, int threads, Part part) {
  if (threads <= 1) return part(int64_t{0}, n);
  if (threads > most_threads) threads = most_threads;
  Partial<T> partials[most_threads];
  for (int thread = 0; thread < threads; ++thread) partials[thread].value = T(0);
  parallel_parts(n, threads,
                 [&](int64_t begin, int64_t end, int thread) { partials[thread].value = part(begin, end); });
  T total = T(0);
  for (int thread = 0; thread < threads; ++thread) total += partials[thread].value;
  return total;
}

// Eight accumulators of a vector each hide the latency of the addition; the order is free.
template <class T, int bytes, class Term>
inline T accumulate(int64_t begin, int64_t end, Term term) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  V sums[8] = {};
  int64_t i = begin;
  for (; i + 8 * lanes <= end; i += 8 * lanes)
    for (int k = 0; k < 8; ++k) sums[k] += term.template at<V>(i + k * lanes);
  for (; i + lanes <= end; i += lanes) sums[0] += term.template at<V>(i);
  for (int width = 4; width >= 1; width /= 2)
    for (int k = 0; k < width; ++k) sums[k] += sums[k + width];
  T total = T(0);
  for (int lane = 0; lane < lanes; ++lane) total += sums[0][lane];
  for (; i < end; ++i) total += term.template at<T>(i);
  return total;
}

template <class T>
struct SumTerm {
  const T* x;
  template <class V>
  V at(int64_t i) const {
    return load<V>(x + i);
  }
};

template <class T>
struct DotTerm {
  const T* x;
  const T* y;
  template <class V>
  V at(int64_t i) const {
    return load<V>(x + i) * load<V>(y + i);
  }
};

template <class T, int bytes>
void sum_vector(const NativeCall& call) {
  const SumTerm<T> term{static_cast<const T*>(call.inputs[0])};
  *static_cast<T*>(call.outputs[0]) = reduce_parts<T>(
      call.n, call.threads, [=](int64_t begin, int64_t end) { return accumulate<T, bytes>(begin, end, term); });
}

template <class T, int bytes>
void dot_vector(const NativeCall& call) {
  const DotTerm<T> term{static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1])};
  *static_cast<T*>(call.outputs[0]) = reduce_parts<T>(
      call.n, call.threads, [=](int64_t begin, int64_t end) { return accumulate<T, bytes>(begin, end, term); });
}

#ifdef __clang__
// `omp simd reduction` frees the order of this one loop under any flag. clang makes four vectors of it; g++ one, which
// is slower and, in f32 over 1e8 elements, no longer a sum.
template <class T>
void sum_plain(const NativeCall& call) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  *static_cast<T*>(call.outputs[0]) = reduce_parts<T>(call.n, call.threads, [=](int64_t begin, int64_t end) {
    T total = T(0);
#pragma omp simd reduction(+ : total)
    for (int64_t i = begin; i < end; ++i) total += x[i];
    return total;
  });
}

template <class T>
void dot_plain(const NativeCall& call) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  const T* y = static_cast<const T*>(call.inputs[1]);
  *static_cast<T*>(call.outputs[0]) = reduce_parts<T>(call.n, call.threads, [=](int64_t begin, int64_t end) {
    T total = T(0);
#pragma omp simd reduction(+ : total)
    for (int64_t i = begin; i < end; ++i) total += x[i] * y[i];
    return total;
  });
}
#endif

// clang-format off
#define NATIVE_ROWS(dtype, T, bits, bytes)                                     \
  {"copy", bits "-bit, streaming", dtype, copy_vector<T, bytes, true>},        \
  {"triad", bits "-bit", dtype, triad_vector<T, bytes, false>},                \
  {"triad", bits "-bit, streaming", dtype, triad_vector<T, bytes, true>},      \
  {"chain6", bits "-bit", dtype, chain6_vector<T, bytes, false>},              \
  {"chain6", bits "-bit, streaming", dtype, chain6_vector<T, bytes, true>},    \
  {"sum", bits "-bit, 8 accumulators", dtype, sum_vector<T, bytes>},           \
  {"dot", bits "-bit, 8 accumulators", dtype, dot_vector<T, bytes>},

#define NATIVE_LOOP_ROWS(dtype, T)                                             \
  {"copy", "memcpy", dtype, copy_plain<T>},                                    \
  {"triad", "loop", dtype, triad_plain<T>},                                    \
  {"chain6", "loop", dtype, chain6_plain<T>},

const NativeKernel rows[] = {
    NATIVE_LOOP_ROWS("f32", float)
    NATIVE_LOOP_ROWS("f64", double)
    NATIVE_ROWS("f32", float, "256", 32)
    NATIVE_ROWS("f64", double, "256", 32)
    NATIVE_512(NATIVE_ROWS("f32", float, "512", 64))
    NATIVE_512(NATIVE_ROWS("f64", double, "512", 64))
#ifdef __clang__
    {"sum", "omp simd", "f32", sum_plain<float>},
    {"sum", "omp simd", "f64", sum_plain<double>},
    {"dot", "omp simd", "f32", dot_plain<float>},
    {"dot", "omp simd", "f64", dot_plain<double>},
#endif
};
// clang-format on

}  // namespace

NativeKernels streaming_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
