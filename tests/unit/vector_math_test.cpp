// The table of vector functions: accuracy, special values, and that an element's bits never depend on its neighbours.
#include "cpu/vector_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <kiln/error.h>

#include "cpu/target.h"

namespace kiln::on_cpu {
namespace {

using Reference1 = long double (*)(long double);
using Reference2 = long double (*)(long double, long double);

const std::map<std::string, Reference1>& references1() {
  static const std::map<std::string, Reference1> table = {
      {"exp", expl},      {"exp2", exp2l},   {"exp10", [](long double x) { return powl(10, x); }},
      {"expm1", expm1l},  {"log", logl},     {"log2", log2l},
      {"log10", log10l},  {"log1p", log1pl}, {"sin", sinl},
      {"cos", cosl},      {"tan", tanl},     {"asin", asinl},
      {"acos", acosl},    {"atan", atanl},   {"sinh", sinhl},
      {"cosh", coshl},    {"tanh", tanhl},   {"asinh", asinhl},
      {"acosh", acoshl},  {"atanh", atanhl}, {"cbrt", cbrtl},
      {"erf", erfl},      {"erfc", erfcl},   {"lgamma", lgammal},
      {"tgamma", tgammal}};
  return table;
}

const std::map<std::string, Reference2>& references2() {
  static const std::map<std::string, Reference2> table = {
      {"pow", powl}, {"atan2", atan2l}, {"hypot", hypotl}, {"fmod", fmodl}};
  return table;
}

template <typename T>
long double reference(const VectorFunction& f, T x, T y) {
  if (std::string(f.op) == "nextafter") return std::nextafter(x, y);
  return f.arity == 2 ? references2().at(f.op)(x, y) : references1().at(f.op)(x);
}

// The error in units in the last place of T at the exact value; infinite where one is NaN and the other is not.
template <typename T>
double error_in_ulp(T result, long double exact) {
  const T rounded = static_cast<T>(exact);
  if (std::isnan(result) || std::isnan(rounded)) return std::isnan(result) && std::isnan(rounded) ? 0 : INFINITY;
  if (result == rounded) return 0;
  if (std::isinf(result) || std::isinf(rounded)) {
    const T largest = std::numeric_limits<T>::max();
    const bool next_to_overflow = std::isinf(result) ? std::fabs(rounded) == largest : std::fabs(result) == largest;
    return next_to_overflow && std::signbit(result) == std::signbit(rounded) ? 1 : INFINITY;
  }
  int exponent = std::numeric_limits<T>::min_exponent;
  if (rounded != 0) std::frexp(rounded, &exponent);
  exponent = std::max(exponent, std::numeric_limits<T>::min_exponent);
  const long double ulp = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(static_cast<long double>(result) - exact) / ulp);
}

template <typename T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <typename T>
Bits<T> bits_of(T value) {
  return std::bit_cast<Bits<T>>(value);
}

// Numbers of all kinds: any bits, around one, around a hundred, across magnitudes.
template <typename T>
std::vector<T> arguments(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit(-1, 1);
  std::vector<T> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    switch (i % 4) {
      case 0: values[i] = std::bit_cast<T>(static_cast<Bits<T>>(random())); break;
      case 1: values[i] = static_cast<T>(unit(random)); break;
      case 2: values[i] = static_cast<T>(100 * unit(random)); break;
      default: values[i] = static_cast<T>(std::exp(20 * unit(random))); break;
    }
  }
  return values;
}

template <typename T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  return {T(0),
          -T(0),
          T(1),
          T(-1),
          T(0.5),
          T(-0.5),
          T(2),
          T(-2),
          T(3),
          T(-3),
          Limits::min(),
          -Limits::min(),
          Limits::max(),
          -Limits::max(),
          Limits::infinity(),
          -Limits::infinity(),
          Limits::quiet_NaN(),
          Limits::denorm_min(),
          -Limits::denorm_min(),
          T(1e30),
          T(-1e30),
          Limits::epsilon()};
}

template <typename T>
const VectorFunction& find(const char* name) {
  const VectorFunction* function = find_vector_function(name, sizeof(T) == 8, host_target().vector_bits);
  if (function == nullptr) throw std::runtime_error(std::string("no ") + name);
  return *function;
}

template <typename T>
class VectorMath : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(VectorMath, Types);

TYPED_TEST(VectorMath, EveryRowIsCallable) {
  for (const char* name : vector_function_names()) {
    const VectorFunction& f = find<TypeParam>(name);
    EXPECT_STREQ(f.op, name);
    EXPECT_EQ(f.is_f64, sizeof(TypeParam) == 8);
    EXPECT_NE(f.address, nullptr) << name;
    EXPECT_EQ(resolve_math_symbol(f.symbol), f.address) << f.symbol;
    int register_bytes = host_target().has_avx2 ? std::max(32, host_target().vector_bits / 8) : 16;
    // These of glibc's 512-bit functions are slower than the 256-bit ones.
    if (f.op == std::string("erf") || (f.op == std::string("erfc") && !f.is_f64))
      register_bytes = std::min(register_bytes, 32);
    EXPECT_EQ(f.lanes, f.vector ? register_bytes / static_cast<int>(sizeof(TypeParam)) : 1) << name;
    EXPECT_EQ(f.arity, f.op == std::string("nextafter") || references2().count(name) != 0 ? 2 : 1) << name;
    const TypeParam harmless = static_cast<TypeParam>(f.harmless);
    EXPECT_TRUE(std::isfinite(call_math_scalar(f, harmless, harmless))) << name;
  }
}

TYPED_TEST(VectorMath, OneFunctionForEveryWidth) {
  for (const char* name : vector_function_names())
    for (const int bits : {128, 256, 512})
      EXPECT_EQ(find_vector_function(name, sizeof(TypeParam) == 8, bits), &find<TypeParam>(name)) << name;
}

TYPED_TEST(VectorMath, StaysWithinItsBound) {
  const std::vector<TypeParam> x = arguments<TypeParam>(20000, 1);
  const std::vector<TypeParam> y = arguments<TypeParam>(20000, 2);
  std::vector<TypeParam> out(x.size());
  for (const char* name : vector_function_names()) {
    const VectorFunction& f = find<TypeParam>(name);
    call_math_array(f, x.data(), y.data(), out.data(), x.size());
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = error_in_ulp(out[i], reference(f, x[i], y[i]));
      if (!(error > worst)) continue;
      worst = error;
      at = i;
    }
    EXPECT_LE(worst, f.max_ulp) << f.symbol << "(" << x[at] << ", " << y[at] << ") = " << out[at];
  }
}

TYPED_TEST(VectorMath, SpecialValuesAreThoseOfC) {
  for (const char* name : vector_function_names()) {
    const VectorFunction& f = find<TypeParam>(name);
    for (const TypeParam x : special_values<TypeParam>()) {
      for (const TypeParam y : special_values<TypeParam>()) {
        const TypeParam result = call_math_scalar(f, x, y);
        const long double exact = reference(f, x, y);
        EXPECT_LE(error_in_ulp(result, exact), f.max_ulp) << f.symbol << "(" << x << ", " << y << ") = " << result;
        if (!std::isnan(result) && result == 0 && exact == 0) {
          EXPECT_EQ(std::signbit(result), std::signbit(exact)) << f.symbol << "(" << x << ", " << y << ")";
        }
        if (f.arity == 1) break;
      }
    }
  }
}

// The promise behind the choice of one function: alone, at any position, beside any neighbours, the same bits.
TYPED_TEST(VectorMath, NeighboursDoNotMatter) {
  std::vector<TypeParam> x = arguments<TypeParam>(4000, 3);
  std::vector<TypeParam> y = arguments<TypeParam>(4000, 4);
  const std::vector<TypeParam> special = special_values<TypeParam>();
  for (std::size_t i = 0; i < x.size(); i += 7) x[i] = special[i / 7 % special.size()];
  std::vector<TypeParam> whole(x.size()), shifted(x.size());
  for (const char* name : vector_function_names()) {
    const VectorFunction& f = find<TypeParam>(name);
    call_math_array(f, x.data(), y.data(), whole.data(), x.size());
    call_math_array(f, x.data() + 3, y.data() + 3, shifted.data() + 3, x.size() - 3);
    for (std::size_t i = 3; i < x.size(); ++i) {
      const TypeParam alone = call_math_scalar(f, x[i], y[i]);
      if (std::isnan(alone) && std::isnan(whole[i]) && std::isnan(shifted[i])) continue;  // all NaNs are equal
      ASSERT_EQ(bits_of(whole[i]), bits_of(alone)) << f.symbol << "(" << x[i] << ", " << y[i] << ")";
      ASSERT_EQ(bits_of(shifted[i]), bits_of(alone)) << f.symbol << "(" << x[i] << ", " << y[i] << ")";
    }
  }
}

TYPED_TEST(VectorMath, WorksInPlaceAndOnAnyLength) {
  const VectorFunction& f = find<TypeParam>("pow");
  const std::vector<TypeParam> x = arguments<TypeParam>(40, 5);
  const std::vector<TypeParam> y = arguments<TypeParam>(40, 6);
  for (std::size_t size = 0; size <= x.size(); ++size) {
    std::vector<TypeParam> in_place = x;
    call_math_array(f, in_place.data(), y.data(), in_place.data(), size);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const TypeParam expected = i < size ? call_math_scalar("pow", x[i], y[i]) : x[i];
      EXPECT_TRUE(bits_of(in_place[i]) == bits_of(expected) || std::isnan(expected)) << i << " of " << size;
    }
  }
}

TEST(VectorMathTable, KnowsOnlyWhatItLists) {
  EXPECT_EQ(find_vector_function("sqrt", true, 256), nullptr);
  EXPECT_EQ(find_vector_function("", false, 256), nullptr);
  EXPECT_EQ(find_vector_function("expf", false, 256), nullptr);
  EXPECT_EQ(resolve_math_symbol("no_such_function"), nullptr);
  EXPECT_EQ(resolve_math_symbol("_ZGVdN4v_nothing"), nullptr);
  EXPECT_THROW(call_math_scalar("no_such_function", 1.0), InternalError);
  EXPECT_THROW(call_math_scalar(*find_vector_function("exp", true, 256), 1.0f), InternalError);
}

TEST(VectorMathTable, UsesTheWidestFunctionsOfTheMachine) {
  const VectorFunction& f = find<double>("exp");
  if (f.library != std::string("libmvec.so.1")) GTEST_SKIP() << "no libmvec here";
  EXPECT_STREQ(f.symbol, host_target().vector_bits == 512 ? "_ZGVeN8v_exp"
                         : host_target().has_avx2         ? "_ZGVdN4v_exp"
                                                          : "_ZGVbN2v_exp");
}

TEST(VectorMathTable, ManyThreadsMayAskFirst) {
  std::vector<std::thread> threads;
  std::vector<double> results(8);
  for (double& result : results)
    threads.emplace_back([&result] {
      for (const char* name : vector_function_names()) result += call_math_scalar(name, 0.75, 0.25);
    });
  for (std::thread& thread : threads) thread.join();
  for (const double result : results) EXPECT_EQ(bits_of(result), bits_of(results[0]));
}

}  // namespace
}  // namespace kiln::on_cpu
