// Vectors of the compilers' vector extension, with libmvec's functions on them.
//
// libmvec is called by name because no compiler reaches all of it by itself without -ffast-math (g++ 12 wants that
// flag, clang 19 does not know tanh, erf and erfc); a call by name has the same bits under every flag.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "natives/parallel.h"

namespace NATIVE_NAMESPACE {

template <class T, int bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T, int bytes>
using Vector = typename VectorOf<T, bytes>::type;

using Float8 = Vector<float, 32>;
using Double4 = Vector<double, 32>;

template <class V, class T>
inline __attribute__((always_inline)) V load(const T* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}

template <class V, class T>
inline __attribute__((always_inline)) void store(T* to, V value) {
  __builtin_memcpy(to, &value, sizeof(V));
}

// Past the caches: the destination must be aligned to the vector.
inline void stream(float* to, Float8 value) { _mm256_stream_ps(to, (__m256)value); }
inline void stream(double* to, Double4 value) { _mm256_stream_pd(to, (__m256d)value); }
inline Float8 square_root(Float8 value) { return (Float8)_mm256_sqrt_ps((__m256)value); }
inline Double4 square_root(Double4 value) { return (Double4)_mm256_sqrt_pd((__m256d)value); }

inline Float8 larger(Float8 x, Float8 y) { return (Float8)_mm256_max_ps((__m256)x, (__m256)y); }
inline Double4 larger(Double4 x, Double4 y) { return (Double4)_mm256_max_pd((__m256d)x, (__m256d)y); }
inline Float8 smaller(Float8 x, Float8 y) { return (Float8)_mm256_min_ps((__m256)x, (__m256)y); }
inline Double4 smaller(Double4 x, Double4 y) { return (Double4)_mm256_min_pd((__m256d)x, (__m256d)y); }
inline float larger(float x, float y) { return x > y ? x : y; }
inline double larger(double x, double y) { return x > y ? x : y; }
inline float smaller(float x, float y) { return x < y ? x : y; }
inline double smaller(double x, double y) { return x < y ? x : y; }

#ifdef __AVX512F__
using Float16 = Vector<float, 64>;
using Double8 = Vector<double, 64>;
inline void stream(float* to, Float16 value) { _mm512_stream_ps(to, (__m512)value); }
inline void stream(double* to, Double8 value) { _mm512_stream_pd(to, (__m512d)value); }
inline Float16 square_root(Float16 value) { return (Float16)_mm512_sqrt_ps((__m512)value); }
inline Double8 square_root(Double8 value) { return (Double8)_mm512_sqrt_pd((__m512d)value); }
inline Float16 larger(Float16 x, Float16 y) { return (Float16)_mm512_max_ps((__m512)x, (__m512)y); }
inline Double8 larger(Double8 x, Double8 y) { return (Double8)_mm512_max_pd((__m512d)x, (__m512d)y); }
inline Float16 smaller(Float16 x, Float16 y) { return (Float16)_mm512_min_ps((__m512)x, (__m512)y); }
inline Double8 smaller(Double8 x, Double8 y) { return (Double8)_mm512_min_pd((__m512d)x, (__m512d)y); }
#define NATIVE_512(...) __VA_ARGS__
#else
#define NATIVE_512(...)
#endif

#define NATIVE_UNARY(name, symbol)                                                                                     \
  extern "C" Float8 _ZGVdN8v_##symbol##f(Float8);                                                                      \
  extern "C" Double4 _ZGVdN4v_##symbol(Double4);                                                                       \
  inline Float8 name(Float8 value) { return _ZGVdN8v_##symbol##f(value); }                                             \
  inline Double4 name(Double4 value) { return _ZGVdN4v_##symbol(value); }                                              \
  NATIVE_512(                                                                                                          \
      extern "C" Float16 _ZGVeN16v_##symbol##f(Float16); extern "C" Double8 _ZGVeN8v_##symbol(Double8);                \
      inline Float16 name(Float16 value) { return _ZGVeN16v_##symbol##f(value); } inline Double8 name(Double8 value) { \
        return _ZGVeN8v_##symbol(value);                                                                               \
      })

NATIVE_UNARY(vector_exp, exp)
NATIVE_UNARY(vector_log, log)
NATIVE_UNARY(vector_sin, sin)
NATIVE_UNARY(vector_tanh, tanh)
NATIVE_UNARY(vector_erf, erf)
NATIVE_UNARY(vector_erfc, erfc)
#undef NATIVE_UNARY

extern "C" Float8 _ZGVdN8vv_powf(Float8, Float8);
extern "C" Double4 _ZGVdN4vv_pow(Double4, Double4);
inline Float8 vector_pow(Float8 x, Float8 y) { return _ZGVdN8vv_powf(x, y); }
inline Double4 vector_pow(Double4 x, Double4 y) { return _ZGVdN4vv_pow(x, y); }
NATIVE_512(
    extern "C" Float16 _ZGVeN16vv_powf(Float16, Float16); extern "C" Double8 _ZGVeN8vv_pow(Double8, Double8);
    inline Float16 vector_pow(Float16 x, Float16 y) {
      return _ZGVeN16vv_powf(x, y);
    } inline Double8 vector_pow(Double8 x, Double8 y) { return _ZGVeN8vv_pow(x, y); })

// At most one vector of elements, padded with ones, which are harmless in every function measured here.
template <class T, int bytes, int flight, int input_count, int output_count, class Body>
__attribute__((noinline)) void map_tail(const T* const (&from)[input_count], T* const (&to)[output_count], int64_t i,
                                        int64_t count, Body body) {
  using V = Vector<T, bytes>;
  V in[input_count][flight];
  V out[output_count][flight];
  for (int k = 0; k < input_count; ++k) {
    for (int f = 0; f < flight; ++f) in[k][f] = V{} + T(1);
    __builtin_memcpy(&in[k][0], from[k] + i, count * sizeof(T));
  }
  body(in, out);
  for (int k = 0; k < output_count; ++k) __builtin_memcpy(to[k] + i, &out[k][0], count * sizeof(T));
}

// One pass over [begin, end): `flight` vectors are computed stage by stage, so that their latencies overlap. The body
// gets arrays of vectors, inputs[input][vector in flight], and fills outputs the same way. The arrays of the main loop
// are its own, apart from the tail's: what memcpy writes with a length known only at run time stays in memory.
template <class T, int bytes, int flight, bool streaming, int input_count, int output_count, class Body>
inline __attribute__((always_inline)) void map_part(const T* const (&inputs)[input_count],
                                                    T* const (&outputs)[output_count], int64_t begin, int64_t end,
                                                    Body body) {
  using V = Vector<T, bytes>;
  constexpr int64_t lanes = bytes / sizeof(T);
  const T* from[input_count];
  T* to[output_count];
  for (int k = 0; k < input_count; ++k) from[k] = inputs[k];
  for (int k = 0; k < output_count; ++k) to[k] = outputs[k];
  int64_t i = begin;
  for (; i + lanes * flight <= end; i += lanes * flight) {
    V in[input_count][flight];
    V out[output_count][flight];
    for (int k = 0; k < input_count; ++k)
      for (int f = 0; f < flight; ++f) in[k][f] = load<V>(from[k] + i + f * lanes);
    body(in, out);
    for (int k = 0; k < output_count; ++k)
      for (int f = 0; f < flight; ++f) {
        if constexpr (streaming)
          stream(to[k] + i + f * lanes, out[k][f]);
        else
          store(to[k] + i + f * lanes, out[k][f]);
      }
  }
  for (; i < end; i += lanes)
    map_tail<T, bytes, flight, input_count, output_count>(from, to, i, end - i < lanes ? end - i : lanes, body);
  if constexpr (streaming) _mm_sfence();
}

}  // namespace NATIVE_NAMESPACE
