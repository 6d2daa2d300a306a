// Native accelerations of n bodies under each other's softened gravity: inputs x, y, z, mass; outputs ax, ay, az;
// scalar the square of the softening length.
#include <cmath>

#include "natives/natives.h"
#include "natives/vectors.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

template <class T>
struct Bodies {
  const T *x, *y, *z, *mass;
  T *ax, *ay, *az;
  T softening;
  int64_t n;

  explicit Bodies(const NativeCall& call)
      : x(static_cast<const T*>(call.inputs[0])),
        y(static_cast<const T*>(call.inputs[1])),
        z(static_cast<const T*>(call.inputs[2])),
        mass(static_cast<const T*>(call.inputs[3])),
        ax(static_cast<T*>(call.outputs[0])),
        ay(static_cast<T*>(call.outputs[1])),
        az(static_cast<T*>(call.outputs[2])),
        softening(T(call.scalars[0])),
        n(call.n) {}
};

// How 1 / sqrt is made: as written, or from the machine's estimate with a step of Newton's, which is what -ffast-math
// makes of f32.
struct Exact {
  template <class V>
  static V inverse_root(V x) {
    return V{} + 1 / square_root(x);
  }
};

#ifdef __FAST_MATH__
struct Estimated {
  static Float8 estimate(Float8 x) { return (Float8)_mm256_rsqrt_ps((__m256)x); }
  NATIVE_512(static Float16 estimate(Float16 x) { return (Float16)_mm512_rsqrt14_ps((__m512)x); })
  template <class V>
  static V inverse_root(V x) {
    const V y = estimate(x);
    return y * (1.5f - (0.5f * x) * (y * y));
  }
};
#endif

// One body, its partners in lanes: what the compiler makes of the double loop.
template <class T>
inline void accelerate(const Bodies<T>& b, int64_t i) {
  const T xi = b.x[i], yi = b.y[i], zi = b.z[i];
  T ax = 0, ay = 0, az = 0;
#pragma omp simd reduction(+ : ax, ay, az)
  for (int64_t j = 0; j < b.n; ++j) {
    const T dx = b.x[j] - xi, dy = b.y[j] - yi, dz = b.z[j] - zi;
    const T inverse = T(1) / std::sqrt(dx * dx + dy * dy + dz * dz + b.softening);
    const T weight = b.mass[j] * (inverse * inverse * inverse);
    ax += dx * weight;
    ay += dy * weight;
    az += dz * weight;
  }
  b.ax[i] = ax;
  b.ay[i] = ay;
  b.az[i] = az;
}

template <class T>
void nbody_loop(const NativeCall& call) {
  const Bodies<T> b(call);
  parallel_parts<16>(b.n, call.threads, [b](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) accelerate(b, i);
  });
}

// Bodies in lanes, `flight` vectors of them, and one partner after the other for all of them.
template <class T, int bytes, int flight, class Root>
void nbody_vector(const NativeCall& call) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T), width = lanes * flight;
  const Bodies<T> b(call);
  parallel_parts<width>(b.n, call.threads, [b](int64_t begin, int64_t end, int) {
    int64_t i = begin;
    for (; i + width <= end; i += width) {
      V xi[flight], yi[flight], zi[flight], ax[flight] = {}, ay[flight] = {}, az[flight] = {};
      for (int f = 0; f < flight; ++f) {
        xi[f] = load<V>(b.x + i + f * lanes);
        yi[f] = load<V>(b.y + i + f * lanes);
        zi[f] = load<V>(b.z + i + f * lanes);
      }
      for (int64_t j = 0; j < b.n; ++j) {
        const T xj = b.x[j], yj = b.y[j], zj = b.z[j], mass = b.mass[j];
        for (int f = 0; f < flight; ++f) {
          const V dx = xj - xi[f], dy = yj - yi[f], dz = zj - zi[f];
          const V inverse = Root::inverse_root(dx * dx + dy * dy + dz * dz + b.softening);
          const V weight = mass * (inverse * inverse * inverse);
          ax[f] += dx * weight;
          ay[f] += dy * weight;
          az[f] += dz * weight;
        }
      }
      for (int f = 0; f < flight; ++f) {
        store(b.ax + i + f * lanes, ax[f]);
        store(b.ay + i + f * lanes, ay[f]);
        store(b.az + i + f * lanes, az[f]);
      }
    }
    for (; i < end; ++i) accelerate(b, i);
  });
}

// clang-format off
#define NATIVE_ROWS(dtype, T, bits, bytes)                          \
  {"nbody", bits "-bit", dtype, nbody_vector<T, bytes, 1, Exact>},  \
  {"nbody", bits "-bit, x2", dtype, nbody_vector<T, bytes, 2, Exact>}, \
  {"nbody", bits "-bit, x4", dtype, nbody_vector<T, bytes, 4, Exact>},

#ifdef __FAST_MATH__
#define NATIVE_ESTIMATED_ROWS(bits, bytes)                                            \
  {"nbody", bits "-bit, estimated", "f32", nbody_vector<float, bytes, 1, Estimated>}, \
  {"nbody", bits "-bit, x2, estimated", "f32", nbody_vector<float, bytes, 2, Estimated>}, \
  {"nbody", bits "-bit, x4, estimated", "f32", nbody_vector<float, bytes, 4, Estimated>},
#else
#define NATIVE_ESTIMATED_ROWS(bits, bytes)
#endif

const NativeKernel rows[] = {
    {"nbody", "loop", "f32", nbody_loop<float>},
    {"nbody", "loop", "f64", nbody_loop<double>},
    NATIVE_ROWS("f32", float, "256", 32)
    NATIVE_ROWS("f64", double, "256", 32)
    NATIVE_ESTIMATED_ROWS("256", 32)
    NATIVE_512(NATIVE_ROWS("f32", float, "512", 64))
    NATIVE_512(NATIVE_ROWS("f64", double, "512", 64))
    NATIVE_512(NATIVE_ESTIMATED_ROWS("512", 64))
};
// clang-format on

}  // namespace

NativeKernels nbody_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
