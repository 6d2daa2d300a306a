// Composed operations on numbers of the host: those on complex numbers, and the composed functions of real ones.
#include "core/host_math.h"

#include "core/composed.h"
#include "core/host_ops.h"

#include <cmath>

namespace kiln {
namespace {

using composed::Complex;
using ir::Op;

/// A number that finds the functions below beside it; `precise`: JitOptions::precise.
template <class T, bool precise>
struct Real {
  T value;

  friend Real operator+(Real a, Real b) { return {a.value + b.value}; }
  friend Real operator-(Real a, Real b) { return {a.value - b.value}; }
  friend Real operator*(Real a, Real b) { return {a.value * b.value}; }
  friend Real operator/(Real a, Real b) { return {a.value / b.value}; }
  friend Real operator-(Real a) { return {-a.value}; }
  friend bool operator<(Real a, Real b) { return a.value < b.value; }
  friend bool operator<=(Real a, Real b) { return a.value <= b.value; }
  friend bool operator>(Real a, Real b) { return a.value > b.value; }
  friend bool operator>=(Real a, Real b) { return a.value >= b.value; }
  friend bool operator==(Real a, Real b) { return a.value == b.value; }
  friend bool operator!=(Real a, Real b) { return a.value != b.value; }

  friend Real number(Real, double c) { return {static_cast<T>(c)}; }
  friend Real choose(bool condition, Real a, Real b) { return condition ? a : b; }
  friend Real fabs(Real x) { return {std::fabs(x.value)}; }
  friend Real copysign(Real x, Real y) { return {std::copysign(x.value, y.value)}; }
  friend Real sqrt(Real x) { return {std::sqrt(x.value)}; }
  friend Real rint(Real x) { return {std::nearbyint(x.value)}; }
#define KILN_LIBRARY_1(name) \
  friend Real name(Real x) { return library(Op::name, x, {0}); }
#define KILN_LIBRARY_2(name) \
  friend Real name(Real x, Real y) { return library(Op::name, x, y); }
  KILN_LIBRARY_1(exp)
  KILN_LIBRARY_1(exp2)
  KILN_LIBRARY_1(expm1)
  KILN_LIBRARY_1(log)
  KILN_LIBRARY_1(log1p)
  KILN_LIBRARY_1(sin)
  KILN_LIBRARY_1(cos)
  KILN_LIBRARY_1(tan)
  KILN_LIBRARY_1(sinh)
  KILN_LIBRARY_1(cosh)
  KILN_LIBRARY_1(asinh)
  KILN_LIBRARY_2(atan2)
  KILN_LIBRARY_2(hypot)
#undef KILN_LIBRARY_1
#undef KILN_LIBRARY_2

 private:
  static Real library(Op op, Real x, Real y) {
    const double result =
        vector_math(op, sizeof(T) == 8, static_cast<double>(x.value), static_cast<double>(y.value), precise);
    return {static_cast<T>(result)};
  }
};

template <class T, bool precise>
Complex<Real<T, precise>> parts(const Number16& x) {
  return {{static_cast<T>(x.re)}, {static_cast<T>(x.im)}};
}

// The parts as numbers of T.
template <class T, bool precise>
Number16 rounded(const Complex<Real<T, precise>>& z) {
  Number16 x;
  x.re = static_cast<double>(z.re.value);
  x.im = static_cast<double>(z.im.value);
  return x;
}

Number16 real_number(double re) {
  Number16 x;
  x.re = re;
  return x;
}

Number16 truth(bool b) {
  Number16 x;
  x.i = b;
  return x;
}

template <class T, bool precise>
Number16 evaluate_parts(Op op, const Number16* x) {
  const bool binary = ir::row(op).arity == 2;
  const auto a = parts<T, precise>(x[0]), b = binary ? parts<T, precise>(x[1]) : a;
  switch (ir::row(op).rule) {
    case ir::Rule::comparison: return truth(composed::compare(op, a, b));
    case ir::Rule::predicate: return truth(composed::predicate(op, a));
    case ir::Rule::part: return real_number(op == Op::real ? x[0].re : x[0].im);
    case ir::Rule::phase: return real_number(static_cast<double>(atan2(a.im, a.re).value));
    default: return rounded(composed::arithmetic(op, a, b));
  }
}

bool is_in_parts(Op op) {
  const ir::Rule rule = ir::row(op).rule;
  return rule == ir::Rule::comparison || rule == ir::Rule::predicate || rule == ir::Rule::part ||
         rule == ir::Rule::phase || composed::is_arithmetic(op);
}

template <bool precise>
Number16 complex_operation(Op op, DType operand, const Number16* x) {
  const bool single = operand == c64;
  if (is_in_parts(op)) return single ? evaluate_parts<float, precise>(op, x) : evaluate_parts<double, precise>(op, x);
  const auto a = parts<double, precise>(x[0]), b = ir::row(op).arity == 2 ? parts<double, precise>(x[1]) : a;
  const auto round = [&](double part) { return single ? static_cast<float>(part) : part; };
  if (op == Op::abs) return real_number(round(composed::magnitude(a, single).value));
  Number16 result = rounded(composed::function(op, a, b, single));
  result.re = round(result.re);
  result.im = round(result.im);
  return result;
}

template <class T>
T composed_function(Op op, T x, T y, bool precise) {
  if (precise) return composed::real_function(op, Real<T, true>{x}, {y}).value;
  return composed::real_function(op, Real<T, false>{x}, {y}).value;
}

}  // namespace

Number16 complex_operation(Op op, DType operand, const Number16* x, bool precise) {
  return precise ? complex_operation<true>(op, operand, x) : complex_operation<false>(op, operand, x);
}

Number16 reduction_step(Op op, DType dtype, const Number16& a, const Number16& b) {
  if (!dtype.is_complex()) {
    const Number16 operands[] = {a, b};
    return evaluate(op, dtype, dtype, operands);
  }
  if (dtype == c64) return rounded(composed::reduction_step(op, parts<float, false>(a), parts<float, false>(b)));
  return rounded(composed::reduction_step(op, parts<double, false>(a), parts<double, false>(b)));
}

float composed_operation(Op op, float x, float y, bool precise) { return composed_function(op, x, y, precise); }
double composed_operation(Op op, double x, double y, bool precise) { return composed_function(op, x, y, precise); }

}  // namespace kiln
