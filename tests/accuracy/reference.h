// The functions of the table in higher precision, and errors in units in the last place.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>

namespace kiln::accuracy {

/// 113 bits of mantissa; what f64 is measured against.
__extension__ typedef __float128 Quad;

/// The exact value, nearly: of f32 by glibc's f64 functions, of f64 by libquadmath. `y` is ignored by functions of one
/// argument. Throws std::out_of_range for a name that is not in the table.
double reference(std::string_view name, float x, float y);
Quad reference(std::string_view name, double x, double y);

double rounded(Quad x);
inline float rounded(double x) { return static_cast<float>(x); }

/// The error in units in the last place of T at the exact value; infinite where one is NaN and the other is not, or one
/// is infinite and the other is not next to overflow.
template <class T, class Wide>
double error_in_ulp(T result, Wide exact) {
  const T nearest = rounded(exact);
  if (std::isnan(result) || std::isnan(nearest)) return std::isnan(result) && std::isnan(nearest) ? 0 : INFINITY;
  if (result == nearest && std::isinf(result)) return 0;
  if (std::isinf(result) || std::isinf(nearest)) {
    constexpr T largest = std::numeric_limits<T>::max();
    const bool next_to_overflow = std::isinf(result) ? std::fabs(nearest) == largest : std::fabs(result) == largest;
    return next_to_overflow && std::signbit(result) == std::signbit(nearest) ? 1 : INFINITY;
  }
  int exponent = std::numeric_limits<T>::min_exponent;
  if (nearest != 0) std::frexp(nearest, &exponent);
  if (exponent < std::numeric_limits<T>::min_exponent) exponent = std::numeric_limits<T>::min_exponent;
  const Wide difference = static_cast<Wide>(result) - exact;
  // Scaled by a power of two in two steps, neither of which leaves the range of Wide.
  const int scale = std::numeric_limits<T>::digits - exponent;
  const Wide half = static_cast<Wide>(std::ldexp(1.0, scale / 2)),
             rest = static_cast<Wide>(std::ldexp(1.0, scale - scale / 2));
  const double ulps = static_cast<double>(difference * half * rest);
  return ulps < 0 ? -ulps : ulps;
}

}  // namespace kiln::accuracy
