// Native softmax and var_axis1: the input is extents[0] rows of extents[1] columns, a row fits the second cache.
#include <cmath>

#include "natives/natives.h"
#include "natives/sums.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

template <class T, int bytes>
inline T largest(const T* x, int64_t count) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  T most = x[0];
  int64_t i = 0;
  if (count >= 8 * lanes) {
    V seen[8];
    for (int k = 0; k < 8; ++k) seen[k] = load<V>(x + k * lanes);
    for (i = 8 * lanes; i + 8 * lanes <= count; i += 8 * lanes)
      for (int k = 0; k < 8; ++k) seen[k] = larger(seen[k], load<V>(x + i + k * lanes));
    for (int k = 1; k < 8; ++k) seen[0] = larger(seen[0], seen[k]);
    for (int lane = 0; lane < lanes; ++lane) most = larger(most, T(seen[0][lane]));
  }
  for (; i < count; ++i) most = larger(most, x[i]);
  return most;
}

// exp(x - shift) of a row into `to`; returns its sum.
template <class T, int bytes, int flight>
inline T exponentials(const T* x, T shift, T* to, int64_t count) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  V sums[flight] = {};
  int64_t i = 0;
  for (; i + lanes * flight <= count; i += lanes * flight)
    for (int f = 0; f < flight; ++f) {
      const V e = vector_exp(load<V>(x + i + f * lanes) - shift);
      store(to + i + f * lanes, e);
      sums[f] += e;
    }
  T total = 0;
  for (int f = 0; f < flight; ++f)
    for (int lane = 0; lane < lanes; ++lane) total += sums[f][lane];
  for (; i < count; ++i) total += to[i] = std::exp(x[i] - shift);
  return total;
}

// `streaming`: the exponentials wait in a row of their own and the quotients go past the caches; else they become the
// quotients where they are.
template <class T, int bytes, int flight, bool streaming>
void softmax_vector(const NativeCall& call) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  T* out = static_cast<T*>(call.outputs[0]);
  const int64_t columns = call.extents[1];
  parallel_parts<1>(call.extents[0], call.threads, [=](int64_t begin, int64_t end, int) {
    T* waiting = streaming ? new T[columns] : nullptr;
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * columns;
      T* to = out + row * columns;
      T* exponential = streaming ? waiting : to;
      const T total = exponentials<T, bytes, flight>(from, largest<T, bytes>(from, columns), exponential, columns);
      const T* const inputs[] = {exponential};
      T* const outputs[] = {to};
      map_part<T, bytes, 4, streaming>(inputs, outputs, 0, columns, [total](auto& in, auto& quotient) {
        for (int f = 0; f < 4; ++f) quotient[0][f] = in[0][f] / total;
      });
    }
    delete[] waiting;
  });
}

// The squares of what is left after subtracting the mean.
template <class T>
struct DeviationTerm {
  const T* x;
  T mean;
  template <class V>
  V at(int64_t i) const {
    const V deviation = load<V>(x + i) - mean;
    return deviation * deviation;
  }
};

template <class T, int bytes>
void variance_vector(const NativeCall& call) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  T* out = static_cast<T*>(call.outputs[0]);
  const int64_t columns = call.extents[1];
  parallel_parts<1>(call.extents[0], call.threads, [=](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * columns;
      const T mean = accumulate<T, bytes>(0, columns, SumTerm<T>{from}) / T(columns);
      out[row] = accumulate<T, bytes>(0, columns, DeviationTerm<T>{from, mean}) / T(columns);
    }
  });
}

// The loops alone, their order freed.
template <class T>
void variance_loop(const NativeCall& call) {
  const T* x = static_cast<const T*>(call.inputs[0]);
  T* out = static_cast<T*>(call.outputs[0]);
  const int64_t columns = call.extents[1];
  parallel_parts<1>(call.extents[0], call.threads, [=](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = x + row * columns;
      T sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < columns; ++i) sum += from[i];
      const T mean = sum / T(columns);
#pragma omp simd reduction(+ : squares)
      for (int64_t i = 0; i < columns; ++i) squares += (from[i] - mean) * (from[i] - mean);
      out[row] = squares / T(columns);
    }
  });
}

// clang-format off
#define NATIVE_ROWS(dtype, T, bits, bytes)                                               \
  {"softmax", bits "-bit", dtype, softmax_vector<T, bytes, 1, false>},                   \
  {"softmax", bits "-bit, streaming", dtype, softmax_vector<T, bytes, 1, true>},         \
  {"softmax", bits "-bit, x4", dtype, softmax_vector<T, bytes, 4, false>},               \
  {"softmax", bits "-bit, x4, streaming", dtype, softmax_vector<T, bytes, 4, true>},     \
  {"var_axis1", bits "-bit, 8 accumulators", dtype, variance_vector<T, bytes>},

const NativeKernel rows[] = {
    {"var_axis1", "omp simd", "f32", variance_loop<float>},
    {"var_axis1", "omp simd", "f64", variance_loop<double>},
    NATIVE_ROWS("f32", float, "256", 32)
    NATIVE_ROWS("f64", double, "256", 32)
    NATIVE_512(NATIVE_ROWS("f32", float, "512", 64))
    NATIVE_512(NATIVE_ROWS("f64", double, "512", 64))
};
// clang-format on

}  // namespace

NativeKernels row_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
