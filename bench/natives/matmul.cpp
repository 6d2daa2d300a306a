// Native loop_matmul: the product of two n x n matrices by plain loops, in both orders in which one would write them.
#include "natives/natives.h"
#include "natives/parallel.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

template <class T>
void rows_times_columns(const NativeCall& call) {
  const T* __restrict a = static_cast<const T*>(call.inputs[0]);
  const T* __restrict b = static_cast<const T*>(call.inputs[1]);
  T* __restrict c = static_cast<T*>(call.outputs[0]);
  const int64_t n = call.n;
  parallel_parts<1>(n, call.threads, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < n; ++j) {
        T sum = 0;
        for (int64_t k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
        c[i * n + j] = sum;
      }
  });
}

template <class T>
void sums_of_rows(const NativeCall& call) {
  const T* __restrict a = static_cast<const T*>(call.inputs[0]);
  const T* __restrict b = static_cast<const T*>(call.inputs[1]);
  T* __restrict c = static_cast<T*>(call.outputs[0]);
  const int64_t n = call.n;
  parallel_parts<1>(n, call.threads, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < n; ++j) c[i * n + j] = 0;
      for (int64_t k = 0; k < n; ++k)
        for (int64_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
    }
  });
}

// The first with its columns in lanes, as `omp simd` on the middle loop asks for.
template <class T>
void columns_in_lanes(const NativeCall& call) {
  const T* __restrict a = static_cast<const T*>(call.inputs[0]);
  const T* __restrict b = static_cast<const T*>(call.inputs[1]);
  T* __restrict c = static_cast<T*>(call.outputs[0]);
  const int64_t n = call.n;
  parallel_parts<1>(n, call.threads, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
#pragma omp simd
      for (int64_t j = 0; j < n; ++j) {
        T sum = 0;
        for (int64_t k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
        c[i * n + j] = sum;
      }
    }
  });
}

const NativeKernel rows[] = {
    {"loop_matmul", "i-j-k", "f32", rows_times_columns<float>},
    {"loop_matmul", "i-j-k", "f64", rows_times_columns<double>},
    {"loop_matmul", "i-k-j", "f32", sums_of_rows<float>},
    {"loop_matmul", "i-k-j", "f64", sums_of_rows<double>},
    {"loop_matmul", "i-j-k, j in lanes", "f32", columns_in_lanes<float>},
    {"loop_matmul", "i-j-k, j in lanes", "f64", columns_in_lanes<double>},
};

}  // namespace

NativeKernels matmul_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
