// The operations on floating numbers: IEEE arithmetic without contraction, Python's division, and the vector
// mathematics.
#include "core/host_math.h"

#include "core/composed.h"
#include "core/host_ops.h"

#include <kiln/error.h>

#include <cmath>
#include <limits>

namespace kiln {
namespace {

using ir::Op;

// Quotient and remainder of floor division with the remainder's sign that of the divisor, as NumPy computes them; y is
// not 0.
template <class T>
struct Divided {
  T quotient, remainder;

  Divided(T x, T y) {
    remainder = std::fmod(x, y);
    T exact = (x - remainder) / y;
    if (remainder != 0) {
      if ((y < 0) != (remainder < 0)) {
        remainder += y;
        exact -= 1;
      }
    } else {
      remainder = std::copysign(T(0), y);
    }
    if (exact != 0) {
      quotient = std::floor(exact);
      if (exact - quotient > T(0.5)) quotient += 1;
    } else {
      quotient = std::copysign(T(0), x / y);
    }
  }
};

template <class T>
T floor_divide(T x, T y) {
  return y == 0 ? x / y : Divided<T>(x, y).quotient;
}

template <class T>
T modulus(T x, T y) {
  return y == 0 ? std::fmod(x, y) : Divided<T>(x, y).remainder;
}

template <class T>
T sign(T x) {
  return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x;
}

template <class T>
T operation(Op op, const T* x, bool precise) {
  if (composed::is_composed(op)) return composed_operation(op, x[0], x[1], precise);
  switch (op) {
    case Op::add: return x[0] + x[1];
    case Op::subtract: return x[0] - x[1];
    case Op::multiply: return x[0] * x[1];
    case Op::divide: return x[0] / x[1];
    case Op::mod: return modulus(x[0], x[1]);
    case Op::floordiv: return floor_divide(x[0], x[1]);
    case Op::fmod: return std::fmod(x[0], x[1]);
    case Op::negative: return -x[0];
    case Op::minimum: return x[0] <= x[1] || std::isnan(x[0]) ? x[0] : x[1];
    case Op::maximum: return x[0] >= x[1] || std::isnan(x[0]) ? x[0] : x[1];
    case Op::fmin: return x[0] <= x[1] || std::isnan(x[1]) ? x[0] : x[1];
    case Op::fmax: return x[0] >= x[1] || std::isnan(x[1]) ? x[0] : x[1];
    case Op::abs:
    case Op::fabs: return std::fabs(x[0]);
    case Op::sign: return sign(x[0]);
    case Op::square: return x[0] * x[0];
    case Op::sqrt: return std::sqrt(x[0]);
    case Op::floor: return std::floor(x[0]);
    case Op::ceil: return std::ceil(x[0]);
    case Op::trunc: return std::trunc(x[0]);
    case Op::round:
    case Op::rint: return std::nearbyint(x[0]);
    case Op::nextafter: return std::nextafter(x[0], x[1]);
    case Op::copysign: return std::copysign(x[0], x[1]);
    case Op::spacing: {
      constexpr T infinity = std::numeric_limits<T>::infinity();
      return std::nextafter(x[0], x[0] < 0 ? -infinity : infinity) - x[0];
    }
    case Op::fma: return std::fma(x[0], x[1], x[2]);
    default: break;
  }
  const ir::OpRow& row = ir::row(op);
  if (op < Op::pow) throw InternalError("not an operation on floating numbers");
  const double second = row.arity > 1 ? static_cast<double>(x[1]) : 0;
  return static_cast<T>(vector_math(op, sizeof(T) == 8, static_cast<double>(x[0]), second, precise));
}

}  // namespace

float floating_operation(Op op, const float* operands, bool precise) { return operation(op, operands, precise); }
double floating_operation(Op op, const double* operands, bool precise) { return operation(op, operands, precise); }

bool floating_test(Op op, const double* x) {
  switch (op) {
    case Op::less: return x[0] < x[1];
    case Op::less_equal: return x[0] <= x[1];
    case Op::greater: return x[0] > x[1];
    case Op::greater_equal: return x[0] >= x[1];
    case Op::equal: return x[0] == x[1];
    case Op::not_equal: return x[0] != x[1];
    case Op::isnan: return std::isnan(x[0]);
    case Op::isinf: return std::isinf(x[0]);
    case Op::isfinite: return std::isfinite(x[0]);
    case Op::signbit: return std::signbit(x[0]);
    default: throw InternalError("not a comparison or predicate of floating numbers");
  }
}

}  // namespace kiln
