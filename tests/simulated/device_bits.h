// Bits of CUDA C++: reinterpretations, counts, high halves of products, conversions that saturate, halves of 16 bits.
#pragma once

namespace kiln::simulated {

template <typename To, typename From>
inline __attribute__((always_inline)) To bits_of(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  __builtin_memcpy(&result, &value, sizeof result);
  return result;
}

// What cvt of PTX does: a value beyond the range becomes the nearest end of it; a NaN becomes 0, in 64 bits the
// smallest or, without sign, the largest value.
template <typename To, typename From>
inline To saturated(From value) {
  constexpr bool is_signed = static_cast<To>(-1) < static_cast<To>(0);
  constexpr int bits = 8 * sizeof(To);
  constexpr To lowest = is_signed ? static_cast<To>(static_cast<To>(1) << (bits - 1)) : static_cast<To>(0);
  constexpr To highest = static_cast<To>(~lowest);
  if (value != value) return bits == 64 ? static_cast<To>(1ull << 63) : static_cast<To>(0);
  if (value <= static_cast<From>(lowest)) return lowest;
  if (value >= static_cast<From>(highest)) return highest;
  return static_cast<To>(value);
}

}  // namespace kiln::simulated

inline int __float_as_int(float x) { return kiln::simulated::bits_of<int>(x); }
inline unsigned __float_as_uint(float x) { return kiln::simulated::bits_of<unsigned>(x); }
inline float __int_as_float(int x) { return kiln::simulated::bits_of<float>(x); }
inline float __uint_as_float(unsigned x) { return kiln::simulated::bits_of<float>(x); }
inline long long __double_as_longlong(double x) { return kiln::simulated::bits_of<long long>(x); }
inline double __longlong_as_double(long long x) { return kiln::simulated::bits_of<double>(x); }
inline int __double2hiint(double x) { return static_cast<int>(__double_as_longlong(x) >> 32); }
inline int __double2loint(double x) { return static_cast<int>(__double_as_longlong(x)); }
inline double __hiloint2double(int high, int low) {
  return __longlong_as_double(static_cast<long long>(
      (static_cast<unsigned long long>(static_cast<unsigned>(high)) << 32) | static_cast<unsigned>(low)));
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
  x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
  x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
  x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
  return __builtin_bswap32(x);
}
inline unsigned long long __brevll(unsigned long long x) {
  return (static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32) |
         __brev(static_cast<unsigned>(x >> 32));
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const unsigned long long bytes = (static_cast<unsigned long long>(y) << 32) | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned select = (selector >> (4 * i)) & 15u;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (select & 7u))) & 255u;
    if (select & 8u) byte = byte & 128u ? 255u : 0u;
    result |= byte << (8 * i);
  }
  return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((((static_cast<unsigned long long>(high) << 32) | low) << (shift & 31u)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((static_cast<unsigned long long>(high) << 32) | low) >> (shift & 31u));
}

inline int __mulhi(int x, int y) { return static_cast<int>((static_cast<long long>(x) * y) >> 32); }
inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>((static_cast<unsigned long long>(x) * y) >> 32);
}
inline long long __mul64hi(long long x, long long y) {
  return static_cast<long long>((static_cast<__int128>(x) * y) >> 64);
}
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return static_cast<unsigned long long>((static_cast<unsigned __int128>(x) * y) >> 64);
}
inline unsigned __sad(int x, int y, unsigned z) {
  return z + (x < y ? static_cast<unsigned>(y) - static_cast<unsigned>(x)
                    : static_cast<unsigned>(x) - static_cast<unsigned>(y));
}
inline int __mul24(int x, int y) { return ((x << 8) >> 8) * ((y << 8) >> 8); }

#define KILN_SIMULATED_CONVERSIONS(from_name, from)                                                                    \
  inline int __##from_name##2int_rz(from x) { return kiln::simulated::saturated<int>(__builtin_trunc(x)); }            \
  inline int __##from_name##2int_rn(from x) { return kiln::simulated::saturated<int>(__builtin_rint(x)); }             \
  inline int __##from_name##2int_rd(from x) { return kiln::simulated::saturated<int>(__builtin_floor(x)); }            \
  inline int __##from_name##2int_ru(from x) { return kiln::simulated::saturated<int>(__builtin_ceil(x)); }             \
  inline unsigned __##from_name##2uint_rz(from x) { return kiln::simulated::saturated<unsigned>(__builtin_trunc(x)); } \
  inline unsigned __##from_name##2uint_rn(from x) { return kiln::simulated::saturated<unsigned>(__builtin_rint(x)); }  \
  inline long long __##from_name##2ll_rz(from x) { return kiln::simulated::saturated<long long>(__builtin_trunc(x)); } \
  inline long long __##from_name##2ll_rn(from x) { return kiln::simulated::saturated<long long>(__builtin_rint(x)); }  \
  inline unsigned long long __##from_name##2ull_rz(from x) {                                                           \
    return kiln::simulated::saturated<unsigned long long>(__builtin_trunc(x));                                         \
  }                                                                                                                    \
  inline unsigned long long __##from_name##2ull_rn(from x) {                                                           \
    return kiln::simulated::saturated<unsigned long long>(__builtin_rint(x));                                          \
  }
KILN_SIMULATED_CONVERSIONS(float, float)
KILN_SIMULATED_CONVERSIONS(double, double)
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline float __ll2float_rn(long long x) { return static_cast<float>(x); }
inline float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned x) { return x; }
inline double __ll2double_rn(long long x) { return static_cast<double>(x); }
inline double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }
inline float __double2float_rn(double x) { return static_cast<float>(x); }

// f32 to f16, to nearest even; a NaN keeps its sign and the high bits of its payload, and is quiet.
inline unsigned short kiln_device_f32_to_f16(float value) {
  const unsigned bits = __float_as_uint(value);
  const unsigned sign = (bits >> 16) & 0x8000u;
  const unsigned magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<unsigned short>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<unsigned short>(sign | 0x7c00u);  // from 65520 up
  if (magnitude < 0x33000001u) return static_cast<unsigned short>(sign);             // up to 2^-25
  const unsigned exponent = magnitude >> 23;
  unsigned mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  unsigned shift = 13;
  unsigned base = (exponent - 112) << 10;
  if (exponent < 113) {  // subnormal as f16
    shift = 126 - exponent;
    base = 0;
  } else {
    mantissa &= 0x7fffffu;
  }
  const unsigned half = 1u << (shift - 1);
  const unsigned rest = mantissa & ((1u << shift) - 1);
  unsigned result = base + (mantissa >> shift);
  if (rest > half || (rest == half && (result & 1u))) ++result;
  return static_cast<unsigned short>(sign | result);
}

inline float kiln_device_f16_to_f32(unsigned short value) {
  const unsigned sign = static_cast<unsigned>(value & 0x8000u) << 16;
  const unsigned exponent = (value >> 10) & 31u;
  const unsigned mantissa = value & 0x3ffu;
  if (exponent == 31) return __uint_as_float(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return __uint_as_float(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return __uint_as_float(sign | __float_as_uint(magnitude));
}
