// Operations that are composed of others: complex numbers, and some functions of real ones. One text serves the
// interpreter, which runs it on numbers, and a code generator, which runs it on what stands for numbers in its code, so
// that both give the same bits. There are no branches: what special values need is chosen at the end.
//
// A real number X has + - * / and -x, the comparisons, whose result is X::Truth with && || !, and, found beside it:
//   number(x, c)    the constant c in the type and shape of x
//   choose(t, a, b) a where t holds, else b
//   fabs copysign sqrt rint exp exp2 expm1 log log1p sin cos tan sinh cosh atan atan2 asinh hypot
#pragma once

#include "core/ops.h"

#include <kiln/error.h>

#include <limits>

namespace kiln::composed {

using ir::Op;

template <class X>
struct Complex {
  X re, im;
};

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = 3.14159265358979323846, ln2 = 0.69314718055994530942, log2_e = 1.44269504088896340736,
                 log10_e = 0.43429448190325182765;

template <class X>
auto is_nan(const X& x) {
  return x != x;
}
template <class X>
auto is_infinite(const X& x) {
  return fabs(x) == number(x, infinity);
}
template <class X>
auto is_finite(const X& x) {
  return fabs(x) < number(x, infinity);
}
template <class X>
X larger(const X& a, const X& b) {
  return choose(a >= b, a, b);
}
template <class T, class X>
Complex<X> choose_both(const T& t, const Complex<X>& a, const Complex<X>& b) {
  return {choose(t, a.re, b.re), choose(t, a.im, b.im)};
}

// ---- Arithmetic: in the parts' own precision, each product rounded --------------------------------------------------

template <class X>
Complex<X> product(const Complex<X>& a, const Complex<X>& b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// Smith's method, as NumPy computes it.
template <class X>
Complex<X> quotient(const Complex<X>& a, const Complex<X>& b) {
  const X one = number(b.re, 1), zero = number(b.re, 0);
  const X re_size = fabs(b.re), im_size = fabs(b.im);
  const auto re_first = re_size >= im_size;
  const X major = choose(re_first, b.re, b.im), minor = choose(re_first, b.im, b.re);
  const X ratio = minor / major;
  const X scale = one / (major + minor * ratio);
  const Complex<X> if_re = {(a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale};
  const Complex<X> if_im = {(a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale};
  const auto by_zero = re_size == zero && im_size == zero;
  return choose_both(by_zero, Complex<X>{a.re / re_size, a.im / re_size}, choose_both(re_first, if_re, if_im));
}

template <class X>
Complex<X> reciprocal(const Complex<X>& z) {
  const X one = number(z.re, 1);
  const auto re_first = fabs(z.im) <= fabs(z.re);
  const X major = choose(re_first, z.re, z.im), minor = choose(re_first, z.im, z.re);
  const X ratio = minor / major;
  const X divisor = choose(re_first, major + minor * ratio, minor * ratio + major);
  return {choose(re_first, one, ratio) / divisor, choose(re_first, -ratio, -one) / divisor};
}

template <class X>
auto any_nan(const Complex<X>& z) {
  return is_nan(z.re) || is_nan(z.im);
}

// By the real parts first; NaN is in no order.
template <class X>
auto compare(Op op, const Complex<X>& a, const Complex<X>& b) {
  const auto numbers = !(is_nan(a.im) || is_nan(b.im));
  const auto same = a.re == b.re;
  switch (op) {
    case Op::less: return (a.re < b.re && numbers) || (same && a.im < b.im);
    case Op::less_equal: return (a.re < b.re && numbers) || (same && a.im <= b.im);
    case Op::greater: return (a.re > b.re && numbers) || (same && a.im > b.im);
    case Op::greater_equal: return (a.re > b.re && numbers) || (same && a.im >= b.im);
    case Op::equal: return same && a.im == b.im;
    case Op::not_equal: return a.re != b.re || a.im != b.im;
    default: throw InternalError("not a comparison of complex numbers");
  }
}

template <class X>
auto predicate(Op op, const Complex<X>& z) {
  switch (op) {
    case Op::isnan: return any_nan(z);
    case Op::isinf: return is_infinite(z.re) || is_infinite(z.im);
    case Op::isfinite: return is_finite(z.re) && is_finite(z.im);
    default: throw InternalError("not a predicate of complex numbers");
  }
}

template <class X>
Complex<X> extreme(Op op, const Complex<X>& a, const Complex<X>& b) {
  const bool low = op == Op::minimum || op == Op::fmin;
  const auto first = compare(low ? Op::less_equal : Op::greater_equal, a, b);
  const bool ignores_nan = op == Op::fmin || op == Op::fmax;
  return choose_both(first || any_nan(ignores_nan ? b : a), a, b);
}

/// Whether an operation gives complex numbers in the precision of its operands' parts; the others are functions.
inline bool is_arithmetic(Op op) {
  switch (op) {
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::negative:
    case Op::square:
    case Op::reciprocal:
    case Op::conj:
    case Op::round:
    case Op::rint:
    case Op::minimum:
    case Op::maximum:
    case Op::fmin:
    case Op::fmax: return true;
    default: return false;
  }
}

template <class X>
Complex<X> arithmetic(Op op, const Complex<X>& a, const Complex<X>& b) {
  switch (op) {
    case Op::add: return {a.re + b.re, a.im + b.im};
    case Op::subtract: return {a.re - b.re, a.im - b.im};
    case Op::multiply: return product(a, b);
    case Op::divide: return quotient(a, b);
    case Op::negative: return {-a.re, -a.im};
    case Op::square: return {a.re * a.re - a.im * a.im, a.re * a.im + a.im * a.re};
    case Op::reciprocal: return reciprocal(a);
    case Op::conj: return {a.re, -a.im};
    case Op::round:
    case Op::rint: return {rint(a.re), rint(a.im)};
    default: return extreme(op, a, b);
  }
}

/// What a reduction does: as the operation, but what lanes and blocks without elements hold changes nothing, not even a
/// part of -0 or the other part of a NaN: one, exactly, in a product, NaN in both parts where NaN is ignored.
template <class X>
Complex<X> reduction_step(Op op, const Complex<X>& a, const Complex<X>& b) {
  const bool ignores_nan = op == Op::fmin || op == Op::fmax;
  if (op != Op::multiply && !ignores_nan) return arithmetic(op, a, b);
  const X zero = number(a.re, 0), one = number(a.re, 1);
  const auto is_nothing = [&](const Complex<X>& z) {
    return ignores_nan ? is_nan(z.re) && is_nan(z.im) : z.re == one && z.im == zero;
  };
  return choose_both(is_nothing(a), b, choose_both(is_nothing(b), a, arithmetic(op, a, b)));
}

// ---- Functions: in f64, whatever the parts are ----------------------------------------------------------------------

// `single`: the parts were f32, so that their squares are far from the ends of f64.
template <class X>
X magnitude(const Complex<X>& z, bool single) {
  if (!single) return hypot(z.re, z.im);
  const X size = sqrt(z.re * z.re + z.im * z.im);
  return choose(is_infinite(z.re) || is_infinite(z.im), number(size, infinity), size);
}

// What brings the larger part of a number, `big`, away from the ends of f64: a power of two, with its logarithm and
// the inverse of its root.
template <class X>
struct Scale {
  X factor, logarithm, inverse_root;
};
template <class X>
Scale<X> scale_for(const X& big) {
  const auto huge = big > number(big, 0x1p1020), tiny = big < number(big, 0x1p-500);
  const auto chosen = [&](double if_huge, double if_tiny, double usual) {
    return choose(huge, number(big, if_huge), choose(tiny, number(big, if_tiny), number(big, usual)));
  };
  return {chosen(0x1p-4, 0x1p200, 1), chosen(-4 * ln2, 200 * ln2, 0), chosen(4, 0x1p-100, 1)};
}

template <class X>
Complex<X> sign(const Complex<X>& given, bool single) {
  const X factor = scale_for(larger(fabs(given.re), fabs(given.im))).factor;
  const Complex<X> z = {given.re * factor, given.im * factor};
  const X size = magnitude(z, single), zero = number(z.re, 0), one = number(z.re, 1);
  const auto re_infinite = is_infinite(z.re), im_infinite = is_infinite(z.im);
  const Complex<X> at_infinity = {choose(re_infinite, copysign(one, z.re), zero),
                                  choose(im_infinite, copysign(one, z.im), zero)};
  Complex<X> result = {z.re / size, z.im / size};
  result = choose_both(size == zero, Complex<X>{zero, zero}, result);
  result = choose_both(is_infinite(size), at_infinity, result);
  const X nan = number(z.re, not_a_number);
  return choose_both((re_infinite && im_infinite) || is_nan(size), Complex<X>{nan, nan}, result);
}

// e^x · direction, where e^x alone may be too large for a number.
template <class X>
Complex<X> scaled_by_exp(const X& x, const Complex<X>& direction) {
  const X limit = number(x, 709), one = number(x, 1), factor = number(x, 8.2184074615549724e307);  // e^709
  const auto over = x > limit;
  const X left = choose(over, x - limit, x);
  const auto over_again = left > limit;
  const X rest = exp(choose(over_again, left - limit, left));
  const X first = choose(over, factor, one), second = choose(over_again, factor, one);
  return {direction.re * first * second * rest, direction.im * first * second * rest};
}

template <class X>
Complex<X> exp_of(const Complex<X>& z) {
  const X zero = number(z.re, 0), nan = number(z.re, not_a_number);
  Complex<X> result = scaled_by_exp(z.re, Complex<X>{cos(z.im), sin(z.im)});
  result.im = choose(z.im == zero, z.im, result.im);
  const auto turns = is_infinite(z.re) && !is_finite(z.im);
  const Complex<X> at_infinity = {choose(z.re > zero, z.re, zero), choose(z.re > zero, nan, copysign(zero, z.im))};
  return choose_both(turns, at_infinity, result);
}

// log|z|, and where |z| is near 1 from |z|² - 1.
template <class X>
X log_magnitude(const Complex<X>& z) {
  const X re = fabs(z.re), im = fabs(z.im), one = number(re, 1), none = number(re, 0);
  const auto re_first = re >= im;
  const X big = choose(re_first, re, im), small = choose(re_first, im, re);
  const Scale<X> scale = scale_for(big);
  const X far = log(hypot(big * scale.factor, small * scale.factor)) - scale.logarithm;
  const auto near = big >= number(re, 0.5) && big <= number(re, 2);
  const X beyond_one = choose(near, (big - one) * (big + one) + small * small, none);
  return choose(near, number(re, 0.5) * log1p(beyond_one), far);
}

template <class X>
Complex<X> log_of(const Complex<X>& z) {
  return {log_magnitude(z), atan2(z.im, z.re)};
}

template <class X>
Complex<X> log1p_of(const Complex<X>& z) {
  const X one = number(z.re, 1), moved = one + z.re;
  const auto near = fabs(z.re) < number(z.re, 0.5) && fabs(z.im) < number(z.re, 0.5);
  const X beyond_one = choose(near, z.re * (number(z.re, 2) + z.re) + z.im * z.im, number(z.re, 0));
  const X far = log_magnitude(Complex<X>{moved, z.im});
  return {choose(near, number(z.re, 0.5) * log1p(beyond_one), far), atan2(z.im, moved)};
}

template <class X>
Complex<X> expm1_of(const Complex<X>& z) {
  const X half = sin(z.im * number(z.re, 0.5));
  const Complex<X> e = exp_of(z);
  const auto small = fabs(z.re) < number(z.re, 1);
  const X near = expm1(choose(small, z.re, number(z.re, 0))) * cos(z.im) - number(z.re, 2) * half * half;
  return {choose(small, near, e.re - number(z.re, 1)), e.im};
}

template <class X>
Complex<X> sqrt_of(const Complex<X>& z) {
  const X re = fabs(z.re), im = fabs(z.im), zero = number(re, 0), half = number(re, 0.5);
  const Scale<X> scale = scale_for(larger(re, im));
  const X back = scale.inverse_root, x = re * scale.factor, y = im * scale.factor;
  const X major = sqrt((x + hypot(x, y)) * half), minor = y * half / major;
  const auto right = z.re >= zero;
  Complex<X> result = {choose(right, major, minor) * back, copysign(choose(right, minor, major) * back, z.im)};
  result = choose_both(re == zero && im == zero, Complex<X>{zero, z.im}, result);
  return choose_both(is_infinite(z.im), Complex<X>{number(re, infinity), z.im}, result);
}

// sinh and cosh of a real number beyond this are e^|x| / 2.
constexpr double large_angle = 22;

template <class X>
Complex<X> sinh_of(const Complex<X>& z) {
  const X zero = number(z.re, 0), half = number(z.re, 0.5), size = fabs(z.re), c = cos(z.im), s = sin(z.im);
  const auto large = size > number(z.re, large_angle);
  const X x = choose(large, zero, z.re);
  const Complex<X> grown = scaled_by_exp(choose(large, size, zero), Complex<X>{c * half, s * half});
  Complex<X> result = choose_both(large, Complex<X>{copysign(number(z.re, 1), z.re) * grown.re, grown.im},
                                  Complex<X>{sinh(x) * c, cosh(x) * s});
  result.re = choose(!is_finite(z.im) && (z.re == zero || is_infinite(z.re)), z.re, result.re);
  result.im = choose(z.im == zero, z.im, result.im);
  return result;
}

template <class X>
Complex<X> cosh_of(const Complex<X>& z) {
  const X zero = number(z.re, 0), one = number(z.re, 1), half = number(z.re, 0.5), size = fabs(z.re);
  const X c = cos(z.im), s = sin(z.im), side = copysign(one, z.re);
  const auto large = size > number(z.re, large_angle);
  const X x = choose(large, zero, z.re);
  const Complex<X> grown = scaled_by_exp(choose(large, size, zero), Complex<X>{c * half, s * half});
  Complex<X> result = choose_both(large, Complex<X>{grown.re, side * grown.im}, Complex<X>{cosh(x) * c, sinh(x) * s});
  result.re = choose(!is_finite(z.im) && is_infinite(z.re), size, result.re);
  result.im = choose(z.re == zero || z.im == zero, copysign(zero, z.im) * side, result.im);
  return result;
}

// Kahan's way, "Branch cuts for complex elementary functions", 1987, as are the inverse functions below.
template <class X>
Complex<X> tanh_of(const Complex<X>& z) {
  const X zero = number(z.re, 0), one = number(z.re, 1), size = fabs(z.re), side = copysign(one, z.re);
  const auto large = size > number(z.re, large_angle);
  const X t = tan(z.im), square = one + t * t, s = sinh(choose(large, zero, z.re));
  const X divisor = one + square * s * s;
  const Complex<X> near = {square * sqrt(one + s * s) * s / divisor, t / divisor};
  const X tail = exp(number(z.re, -2) * choose(large, size, zero));
  const Complex<X> far = {side, number(z.re, 4) * sin(z.im) * cos(z.im) * tail};
  Complex<X> result = choose_both(large, far, near);
  const auto turns = !is_finite(z.im), endless = is_infinite(z.re);
  result.re = choose(turns && !endless, choose(z.re == zero, z.re, number(z.re, not_a_number)), result.re);
  result.im = choose(turns && endless, copysign(zero, z.im), result.im);
  result.im = choose(z.im == zero, z.im, result.im);
  return result;
}

template <class X>
auto is_huge(const Complex<X>& z) {
  const X limit = number(z.re, 0x1p500);
  return fabs(z.re) > limit || fabs(z.im) > limit;
}

// log(2 |z|), what is left of the inverse functions far away.
template <class X>
X far_log(const Complex<X>& z) {
  return log_magnitude(z) + number(z.re, ln2);
}

template <class X>
Complex<X> asin_of(const Complex<X>& z) {
  const X one = number(z.re, 1), zero = number(z.re, 0);
  const Complex<X> a = sqrt_of(Complex<X>{one - z.re, -z.im}), b = sqrt_of(Complex<X>{one + z.re, z.im});
  Complex<X> result = {atan2(z.re, a.re * b.re - a.im * b.im), asinh(a.re * b.im - a.im * b.re)};
  const Complex<X> far = {atan2(z.re, fabs(z.im)), copysign(far_log(z), z.im)};
  result = choose_both(is_huge(z), far, result);
  result.re = choose(z.re == zero, z.re, result.re);
  result.im = choose(z.im == zero && fabs(z.re) <= one, z.im, result.im);
  return result;
}

template <class X>
Complex<X> acos_of(const Complex<X>& z) {
  const X one = number(z.re, 1), zero = number(z.re, 0);
  const Complex<X> a = sqrt_of(Complex<X>{one - z.re, -z.im}), b = sqrt_of(Complex<X>{one + z.re, z.im});
  Complex<X> result = {number(z.re, 2) * atan2(a.re, b.re), asinh(b.re * a.im - b.im * a.re)};
  const Complex<X> far = {atan2(fabs(z.im), z.re), copysign(far_log(z), -z.im)};
  result = choose_both(is_huge(z), far, result);
  result.re = choose(z.re == zero && is_nan(z.im), number(z.re, pi / 2), result.re);
  return result;
}

template <class X>
Complex<X> acosh_of(const Complex<X>& z) {
  const X one = number(z.re, 1), zero = number(z.re, 0);
  const Complex<X> a = sqrt_of(Complex<X>{z.re - one, z.im}), b = sqrt_of(Complex<X>{z.re + one, z.im});
  Complex<X> result = {asinh(a.re * b.re + a.im * b.im), number(z.re, 2) * atan2(a.im, b.re)};
  const Complex<X> far = {far_log(z), atan2(z.im, z.re)};
  result = choose_both(is_huge(z), far, result);
  result.im = choose(z.re == zero && is_nan(z.im), number(z.re, pi / 2), result.im);
  return result;
}

template <class X>
Complex<X> atanh_of(const Complex<X>& z) {
  const X one = number(z.re, 1), zero = number(z.re, 0), side = copysign(one, z.re), x = fabs(z.re), y = side * z.im;
  const X across = one - x;
  const X re = number(x, 0.25) * log1p(number(x, 4) * x / (across * across + y * y));
  const X at_one = number(x, 0.5) * (log(hypot(number(x, 2), y)) - log(fabs(y)));
  const X im = number(x, 0.5) * atan2(number(x, 2) * y, across * (one + x) - y * y);
  const auto endless = is_infinite(x) || is_infinite(y);
  const X far = choose(endless, zero, reciprocal(Complex<X>{x, y}).re);
  const X quarter_turn = choose(is_nan(y), y, copysign(number(x, pi / 2), y));
  const auto huge = is_huge(z);
  Complex<X> result = {side * choose(huge, far, choose(x == one, at_one, re)), side * choose(huge, quarter_turn, im)};
  result.re = choose(z.re == zero, z.re, result.re);
  result.im = choose(z.im == zero && x <= one, z.im, result.im);
  return result;
}

// i z and -i z.
template <class X>
Complex<X> turned(const Complex<X>& z) {
  return {-z.im, z.re};
}
template <class X>
Complex<X> turned_back(const Complex<X>& z) {
  return {z.im, -z.re};
}

// Whole exponents up to 100 by repeated multiplication, as NumPy; 0 to a power of positive real part is 0.
template <class X>
Complex<X> pow_of(const Complex<X>& a, const Complex<X>& b) {
  const X zero = number(a.re, 0), one = number(a.re, 1), nan = number(a.re, not_a_number);
  const Complex<X> l = log_of(a);
  Complex<X> result = exp_of(product(b, l));
  const X size = fabs(b.re);
  const auto whole = b.im == zero && rint(b.re) == b.re && size < number(a.re, 100);
  Complex<X> power = {one, zero}, square = a;
  auto started = zero != zero;
  X left = choose(whole, size, zero);
  for (int bit = 0; bit < 7; ++bit) {
    const X half = left * number(a.re, 0.5);
    const X down = rint(half - number(a.re, 0.25));
    const auto set = half != down;
    power = choose_both(set, choose_both(started, product(power, square), square), power);
    started = started || set;
    left = down;
    square = product(square, square);
  }
  power = choose_both(b.re < zero, quotient(Complex<X>{one, zero}, power), power);
  result = choose_both(whole, power, result);
  const auto of_zero = a.re == zero && a.im == zero;
  const X at_zero = choose(b.re > zero, zero, nan);
  result = choose_both(of_zero, Complex<X>{at_zero, at_zero}, result);
  return choose_both(b.re == zero && b.im == zero, Complex<X>{one, zero}, result);
}

template <class X>
Complex<X> times(const Complex<X>& z, double factor) {
  return {z.re * number(z.re, factor), z.im * number(z.im, factor)};
}

// 2^z: the power of two of the real part is more exact than e to it times log 2.
template <class X>
Complex<X> exp2_of(const Complex<X>& z) {
  const X zero = number(z.re, 0), whole = choose(is_finite(z.re), rint(z.re), zero);
  const X most = number(z.re, 1000), bounded = choose(fabs(whole) <= most, whole, zero);
  const Complex<X> rest = exp_of(times(Complex<X>{z.re - bounded, z.im}, ln2));
  const X scale = exp2(bounded);
  const Complex<X> scaled = {rest.re * scale, choose(rest.im == zero, rest.im, rest.im * scale)};
  return scaled;
}

template <class X>
Complex<X> function(Op op, const Complex<X>& a, const Complex<X>& b, bool single) {
  switch (op) {
    case Op::sign: return sign(a, single);
    case Op::sqrt: return sqrt_of(a);
    case Op::pow: return pow_of(a, b);
    case Op::exp: return exp_of(a);
    case Op::exp2: return exp2_of(a);
    case Op::expm1: return expm1_of(a);
    case Op::log: return log_of(a);
    case Op::log2: return times(log_of(a), log2_e);
    case Op::log10: return times(log_of(a), log10_e);
    case Op::log1p: return log1p_of(a);
    case Op::sin: return turned_back(sinh_of(turned(a)));
    case Op::cos: return cosh_of(turned(a));
    case Op::tan: return turned_back(tanh_of(turned(a)));
    case Op::sinh: return sinh_of(a);
    case Op::cosh: return cosh_of(a);
    case Op::tanh: return tanh_of(a);
    case Op::asin: return asin_of(a);
    case Op::acos: return acos_of(a);
    case Op::atan: return turned_back(atanh_of(turned(a)));
    case Op::asinh: return turned_back(asin_of(turned(a)));
    case Op::acosh: return acosh_of(a);
    case Op::atanh: return atanh_of(a);
    default: throw InternalError("not a function of complex numbers");
  }
}

// ---- Real numbers ---------------------------------------------------------------------------------------------------

/// Whether an operation on real floats is composed here.
inline bool is_composed(Op op) {
  switch (op) {
    case Op::reciprocal:
    case Op::heaviside:
    case Op::deg2rad:
    case Op::rad2deg:
    case Op::conj:
    case Op::real:
    case Op::imag:
    case Op::angle:
    case Op::logaddexp:
    case Op::logaddexp2: return true;
    default: return false;
  }
}

// log(e^x + e^y); of 2 alike.
template <class X>
X log_of_sum(bool binary, const X& x, const X& y) {
  const X difference = x - y, low = -fabs(difference);
  const X part = binary ? log1p(exp2(low)) * number(x, log2_e) : log1p(exp(low));
  const X sum = choose(difference > number(x, 0), x, y) + part;
  const X twice = x + number(x, binary ? 1 : ln2);  // also of two infinities, whose difference is none
  return choose(x == y, twice, choose(is_nan(difference), difference, sum));
}

template <class X>
X real_function(Op op, const X& x, const X& y) {
  const X zero = number(x, 0), one = number(x, 1);
  switch (op) {
    case Op::reciprocal: return one / x;
    case Op::heaviside: return choose(is_nan(x), x, choose(x == zero, y, choose(x < zero, zero, one)));
    case Op::deg2rad: return x * (number(x, pi) / number(x, 180));
    case Op::rad2deg: return x * (number(x, 180) / number(x, pi));
    case Op::conj:
    case Op::real: return x;
    case Op::imag: return zero;
    case Op::angle: return atan2(zero, x);
    case Op::logaddexp: return log_of_sum(false, x, y);
    case Op::logaddexp2: return log_of_sum(true, x, y);
    default: throw InternalError("not a composed function of real numbers");
  }
}

}  // namespace kiln::composed
