// Native jacobi2d and heat3d: sweeps from outputs[0] to outputs[1] and back, scalars[0] times; the border stays.
// Squares and cubes of side n.
#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

// What becomes of the element at `center` + i.
template <class T>
struct Jacobi {
  const T* center;
  int64_t row;
  template <class V>
  V at(int64_t i) const {
    const T* a = center + i;
    return T(0.2) * (load<V>(a) + load<V>(a - 1) + load<V>(a + 1) + load<V>(a + row) + load<V>(a - row));
  }
};

template <class T>
struct Heat {
  const T* center;
  int64_t plane, row;
  template <class V>
  V at(int64_t i) const {
    const T* a = center + i;
    const V middle = load<V>(a), twice = T(2) * middle;
    return T(0.125) * (load<V>(a + plane) - twice + load<V>(a - plane)) +
           T(0.125) * (load<V>(a + row) - twice + load<V>(a - row)) +
           T(0.125) * (load<V>(a + 1) - twice + load<V>(a - 1)) + middle;
  }
};

// Rows of a sweep, made of `count` elements.
template <class T>
struct PlainRow {
  template <class Stencil>
  static void fill(T* __restrict to, int64_t count, Stencil stencil) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] = stencil.template at<T>(i);
  }
  static void finish() {}
};

// Two vectors in flight. The first element inside the border is never aligned, which a streaming store must be.
template <class T, int bytes, bool streaming>
struct VectorRow {
  template <class Stencil>
  static void fill(T* to, int64_t count, Stencil stencil) {
    using V = Vector<T, bytes>;
    constexpr int64_t lanes = bytes / sizeof(T);
    int64_t i = 0;
    for (; i < count && reinterpret_cast<std::uintptr_t>(to + i) % bytes != 0; ++i) to[i] = stencil.template at<T>(i);
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
      const V first = stencil.template at<V>(i), second = stencil.template at<V>(i + lanes);
      if constexpr (streaming) {
        stream(to + i, first);
        stream(to + i + lanes, second);
      } else {
        store(to + i, first);
        store(to + i + lanes, second);
      }
    }
    for (; i + lanes <= count; i += lanes) store(to + i, stencil.template at<V>(i));
    for (; i < count; ++i) to[i] = stencil.template at<T>(i);
  }
  static void finish() {
    if constexpr (streaming) _mm_sfence();
  }
};

// Each thread has the same rows in every sweep.
template <class T, class Row, int64_t axes>
void sweeps(const NativeCall& call) {
  T* from = static_cast<T*>(call.outputs[0]);
  T* to = static_cast<T*>(call.outputs[1]);
  const int64_t n = call.n, inside = n - 2;
  for (int sweep = 0; sweep < 2 * int(call.scalars[0]); ++sweep) {
    parallel_parts<1>(axes == 2 ? inside : inside * inside, call.threads, [=](int64_t begin, int64_t end, int) {
      for (int64_t index = begin; index < end; ++index) {
        if constexpr (axes == 2) {
          const int64_t first = (index + 1) * n + 1;
          Row::fill(to + first, inside, Jacobi<T>{from + first, n});
        } else {
          const int64_t first = ((index / inside + 1) * n + index % inside + 1) * n + 1;
          Row::fill(to + first, inside, Heat<T>{from + first, n * n, n});
        }
      }
      Row::finish();
    });
    T* const swapped = from;
    from = to;
    to = swapped;
  }
}

// clang-format off
#define NATIVE_ROWS(bench, axes, dtype, T)                                          \
  {bench, "loop", dtype, sweeps<T, PlainRow<T>, axes>},                             \
  {bench, "256-bit", dtype, sweeps<T, VectorRow<T, 32, false>, axes>},              \
  {bench, "256-bit, streaming", dtype, sweeps<T, VectorRow<T, 32, true>, axes>},    \
  NATIVE_512({bench, "512-bit", dtype, sweeps<T, VectorRow<T, 64, false>, axes>},)  \
  NATIVE_512({bench, "512-bit, streaming", dtype, sweeps<T, VectorRow<T, 64, true>, axes>},)

const NativeKernel rows[] = {
    NATIVE_ROWS("jacobi2d", 2, "f32", float)
    NATIVE_ROWS("jacobi2d", 2, "f64", double)
    NATIVE_ROWS("heat3d", 3, "f32", float)
    NATIVE_ROWS("heat3d", 3, "f64", double)
};
// clang-format on

}  // namespace

NativeKernels stencil_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
