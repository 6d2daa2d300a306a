// Native copy, triad (inputs b, c; scalar s), chain6 (inputs a, b, c, d), sum, dot and where_sum (inputs a, b): bound
// by memory.
#include "natives/natives.h"
#include "natives/sums.h"

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

template <class T>
struct DotTerm {
  const T* x;
  const T* y;
  template <class V>
  V at(int64_t i) const {
    return load<V>(x + i) * load<V>(y + i);
  }
};

// What `where` picks, without a branch: the product where a is positive.
template <class T>
struct WhereTerm {
  const T* a;
  const T* b;
  template <class V>
  V at(int64_t i) const {
    const V left = load<V>(a + i);
    return left > V{} ? left * load<V>(b + i) : V{};
  }
};

// The same numbers by another way: a negative a counts as 0.
template <class T>
struct ClampedTerm {
  const T* a;
  const T* b;
  template <class V>
  V at(int64_t i) const {
    return larger(load<V>(a + i), V{}) * load<V>(b + i);
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

template <class T, int bytes, template <class> class Term>
void where_sum_vector(const NativeCall& call) {
  const Term<T> term{static_cast<const T*>(call.inputs[0]), static_cast<const T*>(call.inputs[1])};
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

template <class T>
void where_sum_plain(const NativeCall& call) {
  const T* a = static_cast<const T*>(call.inputs[0]);
  const T* b = static_cast<const T*>(call.inputs[1]);
  *static_cast<T*>(call.outputs[0]) = reduce_parts<T>(call.n, call.threads, [=](int64_t begin, int64_t end) {
    T total = T(0);
#pragma omp simd reduction(+ : total)
    for (int64_t i = begin; i < end; ++i) total += a[i] > T(0) ? a[i] * b[i] : T(0);
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
  {"dot", bits "-bit, 8 accumulators", dtype, dot_vector<T, bytes>},           \
  {"where_sum", bits "-bit, masked", dtype, where_sum_vector<T, bytes, WhereTerm>},     \
  {"where_sum", bits "-bit, clamped", dtype, where_sum_vector<T, bytes, ClampedTerm>},

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
    {"where_sum", "omp simd", "f32", where_sum_plain<float>},
    {"where_sum", "omp simd", "f64", where_sum_plain<double>},
#endif
};
// clang-format on

}  // namespace

NativeKernels streaming_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
