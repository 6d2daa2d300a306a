// Comparing arrays bit for bit or within units in the last place.
#include "tests/conformance/compare.h"

#include "core/access.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <limits>
#include <sstream>

namespace kiln::conformance {

using detail::Access;

std::vector<Number16> elements(const Array& a) {
  const auto extents = Access::extents(a), strides = Access::strides(a);
  const std::int64_t count = detail::element_count(extents);
  const std::int64_t size = static_cast<std::int64_t>(a.dtype().size());
  std::vector<Number16> out;
  out.reserve(static_cast<std::size_t>(count));
  std::int64_t index[max_rank] = {};
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t offset = 0;
    for (std::size_t k = 0; k < extents.size(); ++k) offset += index[k] * strides[k];
    out.push_back(read_element(Access::readable(a).data + offset * size, a.dtype()));
    for (std::size_t k = extents.size(); k-- > 0 && ++index[k] == extents[k];) index[k] = 0;
  }
  return out;
}

namespace {

// Floats of a dtype numbered in their order, both zeros 0.
std::int64_t place(double x, DType dtype) {
  const auto ordered = [](std::int64_t bits, std::int64_t sign) { return bits & sign ? -(bits & (sign - 1)) : bits; };
  if (dtype == f64) {
    const auto bits = std::bit_cast<std::int64_t>(x);
    return bits < 0 ? -(bits & std::numeric_limits<std::int64_t>::max()) : bits;
  }
  if (dtype == f32) return ordered(std::bit_cast<std::uint32_t>(static_cast<float>(x)), std::int64_t{1} << 31);
  return ordered(dtype == f16 ? double_to_f16(x) : double_to_bf16(x), 1 << 15);
}

bool same_part(double x, double y) {
  return std::bit_cast<std::int64_t>(x) == std::bit_cast<std::int64_t>(y) || (std::isnan(x) && std::isnan(y));
}

bool same_number(const Number16& x, const Number16& y, DType dtype) {
  if (dtype.is_complex()) return same_part(x.re, y.re) && same_part(x.im, y.im);
  return dtype.is_floating() ? same_part(x.re, y.re) : x.i == y.i;
}

// Both NaN, or the same infinity, or finite and near: `allowed` apart. Beside a NaN signs do not count.
bool near_part(double x, double y, double allowed, bool any_sign = false) {
  if (std::isnan(y)) return std::isnan(x);
  if (any_sign) return near_part(std::abs(x), std::abs(y), allowed);
  if (std::isinf(y)) return x == y;
  return std::abs(x - y) <= allowed && (y != 0 || x != 0 || std::signbit(x) == std::signbit(y));
}

std::string shown(const Number16& x, DType dtype) {
  std::ostringstream out;
  if (dtype.is_complex())
    out << std::setprecision(17) << "(" << x.re << ", " << x.im << ")";
  else if (dtype.is_floating())
    out << std::setprecision(17) << x.re << " (" << std::hexfloat << x.re << ")";
  else if (dtype == u64)
    out << static_cast<std::uint64_t>(x.i);
  else
    out << x.i;
  return out.str();
}

testing::AssertionResult same_shape(const Array& actual, const Array& expected) {
  if (actual.dtype() != expected.dtype())
    return testing::AssertionFailure() << "dtype " << actual.dtype() << " instead of " << expected.dtype();
  if (actual.rank() != expected.rank())
    return testing::AssertionFailure() << "rank " << actual.rank() << " instead of " << expected.rank();
  for (int k = 0; k < actual.rank(); ++k)
    if (actual.extent(k) != expected.extent(k))
      return testing::AssertionFailure() << "extent " << actual.extent(k) << " instead of " << expected.extent(k)
                                         << " of axis " << k;
  return testing::AssertionSuccess();
}

// Nearly all comparisons of large arrays are of equal memory.
bool same_memory(const Array& a, const Array& b) {
  if (!detail::is_contiguous(a) || !detail::is_contiguous(b)) return false;
  const std::int64_t count = detail::element_count(Access::extents(a));
  return count == 0 || std::memcmp(Access::readable(a).data, Access::readable(b).data,
                                   static_cast<std::size_t>(count) * a.dtype().size()) == 0;
}

template <class Accept>
testing::AssertionResult compare(const Array& actual, const Array& expected, Accept&& accept) {
  if (const auto shape = same_shape(actual, expected); !shape) return shape;
  if (same_memory(actual, expected)) return testing::AssertionSuccess();
  const auto x = elements(actual), y = elements(expected);
  int wrong = 0;
  std::string text;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (accept(x[k], y[k])) continue;
    if (++wrong <= 4)
      text += "\n  element " + std::to_string(k) + ": " + shown(x[k], actual.dtype()) + " instead of " +
              shown(y[k], actual.dtype());
  }
  if (wrong == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << wrong << " of " << x.size() << " elements of " << actual.dtype() << " are wrong"
                                     << text;
}

}  // namespace

double distance(double x, double y, DType dtype) {
  if (std::isnan(x) || std::isnan(y))
    return std::isnan(x) && std::isnan(y) ? 0 : std::numeric_limits<double>::infinity();
  // Places of f64 have 63 bits: all of a long double's, more than a double's.
  return static_cast<double>(
      std::fabs(static_cast<long double>(place(x, dtype)) - static_cast<long double>(place(y, dtype))));
}

testing::AssertionResult same_bits(const Array& actual, const Array& expected) {
  const DType dtype = actual.dtype();
  return compare(actual, expected, [&](const Number16& x, const Number16& y) { return same_number(x, y, dtype); });
}

testing::AssertionResult same_bits(const Value& actual, const Value& expected) {
  if (actual.dtype() != expected.dtype())
    return testing::AssertionFailure() << "dtype " << actual.dtype() << " instead of " << expected.dtype();
  if (same_number(Access::number(actual), Access::number(expected), actual.dtype())) return testing::AssertionSuccess();
  return testing::AssertionFailure() << shown(Access::number(actual), actual.dtype()) << " instead of "
                                     << shown(Access::number(expected), actual.dtype());
}

testing::AssertionResult within_ulp(const Array& actual, const Array& expected, double ulp) {
  const DType dtype = actual.dtype();
  if (!dtype.is_floating()) return same_bits(actual, expected);
  return compare(actual, expected,
                 [&](const Number16& x, const Number16& y) { return distance(x.re, y.re, dtype) <= ulp; });
}

testing::AssertionResult close_to(const Array& actual, const Array& expected) {
  const DType dtype = expected.dtype();
  if (!dtype.is_floating() && !dtype.is_complex()) return same_bits(actual, expected);
  if (actual.dtype() != dtype) return testing::AssertionFailure() << "the dtype is " << actual.dtype().name();
  const std::vector<Number16> a = elements(actual), b = elements(expected);
  if (a.size() != b.size()) return testing::AssertionFailure() << a.size() << " elements instead of " << b.size();
  const DType part = ir::part_dtype(dtype);
  const double unit = part == f64 ? 1e-13 : part == f32 ? 2e-5 : part == f16 ? 4e-3 : 3e-2;
  double largest = 0;
  for (const Number16& x : b)
    for (const double y : {x.re, x.im})
      if (std::isfinite(y)) largest = std::max(largest, std::fabs(y));
  const auto near = [&](double x, double y) {
    if (!std::isfinite(x) || !std::isfinite(y)) return x == y || (std::isnan(x) && std::isnan(y));
    return std::fabs(x - y) <= unit * largest;
  };
  for (std::size_t k = 0; k < a.size(); ++k)
    if (!near(a[k].re, b[k].re) || (dtype.is_complex() && !near(a[k].im, b[k].im)))
      return testing::AssertionFailure() << "element " << k << ": " << a[k].re << ", " << a[k].im << " instead of "
                                         << b[k].re << ", " << b[k].im;
  return testing::AssertionSuccess();
}

testing::AssertionResult within_norm(const Array& actual, const Array& expected, double bound) {
  const DType dtype = actual.dtype();
  const double least = dtype == c64 ? 0x1p-148 : 0x1p-1072;
  return compare(actual, expected, [&](const Number16& x, const Number16& y) {
    if (!std::isfinite(y.re) || !std::isfinite(y.im))
      return near_part(x.re, y.re, bound * std::abs(y.re), std::isnan(y.im)) &&
             near_part(x.im, y.im, bound * std::abs(y.im), std::isnan(y.re));
    const double allowed = bound * std::hypot(y.re, y.im) + least;
    return near_part(x.re, y.re, allowed) && near_part(x.im, y.im, allowed);
  });
}

std::uint64_t hashed(std::uint64_t k, std::uint64_t seed) {
  std::uint64_t x = (k + seed * 1000003 + 1) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

Array hashed_array(std::int64_t count, DType dtype, std::uint64_t seed) {
  const std::int64_t extents[] = {count};
  Array a = detail::new_array(dtype, extents, Location::current());
  std::byte* to = Access::layout(a).data;
  const auto spread_float = [](std::uint64_t h) {
    return std::ldexp(static_cast<double>(static_cast<std::int64_t>(h >> 11)) / 0x1p53, 2 - static_cast<int>(h & 7)) *
           (h & 8 ? 1 : -1);
  };
  for (std::int64_t k = 0; k < count; ++k, to += dtype.size()) {
    const std::uint64_t h = hashed(static_cast<std::uint64_t>(k), seed);
    Number16 x;
    if (dtype.is_floating() || dtype.is_complex()) x.re = spread_float(h);
    if (dtype.is_complex()) x.im = spread_float(hashed(static_cast<std::uint64_t>(k), seed + 7919));
    if (!dtype.is_floating() && !dtype.is_complex())
      x.i = dtype.is_bool() ? (h & 3) != 0 : static_cast<std::int64_t>(h);
    write_element(to, dtype, x);
  }
  return a;
}

}  // namespace kiln::conformance
