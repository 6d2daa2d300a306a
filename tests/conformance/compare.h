// Comparing arrays: bit for bit with all NaNs equal, or within units in the last place.
#pragma once

#include "core/host_ops.h"

#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <cstdint>
#include <vector>

namespace kiln::conformance {

/// The elements in C order, whatever the strides.
std::vector<Number16> elements(const Array& a);

/// Distance of two numbers of a floating dtype in units in the last place; 0 for two NaNs, infinite for one.
double distance(double x, double y, DType dtype);

/// Same dtype, shape and elements. Any two NaNs are equal, zeros of different sign are not.
testing::AssertionResult same_bits(const Array& actual, const Array& expected);
testing::AssertionResult same_bits(const Value& actual, const Value& expected);
/// As same_bits, floating elements within `ulp` units in the last place.
testing::AssertionResult within_ulp(const Array& actual, const Array& expected, double ulp);

/// As same_bits, floating elements (and parts) within a few rounding errors of the largest: what functions of another
/// library make of them. Those that are not finite are the same.
testing::AssertionResult close_to(const Array& actual, const Array& expected);

/// As same_bits, complex elements within `bound` · |expected|, absolutely so near 0. Parts that are NaN, infinite or,
/// where the other part is not finite, zero must be that, and of the same sign; beside a NaN C leaves signs open.
testing::AssertionResult within_norm(const Array& actual, const Array& expected, double bound);

/// Numbers that look random and are the same everywhere: the k-th of a seed.
std::uint64_t hashed(std::uint64_t k, std::uint64_t seed);
/// A 1-d array of them: floats and parts of complex numbers from -4 to 4 with a wide spread of exponents, integers over
/// all their range, bools mixed.
Array hashed_array(std::int64_t count, DType dtype, std::uint64_t seed);

}  // namespace kiln::conformance
