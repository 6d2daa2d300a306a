// What generated kernels are written in: dtypes, operations that C++ has no operator for or leaves undefined, elements
// in memory. No header is included; this text and that of prelude_reductions.cuh stand in front of every kernel.

typedef signed char kiln_i8;
typedef short kiln_i16;
typedef int kiln_i32;
typedef long long kiln_i64;
typedef unsigned char kiln_u8;
typedef unsigned short kiln_u16;
typedef unsigned int kiln_u32;
typedef unsigned long long kiln_u64;
typedef float kiln_f32;
typedef double kiln_f64;

/// The values that the host hands to a kernel, 64 bits each.
template <int n>
struct kiln_words {
  kiln_u64 at[n];
};

#define KILN_DEVICE static __device__ __forceinline__

// ---- Halves: floats in registers, rounded after every operation, 16 bits in memory ----------------------------------

struct kiln_f16 {
  kiln_u16 bits;
};
struct kiln_bf16 {
  kiln_u16 bits;
};
KILN_DEVICE bool kiln_is_f16(kiln_f16) { return true; }
KILN_DEVICE bool kiln_is_f16(kiln_bf16) { return false; }

#ifdef KILN_SIMULATED_DEVICE
KILN_DEVICE kiln_u16 kiln_f16_bits(float x) { return kiln_device_f32_to_f16(x); }
KILN_DEVICE float kiln_f16_value(kiln_u16 bits) { return kiln_device_f16_to_f32(bits); }
#else
KILN_DEVICE kiln_u16 kiln_f16_bits(float x) {
  kiln_u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
KILN_DEVICE float kiln_f16_value(kiln_u16 bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}
#endif
KILN_DEVICE kiln_u16 kiln_bf16_bits(float x) {
  const kiln_u32 bits = __float_as_uint(x);
  if (x != x) return (kiln_u16)(bits >> 16 | 0x40);
  return (kiln_u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
KILN_DEVICE float kiln_bf16_value(kiln_u16 bits) { return __uint_as_float((kiln_u32)bits << 16); }

KILN_DEVICE float kiln_round_f16(float x) { return kiln_f16_value(kiln_f16_bits(x)); }
KILN_DEVICE float kiln_round_bf16(float x) { return kiln_bf16_value(kiln_bf16_bits(x)); }
// To odd first: the second rounding then gives what one would have given.
KILN_DEVICE float kiln_round_to_odd(double x) {
  const float near = (float)x;
  if ((double)near == x || x != x) return near;
  kiln_u32 bits = __float_as_uint(near);
  if (fabs((double)near) > fabs(x)) --bits;  // towards zero; an infinity becomes the largest float
  return __uint_as_float(bits | 1);
}
KILN_DEVICE float kiln_round_f16(double x) { return kiln_round_f16(kiln_round_to_odd(x)); }
KILN_DEVICE float kiln_round_bf16(double x) { return kiln_round_bf16(kiln_round_to_odd(x)); }

// ---- Complex numbers ------------------------------------------------------------------------------------------------

template <class T>
struct __align__(2 * sizeof(T)) kiln_complex {
  T re, im;
};
typedef kiln_complex<float> kiln_c64;
typedef kiln_complex<double> kiln_c128;

// ---- Integers: wrap, and have a result for every operand ------------------------------------------------------------

template <class T>
struct kiln_integer;
#define KILN_INTEGER(name, wide, of_sign)          \
  template <>                                      \
  struct kiln_integer<name> {                      \
    typedef wide bits;                             \
    static constexpr bool is_signed = of_sign;     \
    static constexpr int width = 8 * sizeof(name); \
  };
KILN_INTEGER(kiln_i8, kiln_u32, true)
KILN_INTEGER(kiln_i16, kiln_u32, true)
KILN_INTEGER(kiln_i32, kiln_u32, true)
KILN_INTEGER(kiln_i64, kiln_u64, true)
KILN_INTEGER(kiln_u8, kiln_u32, false)
KILN_INTEGER(kiln_u16, kiln_u32, false)
KILN_INTEGER(kiln_u32, kiln_u32, false)
KILN_INTEGER(kiln_u64, kiln_u64, false)

#define KILN_WRAPPING(name, op)                                      \
  template <class T>                                                 \
  KILN_DEVICE T kiln_##name(T a, T b) {                              \
    typedef typename kiln_integer<T>::bits U;                        \
    return (T)((U)a op(U) b);                                        \
  }                                                                  \
  KILN_DEVICE float kiln_##name(float a, float b) { return a op b; } \
  KILN_DEVICE double kiln_##name(double a, double b) { return a op b; }
KILN_WRAPPING(add, +)
KILN_WRAPPING(subtract, -)
KILN_WRAPPING(multiply, *)
KILN_DEVICE bool kiln_add(bool a, bool b) { return a || b; }
KILN_DEVICE bool kiln_multiply(bool a, bool b) { return a && b; }
template <class T>
KILN_DEVICE T kiln_negative(T a) {
  return (T)(0 - (typename kiln_integer<T>::bits)a);
}
KILN_DEVICE float kiln_negative(float a) { return -a; }
KILN_DEVICE double kiln_negative(double a) { return -a; }
template <class T>
KILN_DEVICE T kiln_square(T a) {
  return kiln_multiply(a, a);
}

template <class T>
KILN_DEVICE T kiln_not(T a) {
  return (T)~a;
}
KILN_DEVICE bool kiln_not(bool a) { return !a; }
template <class T>
KILN_DEVICE T kiln_shl(T a, T count) {
  typedef typename kiln_integer<T>::bits U;
  return (kiln_u64)(kiln_i64)count < kiln_integer<T>::width ? (T)((U)a << (int)count) : (T)0;
}
template <class T>
KILN_DEVICE T kiln_shr(T a, T count) {
  const bool all_out = (kiln_u64)(kiln_i64)count >= kiln_integer<T>::width;
  if (kiln_integer<T>::is_signed) return (T)(a >> (all_out ? kiln_integer<T>::width - 1 : (int)count));
  return all_out ? (T)0 : (T)(a >> (int)count);
}
template <class T>
KILN_DEVICE T kiln_mod(T a, T b) {
  if (b == 0) return 0;
  if (!kiln_integer<T>::is_signed) return (T)(a % b);
  if (b == (T)-1) return 0;
  const T rest = (T)(a % b);
  return rest != 0 && (rest < 0) != (b < 0) ? (T)(rest + b) : rest;
}
template <class T>
KILN_DEVICE T kiln_floordiv(T a, T b) {
  if (b == 0) return 0;
  if (!kiln_integer<T>::is_signed) return (T)(a / b);
  if (b == (T)-1) return kiln_negative(a);
  return (T)(a / b - (a % b != 0 && (a % b < 0) != (b < 0)));
}
template <class T>
KILN_DEVICE T kiln_fmod(T a, T b) {
  if (b == 0 || (kiln_integer<T>::is_signed && b == (T)-1)) return 0;
  return (T)(a % b);
}
template <class T>
KILN_DEVICE T kiln_reciprocal(T a) {
  return a == 1 || (kiln_integer<T>::is_signed && a == (T)-1) ? a : (T)0;
}
template <class T>
KILN_DEVICE typename kiln_integer<T>::bits kiln_magnitude(T a) {
  typedef typename kiln_integer<T>::bits U;
  return kiln_integer<T>::is_signed && a < 0 ? (U)0 - (U)a : (U)a;
}
template <class T>
KILN_DEVICE T kiln_gcd(T a, T b) {
  typename kiln_integer<T>::bits x = kiln_magnitude(a), y = kiln_magnitude(b);
  while (y != 0) {
    const auto rest = x % y;
    x = y;
    y = rest;
  }
  return (T)x;
}
template <class T>
KILN_DEVICE T kiln_lcm(T a, T b) {
  const auto x = kiln_magnitude(a), y = kiln_magnitude(b);
  if (x == 0 || y == 0) return 0;
  auto divisor = x, rest = y;
  while (rest != 0) {
    const auto next = divisor % rest;
    divisor = rest;
    rest = next;
  }
  return (T)(x / divisor * y);
}
template <class T>
KILN_DEVICE kiln_u8 kiln_popcount(T a) {
  return (kiln_u8)__popcll((kiln_u64)kiln_magnitude(a));
}
template <class T>
KILN_DEVICE T kiln_pow(T base, T exponent) {
  typedef typename kiln_integer<T>::bits U;
  if (kiln_integer<T>::is_signed && exponent < 0)
    return base == 1 ? (T)1 : base == (T)-1 ? (exponent & 1 ? (T)-1 : (T)1) : (T)0;
  U result = 1, square = (U)base;
  for (U left = (U)exponent; left != 0; left >>= 1, square *= square)
    if (left & 1) result *= square;
  return (T)result;
}
template <class T>
KILN_DEVICE T kiln_abs(T a) {
  return (T)kiln_magnitude(a);
}
template <class T>
KILN_DEVICE T kiln_sign(T a) {
  return (T)((a > 0) - (kiln_integer<T>::is_signed && a < 0));
}
template <class T>
KILN_DEVICE T kiln_min(T a, T b) {
  return a <= b ? a : b;
}
template <class T>
KILN_DEVICE T kiln_max(T a, T b) {
  return a >= b ? a : b;
}
template <class T>
KILN_DEVICE T kiln_fmin(T a, T b) {
  return a <= b ? a : b;
}
template <class T>
KILN_DEVICE T kiln_fmax(T a, T b) {
  return a >= b ? a : b;
}
template <class T>
KILN_DEVICE bool kiln_signbit(T a) {
  return kiln_integer<T>::is_signed && a < 0;
}
template <class T>
KILN_DEVICE bool kiln_isnan(T) {
  return false;
}
template <class T>
KILN_DEVICE bool kiln_isinf(T) {
  return false;
}
template <class T>
KILN_DEVICE bool kiln_isfinite(T) {
  return true;
}
template <class T>
KILN_DEVICE T kiln_real(T a) {
  return a;
}
template <class T>
KILN_DEVICE T kiln_imag(T) {
  return (T)0;
}
template <class T>
KILN_DEVICE T kiln_conj(T a) {
  return a;
}
// What a function of floats rounds, an integer is already.
template <class T>
KILN_DEVICE T kiln_whole(T a) {
  return a;
}

// ---- Floats ---------------------------------------------------------------------------------------------------------

#define KILN_FLOAT(T, F, bits_of, as_number, unsigned_bits, all_of_infinity)                           \
  KILN_DEVICE T kiln_square(T a) { return a * a; }                                                     \
  KILN_DEVICE bool kiln_isnan(T a) { return a != a; }                                                  \
  KILN_DEVICE bool kiln_isinf(T a) { return fabs##F(a) == as_number(all_of_infinity); }                \
  KILN_DEVICE bool kiln_isfinite(T a) { return fabs##F(a) < as_number(all_of_infinity); }              \
  KILN_DEVICE bool kiln_signbit(T a) { return (unsigned_bits)bits_of(a) >> (8 * sizeof(T) - 1) != 0; } \
  KILN_DEVICE T kiln_abs(T a) { return fabs##F(a); }                                                   \
  KILN_DEVICE T kiln_sign(T a) { return a != a ? a : a > 0 ? (T)1 : a < 0 ? (T) - 1 : (T)0; }          \
  KILN_DEVICE T kiln_min(T a, T b) { return a <= b || a != a ? a : b; }                                \
  KILN_DEVICE T kiln_max(T a, T b) { return a >= b || a != a ? a : b; }                                \
  KILN_DEVICE T kiln_fmin(T a, T b) { return a <= b || b != b ? a : b; }                               \
  KILN_DEVICE T kiln_fmax(T a, T b) { return a >= b || b != b ? a : b; }                               \
  KILN_DEVICE T kiln_mod(T a, T b) {                                                                   \
    const T rest = fmod##F(a, b);                                                                      \
    if (b == 0) return rest;                                                                           \
    if (rest == 0) return copysign##F((T)0, b);                                                        \
    return (b < 0) != (rest < 0) ? rest + b : rest;                                                    \
  }                                                                                                    \
  KILN_DEVICE T kiln_floordiv(T a, T b) {                                                              \
    if (b == 0) return a / b;                                                                          \
    const T rest = fmod##F(a, b);                                                                      \
    T exact = (a - rest) / b;                                                                          \
    if (rest != 0 && (b < 0) != (rest < 0)) exact -= 1;                                                \
    if (exact == 0) return copysign##F((T)0, a / b);                                                   \
    const T whole = floor##F(exact);                                                                   \
    return exact - whole > (T)0.5 ? whole + 1 : whole;                                                 \
  }                                                                                                    \
  KILN_DEVICE T kiln_spacing(T a) {                                                                    \
    return nextafter##F(a, a < 0 ? -as_number(all_of_infinity) : as_number(all_of_infinity)) - a;      \
  }                                                                                                    \
  KILN_DEVICE T kiln_fmod(T a, T b) { return fmod##F(a, b); }                                          \
  KILN_DEVICE T kiln_pow(T a, T b) { return pow##F(a, b); }                                            \
  KILN_DEVICE T kiln_whole(T a) { return a; }
KILN_FLOAT(float, f, __float_as_uint, __uint_as_float, kiln_u32, 0x7f800000u)
KILN_FLOAT(double, , __double_as_longlong, __longlong_as_double, kiln_u64, 0x7ff0000000000000ll)

KILN_DEVICE bool kiln_min(bool a, bool b) { return a && b; }
KILN_DEVICE bool kiln_max(bool a, bool b) { return a || b; }
KILN_DEVICE bool kiln_fmin(bool a, bool b) { return a && b; }
KILN_DEVICE bool kiln_fmax(bool a, bool b) { return a || b; }
KILN_DEVICE bool kiln_abs(bool a) { return a; }

// The neighbour of a half towards another number; the bits of halves are in their order.
template <class Half>
KILN_DEVICE float kiln_half_value(kiln_u16 bits);
template <>
__device__ __forceinline__ float kiln_half_value<kiln_f16>(kiln_u16 bits) {
  return kiln_f16_value(bits);
}
template <>
__device__ __forceinline__ float kiln_half_value<kiln_bf16>(kiln_u16 bits) {
  return kiln_bf16_value(bits);
}
template <class Half>
KILN_DEVICE float kiln_next_half(float x, float y) {
  if (x != x || y != y) return __uint_as_float(0x7fc00000u);
  if (x == y) return y;
  const kiln_u16 bits = kiln_is_f16(Half()) ? kiln_f16_bits(x) : kiln_bf16_bits(x);
  const int next = x == 0 ? (y < x ? 0x8000 : 0) | 1 : (x < y) == (x > 0) ? bits + 1 : bits - 1;
  return kiln_half_value<Half>((kiln_u16)next);
}

// ---- Casts: floats to integers saturate, and NaN becomes 0 ----------------------------------------------------------

template <class T, class F>
KILN_DEVICE T kiln_saturated(F x) {
  constexpr int width = kiln_integer<T>::width;
  if (x != x) return 0;
  if (kiln_integer<T>::is_signed) {
    constexpr kiln_i64 most = (kiln_i64)(~0ull >> (65 - width));
    const F limit = (F)(1ull << (width - 1));
    if (x >= limit) return (T)most;
    return x <= -limit ? (T)(-most - 1) : (T)(kiln_i64)x;
  }
  const F limit = (F)2 * (F)(1ull << (width - 1));
  if (x >= limit) return (T)(~0ull >> (64 - width));
  return x <= 0 ? (T)0 : (T)(kiln_u64)x;
}

// ---- Elements in memory: what a register holds of each dtype --------------------------------------------------------

template <class T>
KILN_DEVICE T kiln_load(const T* at) {
  return *at;
}
KILN_DEVICE bool kiln_load(const bool* at) { return *(const kiln_u8*)at != 0; }
KILN_DEVICE float kiln_load(const kiln_f16* at) { return kiln_f16_value(at->bits); }
KILN_DEVICE float kiln_load(const kiln_bf16* at) { return kiln_bf16_value(at->bits); }
template <class T>
KILN_DEVICE void kiln_store(T* at, T x) {
  *at = x;
}
KILN_DEVICE void kiln_store(kiln_f16* at, float x) { at->bits = kiln_f16_bits(x); }
KILN_DEVICE void kiln_store(kiln_bf16* at, float x) { at->bits = kiln_bf16_bits(x); }

// ---- Packs: neighbouring elements, loaded and stored by one instruction ---------------------------------------------

template <class T, int n>
struct __align__(n * sizeof(T)) kiln_pack {
  T at[n];
};
template <int bytes>
struct kiln_bits;
template <>
struct kiln_bits<1> {
  typedef unsigned char type;
};
template <>
struct kiln_bits<2> {
  typedef unsigned short type;
};
template <>
struct kiln_bits<4> {
  typedef unsigned int type;
};
template <>
struct kiln_bits<8> {
  typedef uint2 type;
};
template <>
struct kiln_bits<16> {
  typedef uint4 type;
};
template <class T, int n>
union kiln_packed_bits {
  typename kiln_bits<n * sizeof(T)>::type bits;
  kiln_pack<T, n> pack;
  __device__ __forceinline__ kiln_packed_bits() {}
};
template <int n, class T>
KILN_DEVICE kiln_pack<T, n> kiln_load_pack(const T* at) {
  kiln_packed_bits<T, n> x;
  x.bits = *(const typename kiln_bits<n * sizeof(T)>::type*)at;
  return x.pack;
}
/// The same of memory that nothing in the kernel writes. Of packs alone: the compiler never moves such a load out of a
/// loop, as it does others.
template <int n, class T>
KILN_DEVICE kiln_pack<T, n> kiln_read_pack(const T* at) {
  kiln_packed_bits<T, n> x;
  x.bits = __ldg((const typename kiln_bits<n * sizeof(T)>::type*)at);
  return x.pack;
}
#ifdef KILN_SIMULATED_DEVICE
template <class Bits>
KILN_DEVICE void kiln_store_bits(Bits* at, Bits bits) {
  *at = bits;
}
#else
// Said outright: the compiler does not always find that they can be stored together.
template <class Bits>
KILN_DEVICE void kiln_store_bits(Bits* at, Bits bits) {
  *at = bits;
}
KILN_DEVICE void kiln_store_bits(uint2* at, uint2 bits) {
  asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(at)), "r"(bits.x), "r"(bits.y)
               : "memory");
}
KILN_DEVICE void kiln_store_bits(uint4* at, uint4 bits) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(at)), "r"(bits.x), "r"(bits.y),
               "r"(bits.z), "r"(bits.w)
               : "memory");
}
#endif
template <class T, int n>
KILN_DEVICE void kiln_store_pack(T* at, const kiln_pack<T, n>& pack) {
  kiln_packed_bits<T, n> x;
  x.pack = pack;
  kiln_store_bits((typename kiln_bits<n * sizeof(T)>::type*)at, x.bits);
}

// n / d of n below 2^31; the host makes the factor and the shift of d.
KILN_DEVICE kiln_u32 kiln_divide(kiln_u32 n, kiln_u64 by) {
  return (__umulhi(n, (kiln_u32)by) + n) >> (kiln_u32)(by >> 32);
}
// The same below 2^63, with a factor of its own.
KILN_DEVICE kiln_u64 kiln_divide(kiln_u64 n, kiln_u64 by, kiln_u64 factor) {
  return (__umul64hi(n, factor) + n) >> (kiln_u32)(by >> 32);
}

// a / b of numbers that are not negative. Bit by bit where 32 bits do not suffice, which is rare: a division of 64 bits
// takes long to compile.
KILN_DEVICE kiln_i64 kiln_quotient(kiln_i64 a, kiln_i64 b) {
  if (((kiln_u64)a | (kiln_u64)b) >> 32 == 0) return (kiln_i64)((kiln_u32)a / (kiln_u32)b);
  kiln_u64 rest = 0, quotient = 0;
#pragma unroll 1
  for (int bit = 62; bit >= 0; --bit) {
    rest = 2 * rest + ((kiln_u64)a >> bit & 1);
    quotient *= 2;
    if (rest < (kiln_u64)b) continue;
    rest -= (kiln_u64)b;
    ++quotient;
  }
  return (kiln_i64)quotient;
}

// A number among the values that the host hands over.
template <class T>
KILN_DEVICE T kiln_word(kiln_u64 bits) {
  return (T)bits;
}
template <>
__device__ __forceinline__ bool kiln_word<bool>(kiln_u64 bits) {
  return bits != 0;
}
template <>
__device__ __forceinline__ double kiln_word<double>(kiln_u64 bits) {
  return __longlong_as_double((kiln_i64)bits);
}
template <>
__device__ __forceinline__ float kiln_word<float>(kiln_u64 bits) {
  return __uint_as_float((kiln_u32)bits);
}

// How often a loop turns.
KILN_DEVICE kiln_i64 kiln_trips(kiln_i64 begin, kiln_i64 end, kiln_i64 step) {
  const kiln_u64 b = (kiln_u64)begin, e = (kiln_u64)end, s = (kiln_u64)step;
  if (step > 0 && begin < end) return (kiln_i64)((e - b - 1) / s + 1);
  if (step < 0 && begin > end) return (kiln_i64)((b - e - 1) / (0 - s) + 1);
  return 0;
}

// ---- Elements that are updated --------------------------------------------------------------------------------------

/// *at becomes how(*at); the value before.
template <class M, class How>
KILN_DEVICE auto kiln_update(M* at, How how) -> decltype(kiln_load(at)) {
  const auto old = kiln_load(at);
  kiln_store(at, how(old));
  return old;
}

KILN_DEVICE kiln_u32 kiln_compare_and_swap(kiln_u32* at, kiln_u32 old, kiln_u32 x) { return atomicCAS(at, old, x); }
KILN_DEVICE kiln_u64 kiln_compare_and_swap(kiln_u64* at, kiln_u64 old, kiln_u64 x) { return atomicCAS(at, old, x); }

/// The same of elements that other threads update too: of 1, 2 and 4 bytes in the 32 bits around them, of 8 as they
/// are.
template <class Bits, class M, class How>
KILN_DEVICE auto kiln_exchange(M* at, How how) -> decltype(kiln_load(at)) {
  const kiln_u64 address = (kiln_u64)at, inside = address % sizeof(Bits);
  Bits* const whole = (Bits*)(address - inside);
  union Both {
    Bits bits;
    unsigned char bytes[sizeof(Bits)];
  };
  Both seen;
  seen.bits = *(volatile Bits*)whole;
  for (;;) {
    Both next = seen;
    M* const element = (M*)(next.bytes + inside);
    const auto old = kiln_load(element);
    kiln_store(element, how(old));
    const Bits before = kiln_compare_and_swap(whole, seen.bits, next.bits);
    if (before == seen.bits) return old;
    seen.bits = before;
  }
}
template <int size>
struct kiln_exchanged {
  typedef kiln_u32 bits;
};
template <>
struct kiln_exchanged<8> {
  typedef kiln_u64 bits;
};
template <class M, class How>
KILN_DEVICE auto kiln_atomic(M* at, How how) -> decltype(kiln_load(at)) {
  return kiln_exchange<typename kiln_exchanged<sizeof(M)>::bits>(at, how);
}

KILN_DEVICE void kiln_atomic_add(float* at, float x) { atomicAdd(at, x); }
KILN_DEVICE void kiln_atomic_add(double* at, double x) { atomicAdd(at, x); }
KILN_DEVICE void kiln_atomic_add(kiln_i32* at, kiln_i32 x) { atomicAdd(at, x); }
KILN_DEVICE void kiln_atomic_add(kiln_u32* at, kiln_u32 x) { atomicAdd(at, x); }
KILN_DEVICE void kiln_atomic_add(kiln_i64* at, kiln_i64 x) { atomicAdd((kiln_u64*)at, (kiln_u64)x); }
KILN_DEVICE void kiln_atomic_add(kiln_u64* at, kiln_u64 x) { atomicAdd(at, x); }
KILN_DEVICE void kiln_add_parts(kiln_c128* at, kiln_c128 x) {
  atomicAdd(&at->re, x.re);
  atomicAdd(&at->im, x.im);
}

// ---- Failures: of the first launch that fails the one of the least position is told ---------------------------------

struct kiln_failure {
  kiln_i64 position, inner;
  kiln_i32 status;
  kiln_u32 lock, launch, padding;
  kiln_i64 values[16];
};

// Whether a launch before this one has failed.
KILN_DEVICE bool kiln_skips(const kiln_failure* failure, kiln_u32 launch) {
  const kiln_u32 failed = *(const volatile kiln_u32*)&failure->launch;
  return failed != 0 && failed != launch;
}

static __device__ __noinline__ void kiln_fail(kiln_failure* failure, kiln_u32 launch, kiln_i64 position, kiln_i64 inner,
                                              kiln_i32 status, const kiln_i64* values, int count) {
  volatile kiln_failure* const told = failure;
  // Of millions that fail only those that come before what is told need the lock. It is told once status is set.
  if (told->status != 0) {
    __threadfence();
    if (told->position < position) return;
  }
  for (bool done = false; !done;) {
    if (atomicCAS(&failure->lock, 0u, 1u) != 0) continue;
    __threadfence();
    if (told->status == 0 || position < told->position || (position == told->position && inner < told->inner)) {
      told->launch = launch;
      told->position = position;
      told->inner = inner;
      for (int k = 0; k < count; ++k) told->values[k] = values[k];
      __threadfence();
      told->status = status;
    }
    __threadfence();
    atomicExch(&failure->lock, 0u);
    done = true;
  }
}
