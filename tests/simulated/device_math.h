// The mathematical functions of CUDA C++, the host's C library's behind them: as exact as those, not CUDA's to the last
// bit.
#pragma once

#define KILN_SIMULATED_UNARY(name) \
  extern "C" double name(double);  \
  extern "C" float name##f(float); \
  inline float name(float x) { return name##f(x); }

#define KILN_SIMULATED_BINARY(name)       \
  extern "C" double name(double, double); \
  extern "C" float name##f(float, float); \
  inline float name(float x, float y) { return name##f(x, y); }

KILN_SIMULATED_UNARY(sqrt)
KILN_SIMULATED_UNARY(cbrt)
KILN_SIMULATED_UNARY(exp)
KILN_SIMULATED_UNARY(exp2)
KILN_SIMULATED_UNARY(exp10)
KILN_SIMULATED_UNARY(expm1)
KILN_SIMULATED_UNARY(log)
KILN_SIMULATED_UNARY(log2)
KILN_SIMULATED_UNARY(log10)
KILN_SIMULATED_UNARY(log1p)
KILN_SIMULATED_UNARY(logb)
KILN_SIMULATED_UNARY(sin)
KILN_SIMULATED_UNARY(cos)
KILN_SIMULATED_UNARY(tan)
KILN_SIMULATED_UNARY(asin)
KILN_SIMULATED_UNARY(acos)
KILN_SIMULATED_UNARY(atan)
KILN_SIMULATED_UNARY(sinh)
KILN_SIMULATED_UNARY(cosh)
KILN_SIMULATED_UNARY(tanh)
KILN_SIMULATED_UNARY(asinh)
KILN_SIMULATED_UNARY(acosh)
KILN_SIMULATED_UNARY(atanh)
KILN_SIMULATED_UNARY(erf)
KILN_SIMULATED_UNARY(erfc)
KILN_SIMULATED_UNARY(lgamma)
KILN_SIMULATED_UNARY(tgamma)
KILN_SIMULATED_UNARY(floor)
KILN_SIMULATED_UNARY(ceil)
KILN_SIMULATED_UNARY(trunc)
KILN_SIMULATED_UNARY(rint)
KILN_SIMULATED_UNARY(round)
KILN_SIMULATED_UNARY(nearbyint)
KILN_SIMULATED_UNARY(fabs)
KILN_SIMULATED_UNARY(j0)
KILN_SIMULATED_UNARY(j1)
KILN_SIMULATED_UNARY(y0)
KILN_SIMULATED_UNARY(y1)
KILN_SIMULATED_BINARY(pow)
KILN_SIMULATED_BINARY(atan2)
KILN_SIMULATED_BINARY(hypot)
KILN_SIMULATED_BINARY(fmod)
KILN_SIMULATED_BINARY(remainder)
KILN_SIMULATED_BINARY(nextafter)
KILN_SIMULATED_BINARY(copysign)
KILN_SIMULATED_BINARY(fmin)
KILN_SIMULATED_BINARY(fmax)
KILN_SIMULATED_BINARY(fdim)

extern "C" {
double fma(double, double, double);
float fmaf(float, float, float);
double ldexp(double, int);
float ldexpf(float, int);
double scalbn(double, int);
float scalbnf(float, int);
double frexp(double, int*);
float frexpf(float, int*);
double modf(double, double*);
float modff(float, float*);
int ilogb(double);
int ilogbf(float);
void sincos(double, double*, double*);
void sincosf(float, float*, float*);
long long llrint(double);
long long llrintf(float);
long long llround(double);
long long llroundf(float);
long lrint(double);
long lround(double);
double jn(int, double);
double yn(int, double);
int abs(int);
long labs(long);
long long llabs(long long);
}
inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
inline float ldexp(float x, int exponent) { return ldexpf(x, exponent); }
inline float scalbn(float x, int exponent) { return scalbnf(x, exponent); }
inline float frexp(float x, int* exponent) { return frexpf(x, exponent); }
inline float modf(float x, float* whole) { return modff(x, whole); }
inline long abs(long x) { return labs(x); }
inline long long abs(long long x) { return llabs(x); }
inline float abs(float x) { return fabsf(x); }
inline double abs(double x) { return fabs(x); }

inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline double rcbrt(double x) { return 1.0 / cbrt(x); }
inline float rcbrtf(float x) { return 1.0f / cbrtf(x); }
// Exact reduction first, so that whole and half arguments give exact results as CUDA's do.
inline double sinpi(double x) {
  const double r = fmod(x, 2.0);
  if (r == 0.0 || r == 1.0 || r == -1.0) return copysign(0.0, x);
  if (r == 0.5 || r == -1.5) return 1.0;
  if (r == -0.5 || r == 1.5) return -1.0;
  return sin(r * 3.14159265358979323846);
}
inline double cospi(double x) {
  const double r = fabs(fmod(x, 2.0));
  if (r == 0.5 || r == 1.5) return 0.0;
  return cos(r * 3.14159265358979323846);
}
inline float sinpif(float x) { return static_cast<float>(sinpi(static_cast<double>(x))); }
inline float cospif(float x) { return static_cast<float>(cospi(static_cast<double>(x))); }
inline double normcdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }
inline float normcdff(float x) { return static_cast<float>(normcdf(static_cast<double>(x))); }

#define KILN_SIMULATED_CLASSIFICATION(type)                           \
  inline bool isnan(type x) { return __builtin_isnan(x) != 0; }       \
  inline bool isinf(type x) { return __builtin_isinf(x) != 0; }       \
  inline bool isfinite(type x) { return __builtin_isfinite(x) != 0; } \
  inline bool signbit(type x) { return __builtin_signbit(x) != 0; }
KILN_SIMULATED_CLASSIFICATION(float)
KILN_SIMULATED_CLASSIFICATION(double)

#define KILN_SIMULATED_EXTREMES(type)                       \
  inline type min(type x, type y) { return y < x ? y : x; } \
  inline type max(type x, type y) { return x < y ? y : x; }
KILN_SIMULATED_EXTREMES(int)
KILN_SIMULATED_EXTREMES(unsigned)
KILN_SIMULATED_EXTREMES(long)
KILN_SIMULATED_EXTREMES(unsigned long)
KILN_SIMULATED_EXTREMES(long long)
KILN_SIMULATED_EXTREMES(unsigned long long)
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }

// Intrinsics that name their rounding. The compiler may not contract them; nor does it contract anything else here.
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __frsqrt_rn(float x) { return static_cast<float>(1.0 / sqrt(static_cast<double>(x))); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __drcp_rn(double x) { return 1.0 / x; }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }

// Fast forms; the simulation's are not less exact.
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline void __sincosf(float x, float* sine, float* cosine) { sincosf(x, sine, cosine); }
inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
