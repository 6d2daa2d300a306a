// The table of vector functions, found at run time in libmvec, SLEEF and libm.
#include "cpu/vector_math.h"

#include <dlfcn.h>
#include <immintrin.h>
#include <math.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>

#include <kiln/error.h>

#include "cpu/target.h"

namespace kiln::on_cpu {
namespace {

constexpr const char* mvec_library = "libmvec.so.1";
constexpr const char* sleef_library = "libsleef.so.3";
constexpr const char* math_library = "libm.so.6";

enum class Source { mvec, libm };

// Where the f64 function of the precise mode comes from.
enum class Precise {
  sleef,     // SLEEF's function within 1 ulp; else as `extended`
  libm,      // glibc's own, within 1 ulp
  extended,  // glibc's for long double, whose few ulp are thousandths of one when rounded
};

// What is known about an operation on every machine. Bounds: glibc documents 4 ulp for all of libmvec; these are what
// was measured of its 128-, 256- and 512-bit functions, rounded up to halves with room, and its own bounds for libm;
// SLEEF's are in its names. SLEEF's lgamma and tgamma were measured 60 to 1000 ulp off next to their zeros and among
// denormals, its fmod gives NaN for quotients above 1e60 or so: these three come from libm, one lane at a time. Nor is
// SLEEF used where it overflows long before the result does (log1p, sinh, cosh, asinh, acosh), or where the bits of a
// lane depend on its neighbours, because it picks the argument reduction for all lanes at once (sin, cos, tan).
//
// In the precise mode an f32 function is the f64 one, rounded: its few ulp are millionths of one of f32. glibc's own
// f64 functions are within 1 ulp where no other is fit (sin, cos, tan; exp and pow, of which SLEEF's overflow a few
// numbers too early), but not in erfc, sinh, cosh, asinh, acosh and the gamma functions (2 to 10 ulp), nor surely in
// log1p. SLEEF's tanh and atanh come too close to 1.
struct Operation {
  const char* name;
  int arity;
  Source first;              // mvec: libmvec, else SLEEF, else libm, whichever this machine has
  const char* sleef_suffix;  // SLEEF's accuracy class, part of the name; nullptr: not to be used
  double harmless;
  double max_ulp_f32;
  double max_ulp_f64;
  Precise precise;
  // Bits, where wider vectors are slower: on Zen 4 the 512-bit erf takes 1.16 times as long for an element as the
  // 256-bit one (f64 1.18), the f32 erfc 1.58 times.
  int widest_f32 = 512, widest_f64 = 512;
};

constexpr Operation operations[] = {
    {"exp", 1, Source::mvec, "_u10", 1, 3, 3, Precise::libm},
    {"exp2", 1, Source::mvec, "_u10", 1, 2, 2, Precise::sleef},
    {"exp10", 1, Source::mvec, "_u10", 1, 4, 4, Precise::sleef},
    {"expm1", 1, Source::mvec, "_u10", 1, 3.5, 3.5, Precise::sleef},
    {"log", 1, Source::mvec, "_u10", 1, 4, 4, Precise::sleef},
    {"log2", 1, Source::mvec, "_u10", 1, 2.5, 2.5, Precise::sleef},
    {"log10", 1, Source::mvec, "_u10", 1, 3, 3, Precise::sleef},
    {"log1p", 1, Source::mvec, nullptr, 1, 2.5, 2.5, Precise::extended},
    {"sin", 1, Source::mvec, nullptr, 1, 4, 4, Precise::libm},
    {"cos", 1, Source::mvec, nullptr, 1, 4, 4, Precise::libm},
    {"tan", 1, Source::mvec, nullptr, 1, 4, 4, Precise::libm},
    {"asin", 1, Source::mvec, "_u10", 0.5, 3.5, 3.5, Precise::sleef},
    {"acos", 1, Source::mvec, "_u10", 0.5, 2.5, 2.5, Precise::sleef},
    {"atan", 1, Source::mvec, "_u10", 1, 2.5, 2.5, Precise::sleef},
    {"sinh", 1, Source::mvec, nullptr, 1, 2.5, 2.5, Precise::extended},
    {"cosh", 1, Source::mvec, nullptr, 1, 2.5, 2.5, Precise::extended},
    {"tanh", 1, Source::mvec, "_u10", 1, 2.5, 2.5, Precise::extended},
    {"asinh", 1, Source::mvec, nullptr, 1, 2.5, 2.5, Precise::extended},
    {"acosh", 1, Source::mvec, nullptr, 2, 3, 3, Precise::extended},
    {"atanh", 1, Source::mvec, "_u10", 0.5, 2.5, 2.5, Precise::extended},
    {"cbrt", 1, Source::mvec, "_u10", 1, 3.5, 3.5, Precise::sleef},
    {"erf", 1, Source::mvec, "_u10", 1, 2.5, 2.5, Precise::sleef, 256, 256},
    {"erfc", 1, Source::mvec, "_u15", 1, 2, 2, Precise::extended, 256},
    {"pow", 2, Source::mvec, "_u10", 1, 1.5, 1.5, Precise::libm},
    {"atan2", 2, Source::mvec, "_u10", 1, 3.5, 3.5, Precise::sleef},
    {"hypot", 2, Source::mvec, "_u05", 1, 2.5, 2.5, Precise::sleef},
    {"lgamma", 1, Source::libm, "", 2.5, 7, 5, Precise::extended},
    {"tgamma", 1, Source::libm, "", 2.5, 9, 10, Precise::extended},
    {"fmod", 2, Source::libm, "", 1, 0, 0, Precise::libm},
    {"nextafter", 2, Source::libm, "", 1, 0, 0, Precise::libm},
};
constexpr std::size_t operation_count = std::size(operations);

constexpr auto operation_names = [] {
  std::array<const char*, operation_count> names{};
  for (std::size_t i = 0; i < operation_count; ++i) names[i] = operations[i].name;
  return names;
}();

// A library that is opened when the first of its functions is asked for, and never closed.
class Library {
 public:
  constexpr explicit Library(const char* name) : name_(name) {}

  void* find(const char* symbol) {
    std::call_once(opened_, [this] { handle_ = ::dlopen(name_, RTLD_NOW | RTLD_LOCAL); });
    return handle_ != nullptr ? ::dlsym(handle_, symbol) : nullptr;
  }

 private:
  const char* name_;
  std::once_flag opened_;
  void* handle_ = nullptr;
};

constinit Library mvec(mvec_library);
constinit Library sleef(sleef_library);
constinit Library libm(math_library);

// A row of the table for this machine, resolved when it is first asked for.
struct Row {
  std::once_flag resolved;
  VectorFunction function{};
  std::array<char, 40> symbol{};
};

// By operation: f32, f64, and the f64 of the precise mode.
constexpr std::size_t kinds = 3;
constinit std::array<Row, operation_count * kinds> rows;

// The width of this machine's vector functions: its generated code's own, so that a vector is one call.
int math_bits() { return host_target().has_avx2 ? std::max(256, host_target().vector_bits) : 128; }

std::string mvec_symbol(const Operation& operation, bool is_f64, int bits, int lanes) {
  std::string symbol = bits == 512 ? "_ZGVeN" : bits == 256 ? "_ZGVdN" : "_ZGVbN";
  symbol += std::to_string(lanes);
  symbol += operation.arity == 2 ? "vv_" : "v_";
  symbol += operation.name;
  if (!is_f64) symbol += 'f';
  return symbol;
}

std::string sleef_symbol(const Operation& operation, bool is_f64, int bits, int lanes) {
  std::string symbol = std::string("Sleef_") + operation.name + (is_f64 ? 'd' : 'f') + std::to_string(lanes);
  symbol += operation.sleef_suffix;
  return symbol + (bits == 512 ? "avx512f" : bits == 256 ? "avx2" : "sse2");
}

std::string libm_symbol(const Operation& operation, bool is_f64) {
  return is_f64 ? operation.name : std::string(operation.name) + 'f';
}

// libm's lgamma also stores the sign in a global variable, which threads would race for.
double lgamma_f64(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

float lgamma_f32(float x) {
  int sign;
  return ::lgammaf_r(x, &sign);
}

// Functions of long double, rounded.
template <long double (*function)(long double)>
double rounded(double x) {
  return static_cast<double>(function(x));
}
template <long double (*function)(long double, long double)>
double rounded(double x, double y) {
  return static_cast<double>(function(x, y));
}
long double lgamma_extended(long double x) {
  int sign;
  return ::lgammal_r(x, &sign);
}
long double exp10_extended(long double x) { return ::powl(10, x); }

struct Rounded {
  std::string_view op;
  const char* symbol;
  double (*unary)(double);
  double (*binary)(double, double);

  void* address() const { return unary != nullptr ? reinterpret_cast<void*>(unary) : reinterpret_cast<void*>(binary); }
};

constexpr Rounded rounded_functions[] = {
    {"exp2", "kiln_rounded_exp2", rounded<::exp2l>, nullptr},
    {"exp10", "kiln_rounded_exp10", rounded<exp10_extended>, nullptr},
    {"expm1", "kiln_rounded_expm1", rounded<::expm1l>, nullptr},
    {"log", "kiln_rounded_log", rounded<::logl>, nullptr},
    {"log2", "kiln_rounded_log2", rounded<::log2l>, nullptr},
    {"log10", "kiln_rounded_log10", rounded<::log10l>, nullptr},
    {"log1p", "kiln_rounded_log1p", rounded<::log1pl>, nullptr},
    {"asin", "kiln_rounded_asin", rounded<::asinl>, nullptr},
    {"acos", "kiln_rounded_acos", rounded<::acosl>, nullptr},
    {"atan", "kiln_rounded_atan", rounded<::atanl>, nullptr},
    {"sinh", "kiln_rounded_sinh", rounded<::sinhl>, nullptr},
    {"cosh", "kiln_rounded_cosh", rounded<::coshl>, nullptr},
    {"tanh", "kiln_rounded_tanh", rounded<::tanhl>, nullptr},
    {"asinh", "kiln_rounded_asinh", rounded<::asinhl>, nullptr},
    {"acosh", "kiln_rounded_acosh", rounded<::acoshl>, nullptr},
    {"atanh", "kiln_rounded_atanh", rounded<::atanhl>, nullptr},
    {"cbrt", "kiln_rounded_cbrt", rounded<::cbrtl>, nullptr},
    {"erf", "kiln_rounded_erf", rounded<::erfl>, nullptr},
    {"erfc", "kiln_rounded_erfc", rounded<::erfcl>, nullptr},
    {"atan2", "kiln_rounded_atan2", nullptr, rounded<::atan2l>},
    {"hypot", "kiln_rounded_hypot", nullptr, rounded<::hypotl>},
    {"lgamma", "kiln_rounded_lgamma", rounded<lgamma_extended>, nullptr},
    {"tgamma", "kiln_rounded_tgamma", rounded<::tgammal>, nullptr},
};

// By the operation's name or the symbol's.
const Rounded* find_rounded(std::string_view name) {
  for (const Rounded& each : rounded_functions)
    if (name == each.op || name == each.symbol) return &each;
  return nullptr;
}

void resolve(Row& row, const Operation& operation, bool is_f64, bool precise) {
  const int bits = std::min(math_bits(), is_f64 ? operation.widest_f64 : operation.widest_f32);
  const int lanes = bits / (is_f64 ? 64 : 32);
  VectorFunction& f = row.function;
  f.op = operation.name;
  f.arity = operation.arity;
  f.is_f64 = is_f64;
  f.harmless = operation.harmless;
  f.max_ulp = is_f64 ? operation.max_ulp_f64 : operation.max_ulp_f32;
  const auto take = [&](const std::string& symbol, const char* library, bool vector) {
    std::copy(symbol.begin(), symbol.end(), row.symbol.begin());  // what follows is zero
    f.symbol = row.symbol.data();
    f.library = library;
    f.vector = vector;
    f.lanes = vector ? lanes : 1;
  };
  const auto take_sleef = [&] {
    const std::string symbol = sleef_symbol(operation, is_f64, bits, lanes);
    f.address = sleef.find(symbol.c_str());
    if (f.address != nullptr) take(symbol, sleef_library, true);
    return f.address != nullptr;
  };
  if (precise && operation.precise != Precise::libm) {
    f.max_ulp = 1;
    if (operation.precise == Precise::sleef && take_sleef()) return;
    const Rounded* function = find_rounded(operation.name);
    f.address = function->address();
    return take(function->symbol, math_library, false);
  }
  const std::string in_mvec = mvec_symbol(operation, is_f64, bits, lanes);
  const std::string in_libm = libm_symbol(operation, is_f64);
  if (!precise && operation.first == Source::mvec && (f.address = mvec.find(in_mvec.c_str())) != nullptr)
    return take(in_mvec, mvec_library, true);
  if (!precise && operation.first == Source::mvec && operation.sleef_suffix != nullptr && take_sleef()) return;
  if (precise) f.max_ulp = std::min(f.max_ulp, 1.0);
  if ((f.address = resolve_math_symbol(in_libm.c_str())) != nullptr) take(in_libm, math_library, false);
}

const VectorFunction& required(std::string_view op, bool is_f64) {
  const VectorFunction* function = find_vector_function(op, is_f64, 0);
  if (function == nullptr) throw InternalError("no vector function computes '" + std::string(op) + "'");
  return *function;
}

// One call of a vector function on whole registers. GCC and clang compile these for AVX-512 and AVX2 although the
// library is built for any x86-64; they are reached only when math_bits() chose functions of that width.
__attribute__((target("avx512f"))) void call_512(const VectorFunction& f, const float* x, const float* y, float* out) {
  const __m512 a = _mm512_loadu_ps(x);
  const __m512 result = f.arity == 2 ? reinterpret_cast<__m512 (*)(__m512, __m512)>(f.address)(a, _mm512_loadu_ps(y))
                                     : reinterpret_cast<__m512 (*)(__m512)>(f.address)(a);
  _mm512_storeu_ps(out, result);
}

__attribute__((target("avx512f"))) void call_512(const VectorFunction& f, const double* x, const double* y,
                                                 double* out) {
  const __m512d a = _mm512_loadu_pd(x);
  const __m512d result = f.arity == 2
                             ? reinterpret_cast<__m512d (*)(__m512d, __m512d)>(f.address)(a, _mm512_loadu_pd(y))
                             : reinterpret_cast<__m512d (*)(__m512d)>(f.address)(a);
  _mm512_storeu_pd(out, result);
}

__attribute__((target("avx2"))) void call_256(const VectorFunction& f, const float* x, const float* y, float* out) {
  const __m256 a = _mm256_loadu_ps(x);
  const __m256 result = f.arity == 2 ? reinterpret_cast<__m256 (*)(__m256, __m256)>(f.address)(a, _mm256_loadu_ps(y))
                                     : reinterpret_cast<__m256 (*)(__m256)>(f.address)(a);
  _mm256_storeu_ps(out, result);
}

__attribute__((target("avx2"))) void call_256(const VectorFunction& f, const double* x, const double* y, double* out) {
  const __m256d a = _mm256_loadu_pd(x);
  const __m256d result = f.arity == 2
                             ? reinterpret_cast<__m256d (*)(__m256d, __m256d)>(f.address)(a, _mm256_loadu_pd(y))
                             : reinterpret_cast<__m256d (*)(__m256d)>(f.address)(a);
  _mm256_storeu_pd(out, result);
}

void call_128(const VectorFunction& f, const float* x, const float* y, float* out) {
  const __m128 a = _mm_loadu_ps(x);
  const __m128 result = f.arity == 2 ? reinterpret_cast<__m128 (*)(__m128, __m128)>(f.address)(a, _mm_loadu_ps(y))
                                     : reinterpret_cast<__m128 (*)(__m128)>(f.address)(a);
  _mm_storeu_ps(out, result);
}

void call_128(const VectorFunction& f, const double* x, const double* y, double* out) {
  const __m128d a = _mm_loadu_pd(x);
  const __m128d result = f.arity == 2 ? reinterpret_cast<__m128d (*)(__m128d, __m128d)>(f.address)(a, _mm_loadu_pd(y))
                                      : reinterpret_cast<__m128d (*)(__m128d)>(f.address)(a);
  _mm_storeu_pd(out, result);
}

template <typename T>
T call_scalar_function(const VectorFunction& f, T x, T y) {
  return f.arity == 2 ? reinterpret_cast<T (*)(T, T)>(f.address)(x, y) : reinterpret_cast<T (*)(T)>(f.address)(x);
}

// As many elements as one call takes.
template <typename T>
void call_once(const VectorFunction& f, const T* x, const T* y, T* out) {
  if (!f.vector) {
    *out = call_scalar_function(f, *x, f.arity == 2 ? *y : T(0));
  } else if (f.lanes * sizeof(T) == 64) {
    call_512(f, x, y, out);
  } else if (f.lanes * sizeof(T) == 32) {
    call_256(f, x, y, out);
  } else {
    call_128(f, x, y, out);
  }
}

// Fewer elements than that.
template <typename T>
void call_padded(const VectorFunction& f, const T* x, const T* y, T* out, std::size_t size) {
  constexpr std::size_t most = 64 / sizeof(T);
  alignas(64) T a[most], b[most], result[most];
  std::fill_n(a, most, static_cast<T>(f.harmless));
  std::fill_n(b, most, static_cast<T>(f.harmless));
  std::copy_n(x, size, a);
  if (f.arity == 2) std::copy_n(y, size, b);
  call_once(f, a, b, result);
  std::copy_n(result, size, out);
}

template <typename T>
void call_all(const VectorFunction& f, const T* x, const T* y, T* out, std::size_t size) {
  if (f.is_f64 != (sizeof(T) == 8)) throw InternalError("a vector function called with the wrong dtype");
  const auto lanes = static_cast<std::size_t>(f.lanes);
  std::size_t done = 0;
  for (; size - done >= lanes; done += lanes) call_once(f, x + done, y != nullptr ? y + done : y, out + done);
  if (done < size) call_padded(f, x + done, y != nullptr ? y + done : y, out + done, size - done);
}

}  // namespace

const VectorFunction* find_vector_function(std::string_view op, bool is_f64, int /*vector_bits*/, bool precise) {
  for (std::size_t i = 0; i < operation_count; ++i) {
    if (operations[i].name != op) continue;
    const bool is_exact = operations[i].max_ulp_f64 == 0;
    if (precise && is_exact) precise = false;
    const bool rounds = precise && !is_f64;  // the f64 function of the default mode is accurate enough
    const std::size_t kind = precise && is_f64 ? 2 : is_f64 || rounds ? 1 : 0;
    Row& row = rows[i * kinds + kind];
    std::call_once(row.resolved, [&] { resolve(row, operations[i], kind != 0, kind == 2); });
    return row.function.symbol != nullptr ? &row.function : nullptr;
  }
  return nullptr;
}

std::span<const char* const> vector_function_names() { return operation_names; }

void* resolve_math_symbol(const char* symbol) {
  const std::string_view name = symbol;
  if (name.starts_with("_ZGV")) return mvec.find(symbol);
  if (name.starts_with("Sleef_")) return sleef.find(symbol);
  if (const Rounded* function = name.starts_with("kiln_") ? find_rounded(name) : nullptr) return function->address();
  if (name == "lgamma") return reinterpret_cast<void*>(lgamma_f64);
  if (name == "lgammaf") return reinterpret_cast<void*>(lgamma_f32);
  return libm.find(symbol);
}

double call_math_scalar(const VectorFunction& function, double x, double y) {
  double result;
  call_all(function, &x, &y, &result, 1);
  return result;
}

float call_math_scalar(const VectorFunction& function, float x, float y) {
  float result;
  call_all(function, &x, &y, &result, 1);
  return result;
}

double call_math_scalar(std::string_view op, double x, double y) { return call_math_scalar(required(op, true), x, y); }

float call_math_scalar(std::string_view op, float x, float y) { return call_math_scalar(required(op, false), x, y); }

void call_math_array(const VectorFunction& function, const double* x, const double* y, double* out, std::size_t size) {
  call_all(function, x, y, out, size);
}

void call_math_array(const VectorFunction& function, const float* x, const float* y, float* out, std::size_t size) {
  call_all(function, x, y, out, size);
}

}  // namespace kiln::on_cpu
