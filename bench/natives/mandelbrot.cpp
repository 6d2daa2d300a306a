// Native mandelbrot: a square image of n x n, scalars xmin, xmax, ymin, ymax, the count of steps stored in the dtype.
#include <immintrin.h>

#include "natives/natives.h"
#include "natives/parallel.h"

namespace NATIVE_NAMESPACE {
namespace {

using bench::NativeCall;
using bench::NativeKernel;
using bench::NativeKernels;

constexpr int most_steps = 200;

template <class T>
struct Window {
  T xmin, xmax, ymin, ymax;
  int64_t side;

  explicit Window(const NativeCall& call)
      : xmin(T(call.scalars[0])),
        xmax(T(call.scalars[1])),
        ymin(T(call.scalars[2])),
        ymax(T(call.scalars[3])),
        side(call.n) {}
  T real(int64_t col) const { return xmin + (xmax - xmin) * T(col) / T(side); }
  T imaginary(int64_t row) const { return ymin + (ymax - ymin) * T(row) / T(side); }
};

template <class T>
inline T steps_of(T cr, T ci) {
  T zr = 0, zi = 0;
  int n = 0;
  while (zr * zr + zi * zi < T(4) && n < most_steps) {
    const T t = zr * zr - zi * zi + cr;
    zi = T(2) * zr * zi + ci;
    zr = t;
    ++n;
  }
  return T(n);
}

template <class T>
void scalar(const NativeCall& call) {
  const Window<T> window(call);
  T* image = static_cast<T*>(call.outputs[0]);
  parallel_rows(call.n, call.threads, [=](int64_t row) {
    const T ci = window.imaginary(row);
    for (int64_t col = 0; col < window.side; ++col) image[row * window.side + col] = steps_of(window.real(col), ci);
  });
}

// What the masked loop needs of an instruction set. A count is kept as an integer vector from which the all-ones mask
// is subtracted, or under a predicate register where the machine has one. Masks are integers because all ones is a NaN,
// which -ffast-math takes for impossible. Compiled with it, the multiplications and additions contract.
struct Avx2Float {
  using T = float;
  using V = __m256;
  using Count = __m256i;
  using Mask = __m256i;
  static constexpr int lanes = 8;
  static V all(T x) { return _mm256_set1_ps(x); }
  static V load(const T* x) { return _mm256_loadu_ps(x); }
  static V add(V x, V y) { return _mm256_add_ps(x, y); }
  static V subtract(V x, V y) { return _mm256_sub_ps(x, y); }
  static V multiply(V x, V y) { return _mm256_mul_ps(x, y); }
  static Mask everything() { return _mm256_set1_epi32(-1); }
  static Mask still(Mask mask, V x, V y) {
    return _mm256_and_si256(mask, _mm256_castps_si256(_mm256_cmp_ps(x, y, _CMP_LT_OQ)));
  }
  static Mask either(Mask x, Mask y) { return _mm256_or_si256(x, y); }
  static bool any(Mask mask) { return _mm256_movemask_ps(_mm256_castsi256_ps(mask)) != 0; }
  static Count zero() { return _mm256_setzero_si256(); }
  static Count counted(Count n, Mask mask) { return _mm256_sub_epi32(n, mask); }
  static void write(T* to, Count n) { _mm256_storeu_ps(to, _mm256_cvtepi32_ps(n)); }
};

struct Avx2Double {
  using T = double;
  using V = __m256d;
  using Count = __m256i;
  using Mask = __m256i;
  static constexpr int lanes = 4;
  static V all(T x) { return _mm256_set1_pd(x); }
  static V load(const T* x) { return _mm256_loadu_pd(x); }
  static V add(V x, V y) { return _mm256_add_pd(x, y); }
  static V subtract(V x, V y) { return _mm256_sub_pd(x, y); }
  static V multiply(V x, V y) { return _mm256_mul_pd(x, y); }
  static Mask everything() { return _mm256_set1_epi64x(-1); }
  static Mask still(Mask mask, V x, V y) {
    return _mm256_and_si256(mask, _mm256_castpd_si256(_mm256_cmp_pd(x, y, _CMP_LT_OQ)));
  }
  static Mask either(Mask x, Mask y) { return _mm256_or_si256(x, y); }
  static bool any(Mask mask) { return _mm256_movemask_pd(_mm256_castsi256_pd(mask)) != 0; }
  static Count zero() { return _mm256_setzero_si256(); }
  static Count counted(Count n, Mask mask) { return _mm256_sub_epi64(n, mask); }
  static void write(T* to, Count n) {
    int64_t counts[4];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(counts), n);
    for (int lane = 0; lane < 4; ++lane) to[lane] = T(counts[lane]);
  }
};

#ifdef __AVX512DQ__
struct Avx512Float {
  using T = float;
  using V = __m512;
  using Count = __m512i;
  using Mask = __mmask16;
  static constexpr int lanes = 16;
  static V all(T x) { return _mm512_set1_ps(x); }
  static V load(const T* x) { return _mm512_loadu_ps(x); }
  static V add(V x, V y) { return _mm512_add_ps(x, y); }
  static V subtract(V x, V y) { return _mm512_sub_ps(x, y); }
  static V multiply(V x, V y) { return _mm512_mul_ps(x, y); }
  static Mask everything() { return Mask(-1); }
  static Mask still(Mask mask, V x, V y) { return _mm512_mask_cmp_ps_mask(mask, x, y, _CMP_LT_OQ); }
  static Mask either(Mask x, Mask y) { return Mask(x | y); }
  static bool any(Mask mask) { return mask != 0; }
  static Count zero() { return _mm512_setzero_si512(); }
  static Count counted(Count n, Mask mask) { return _mm512_mask_add_epi32(n, mask, n, _mm512_set1_epi32(1)); }
  static void write(T* to, Count n) { _mm512_storeu_ps(to, _mm512_cvtepi32_ps(n)); }
};

struct Avx512Double {
  using T = double;
  using V = __m512d;
  using Count = __m512i;
  using Mask = __mmask8;
  static constexpr int lanes = 8;
  static V all(T x) { return _mm512_set1_pd(x); }
  static V load(const T* x) { return _mm512_loadu_pd(x); }
  static V add(V x, V y) { return _mm512_add_pd(x, y); }
  static V subtract(V x, V y) { return _mm512_sub_pd(x, y); }
  static V multiply(V x, V y) { return _mm512_mul_pd(x, y); }
  static Mask everything() { return Mask(-1); }
  static Mask still(Mask mask, V x, V y) { return _mm512_mask_cmp_pd_mask(mask, x, y, _CMP_LT_OQ); }
  static Mask either(Mask x, Mask y) { return Mask(x | y); }
  static bool any(Mask mask) { return mask != 0; }
  static Count zero() { return _mm512_setzero_si512(); }
  static Count counted(Count n, Mask mask) { return _mm512_mask_add_epi64(n, mask, n, _mm512_set1_epi64(1)); }
  static void write(T* to, Count n) { _mm512_storeu_pd(to, _mm512_cvtepi64_pd(n)); }
};
#endif

// `flight` vectors of neighbouring pixels at once: one pixel's steps depend on each other, so a single vector leaves
// the multipliers idle most of the time. Lanes that are done go on computing what nobody reads.
template <class S, int flight>
inline void pixels(const typename S::T* real, typename S::T imaginary, typename S::T* image) {
  typename S::V cr[flight], zr[flight], zi[flight], rr[flight], ii[flight];
  typename S::Count count[flight];
  typename S::Mask mask[flight];
  const typename S::V ci = S::all(imaginary), four = S::all(4), two = S::all(2);
  for (int f = 0; f < flight; ++f) {
    cr[f] = S::load(real + f * S::lanes);
    zr[f] = zi[f] = S::all(0);
    rr[f] = ii[f] = S::all(0);
    count[f] = S::zero();
    mask[f] = S::everything();
  }
  for (int step = 0; step < most_steps; ++step) {
    for (int f = 0; f < flight; ++f) mask[f] = S::still(mask[f], S::add(rr[f], ii[f]), four);
    typename S::Mask any = mask[0];
    for (int f = 1; f < flight; ++f) any = S::either(any, mask[f]);
    if (!S::any(any)) break;
    for (int f = 0; f < flight; ++f) {
      count[f] = S::counted(count[f], mask[f]);
      zi[f] = S::add(S::multiply(S::multiply(two, zr[f]), zi[f]), ci);
      zr[f] = S::add(S::subtract(rr[f], ii[f]), cr[f]);
      rr[f] = S::multiply(zr[f], zr[f]);
      ii[f] = S::multiply(zi[f], zi[f]);
    }
  }
  for (int f = 0; f < flight; ++f) S::write(image + f * S::lanes, count[f]);
}

template <class S, int flight>
void masked(const NativeCall& call) {
  using T = typename S::T;
  const Window<T> window(call);
  T* image = static_cast<T*>(call.outputs[0]);
  parallel_rows(call.n, call.threads, [=](int64_t row) {
    constexpr int width = S::lanes * flight;
    const T ci = window.imaginary(row);
    T* line = image + row * window.side;
    T real[width];
    for (int64_t col = 0; col < window.side; col += width) {
      for (int lane = 0; lane < width; ++lane) real[lane] = window.real(col + lane);
      if (col + width <= window.side) {
        pixels<S, flight>(real, ci, line + col);
      } else {
        T last[width];
        pixels<S, flight>(real, ci, last);
        for (int64_t lane = 0; col + lane < window.side; ++lane) line[col + lane] = last[lane];
      }
    }
  });
}

const NativeKernel rows[] = {
    {"mandelbrot", "scalar", "f32", scalar<float>},
    {"mandelbrot", "scalar", "f64", scalar<double>},
    {"mandelbrot", "avx2_x1", "f32", masked<Avx2Float, 1>},
    {"mandelbrot", "avx2_x2", "f32", masked<Avx2Float, 2>},
    {"mandelbrot", "avx2_x4", "f32", masked<Avx2Float, 4>},
    {"mandelbrot", "avx2_x1", "f64", masked<Avx2Double, 1>},
    {"mandelbrot", "avx2_x2", "f64", masked<Avx2Double, 2>},
    {"mandelbrot", "avx2_x4", "f64", masked<Avx2Double, 4>},
#ifdef __AVX512DQ__
    {"mandelbrot", "avx512_x1", "f32", masked<Avx512Float, 1>},
    {"mandelbrot", "avx512_x2", "f32", masked<Avx512Float, 2>},
    {"mandelbrot", "avx512_x4", "f32", masked<Avx512Float, 4>},
    {"mandelbrot", "avx512_x1", "f64", masked<Avx512Double, 1>},
    {"mandelbrot", "avx512_x2", "f64", masked<Avx512Double, 2>},
    {"mandelbrot", "avx512_x4", "f64", masked<Avx512Double, 4>},
#endif
};

}  // namespace

NativeKernels mandelbrot_kernels() { return {rows, sizeof(rows) / sizeof(rows[0])}; }

}  // namespace NATIVE_NAMESPACE
