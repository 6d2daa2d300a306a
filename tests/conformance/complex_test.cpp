// Complex numbers in programs: C++ numbers as operands, elements, Vars, conditions, updates and reductions;
// interpreted, compiled and eager alike.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"

#include <kiln/error.h>

#include <cmath>
#include <complex>
#include <sstream>
#include <string>
#include <vector>

namespace kiln::conformance {
namespace {

using namespace std::complex_literals;
using Float = std::complex<float>;
using Double = std::complex<double>;

constexpr DType complex_dtypes[] = {c64, c128};

// ---- Numbers of C++ -------------------------------------------------------------------------------------------------

TEST(Complex, DtypesOfNumbers) {
  static const auto f = jit([](Array x, Array h, Array d, Array n, Value w) {
    return std::tuple(Value(x(0) * 2.0i), Value(h(0) + w), Value(d(0) - w), Value(n(0) * 1.0i), Value(w * 2),
                      Value(x(0) * Float(1, 2)), Value(d(0) * Float(1, 2)), Value(w + 1.5f), Value(w * w));
  });
  const auto r = everywhere(f, [](const auto& g) {
    return results(g(ones({1}, f32), ones({1}, f16), ones({1}, f64), ones({1}, i8), Double(1, -2)));
  });
  constexpr DType expected[] = {c64, c64, c128, c128, c128, c64, c128, c64, c128};
  ASSERT_EQ(r.size(), std::size(expected));
  for (std::size_t k = 0; k < r.size(); ++k) EXPECT_EQ(r[k].dtype(), expected[k]) << k;
}

TEST(Complex, ValuesBecomeNumbersOfC) {
  const Array z = array(std::vector<Double>{{1, 2}, {3, -4}});
  EXPECT_EQ(z.dtype(), c128);
  EXPECT_EQ(static_cast<Double>(z(1)), Double(3, -4));
  EXPECT_EQ(Double(z(0) * z(1)), Double(1, 2) * Double(3, -4));
  EXPECT_EQ(static_cast<Float>(z(0)), Float(1, 2));
  EXPECT_EQ(static_cast<Double>(Value(2.5)), Double(2.5));
  EXPECT_EQ(static_cast<double>(abs(z(1))), 5);
  EXPECT_EQ(z.read<Double>()[1], Double(3, -4));
  const Array list = {Float(1, 0), Float(0, 1)};
  EXPECT_EQ(list.dtype(), c64);
  EXPECT_EQ(static_cast<Float>(Value(list(1))), Float(0, 1));
  Var v = 1.0i;
  v *= 2.0i;
  EXPECT_EQ(static_cast<Double>(v), Double(-2, 0));
  list(0) = 2.0i;
  list(1) += 1;
  EXPECT_EQ(list.read<Float>()[0], Float(0, 2));
  EXPECT_EQ(list.read<Float>()[1], Float(1, 1));
  EXPECT_THROW(static_cast<void>(static_cast<double>(Value(z(0)))), DTypeError);
}

TEST(Complex, Printing) {
  std::ostringstream out;
  out << array(std::vector<Double>{{1, 2}, {3.5, -1}}) << " " << Value(1.5 - 2.0i) << " " << full({2}, Float(0.1f, 3));
  EXPECT_EQ(out.str(), "[1. +2.j 3.5-1.j] (1.5-2j) [0.1+3.j 0.1+3.j] c64");
}

TEST(Complex, PartsAndWhole) {
  static const auto f = jit([](Array re, Array im) {
    const Array z = complex(re, im);
    return std::tuple(z, real(z), imag(z), conj(z), abs(z), angle(z), z * conj(z), real(re), imag(re), z == conj(z));
  });
  for (const DType dtype : {f32, f64}) {
    const auto r = everywhere(f, [&](const auto& g) {
      return results(g(hashed_array(77, dtype, 1), placed(hashed_array(77, dtype, 2), Placement::reversed_2)));
    });
    EXPECT_EQ(r[0].dtype(), dtype == f32 ? c64 : c128);
    for (const std::size_t k : {1u, 2u, 4u, 5u}) EXPECT_EQ(r[k].dtype(), dtype);
    EXPECT_TRUE(same_bits(r[1], hashed_array(77, dtype, 1)));
    EXPECT_TRUE(same_bits(r[2], hashed_array(77, dtype, 2)));
  }
}

// ---- Control flow ---------------------------------------------------------------------------------------------------

TEST(Complex, MandelbrotInComplexNumbers) {
  static const auto f = jit([](Array c, Array counts) {
    for (Value i : prange(c.shape(0))) {
      Var z = complex(0.0, 0.0), n = 0;
      while_([&] { return real(z) * real(z) + imag(z) * imag(z) < 4.0 && n < 50; },
             [&] {
               z = z * z + c(i);
               n += 1;
             });
      counts(i) = n;
    }
  });
  for (const DType dtype : complex_dtypes) {
    const auto r = everywhere(f, [&](const auto& g) {
      const Array counts = zeros({301}, i32);
      g(hashed_array(301, dtype, 4), counts);
      return results(counts);
    });
    const Value most = max(r[0]), least = min(r[0]);
    EXPECT_GT(most.as_integer(), least.as_integer()) << "points of both kinds";
  }
}

TEST(Complex, BranchesSelectsAndGuardedLoads) {
  static const auto f = jit([](Array z, Array where_to, Array out) {
    for (Value i : prange(z.shape(0))) {
      Var v = z(i);
      if_(real(z(i)) < 0, [&] { v = conj(v) * 2; });
      Value next = where(i + 1 < z.shape(0), z(i + 1), z(0));
      for (Value k : range(i % 5)) {
        continue_if(k == 2);
        v += next * k;
      }
      out(where_to(i)) = v;
    }
  });
  for (const DType dtype : complex_dtypes)
    for (const Placement at : {Placement::contiguous, Placement::stride_3, Placement::reversed})
      everywhere(f, [&](const auto& g) {
        const Array out = zeros({140}, dtype), order = empty({133}, i64);
        for (int k = 0; k < 133; ++k) order(k) = k * 37 % 133;
        g(placed(hashed_array(133, dtype, 5), at), order, out);
        return results(out);
      });
}

TEST(Complex, ScalarsAndCapturedNumbers) {
  static const auto f = jit([](Array z, Value a, Value b, Value n) {
    const Array out = empty({z.shape(0)}, c128);
    Var factor = exp(a) + b;
    factor *= n;
    for (Value i : prange(z.shape(0))) out(i) = z(i) * factor + a;
    return std::tuple(out, factor);
  });
  everywhere(f, [&](const auto& g) { return results(g(hashed_array(5000, c64, 6), Double(0.5, 2), 1.5, 3)); });
}

TEST(Complex, NestsAndTransposes) {
  static const auto f = jit([](Array a, Array b) {
    const Array c = a.T() * 2.0i + b;
    c(0, _) = c(1, _) * conj(c(2, _));
    const Array row = c(_, slice(0, -1, 2));
    return std::tuple(c, row + 1, sum(c, {.axis = 0}), sum(c, {.axis = 1}), c.reshape({-1}));
  });
  for (const DType dtype : complex_dtypes)
    everywhere(f, [&](const auto& g) {
      return results(
          g(hashed_array(19 * 33, dtype, 7).reshape({33, 19}), hashed_array(19 * 33, dtype, 8).reshape({19, 33})));
    });
}

// ---- Reductions -----------------------------------------------------------------------------------------------------

TEST(Complex, ReductionsOfEveryLength) {
  static const auto f = jit([](Array z) {
    return std::tuple(sum(z), prod(z), mean(z), any(z), all(z), min(z), max(z), dot(z, z), trace(z.reshape({1, -1})));
  });
  for (const DType dtype : complex_dtypes)
    for (const std::int64_t length : {1, 2, 15, 16, 31, 33, 64, 511, 512, 513, 1024, 1025, 3000, 70001}) {
      SCOPED_TRACE(length);
      const Array z = hashed_array(length, dtype, 9);
      everywhere(f, [&](const auto& g) { return results(g(z)); });
      everywhere(f, [&](const auto& g) { return results(g(placed(z, Placement::stride_2))); });
      if (HasFailure()) return;
    }
}

// The parts that an identity must not change.
TEST(Complex, ProductsKeepZerosAndInfinities) {
  static const auto f = jit([](Array z) { return prod(z); });
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const Double special : {Double(-0.0, 2), Double(infinity, 0), Double(3, -0.0), Double(0.0, -infinity)}) {
    const auto r = everywhere(f, [&](const auto& g) {
      const Array z = full({45}, Double(1, 0));
      z(7) = special;
      return results(g(z));
    });
    const Double product(Value(r[0].item()));
    EXPECT_EQ(product, special);
    EXPECT_EQ(std::signbit(product.real()), std::signbit(special.real()));
    EXPECT_EQ(std::signbit(product.imag()), std::signbit(special.imag()));
  }
}

TEST(Complex, ReductionsAlongAxes) {
  static const auto f = jit([](Array z) {
    return std::tuple(sum(z, {.axis = 0}), sum(z, {.axis = 1}), prod(z, {.axis = 2}), mean(z, {.axis = {0, 2}}),
                      min(z, {.axis = 1, .keepdims = true}), max(z, {.axis = 0}), any(z, {.axis = 2}),
                      all(z, {.axis = 0}));
  });
  for (const DType dtype : complex_dtypes)
    for (const std::initializer_list<std::int64_t> shape :
         {std::initializer_list<std::int64_t>{3, 4, 7}, {5, 70, 3}, {2, 3, 600}, {130, 2, 5}}) {
      std::int64_t count = 1;
      for (const std::int64_t extent : shape) count *= extent;
      const Array z = hashed_array(count, dtype, 10).reshape(Shape(std::span(shape.begin(), shape.size())));
      everywhere(f, [&](const auto& g) { return results(g(z)); });
      everywhere(f, [&](const auto& g) { return results(g(placed(z, Placement::fortran))); });
    }
}

TEST(Complex, ReductionsIntoVars) {
  static const auto f = jit([](Array z, Array n) {
    Var s = 0.0, p = 1.0, low = z(0);
    for (Value i : prange(z.shape(0))) {
      s += z(i) * n(i);
      if_(n(i) > 0, [&] { p *= z(i); });
      low.min(z(i));
    }
    Var sequential = complex(0.0, 0.0);
    for (Value i : range(z.shape(0))) sequential += z(i) / (n(i) + 2.0i);
    return std::tuple(s, p, low, sequential);
  });
  for (const DType dtype : complex_dtypes)
    for (const std::int64_t length : {1, 37, 513, 4000})
      everywhere(
          f, [&](const auto& g) { return results(g(hashed_array(length, dtype, 11), hashed_array(length, f32, 12))); });
}

TEST(Complex, ReductionsInsideLanes) {
  static const auto f = jit([](Array z, Array out) {
    for (Value i : prange(z.shape(0))) {
      Var s = 0.0;
      for (Value k : range(z.shape(1))) s += z(i, k);
      Var ragged = 1.0;
      for (Value k : range(i % 9)) ragged *= z(i, k);
      out(i) = s + ragged;
    }
  });
  for (const DType dtype : complex_dtypes)
    everywhere(f, [&](const auto& g) {
      const Array out = zeros({61}, dtype);
      g(hashed_array(61 * 300, dtype, 13).reshape({61, 300}), out);
      return results(out);
    });
}

// ---- Updates in prange ----------------------------------------------------------------------------------------------

TEST(Complex, UpdatesOfElements) {
  static const auto own = jit([](Array z, Array out) {
    for (Value i : prange(z.shape(0))) {
      out(i) += z(i);
      out(i) *= 2.0i;
      out(i).max(z(i));
    }
  });
  // Whole numbers: their sums are exact in any order.
  static const auto shared = jit([](Array z, Array bins, Array out) {
    for (Value i : prange(z.shape(0))) {
      out(bins(i)) += z(i);
      out(0) -= conj(z(i));
    }
  });
  for (const DType dtype : complex_dtypes) {
    everywhere(own, [&](const auto& g) {
      const Array out = hashed_array(531, dtype, 14);
      g(hashed_array(531, dtype, 15), out);
      return results(out);
    });
    everywhere(shared, [&](const auto& g) {
      const Array z = round(hashed_array(6000, dtype, 16)), bins = empty({6000}, i64), out = zeros({7}, dtype);
      for (int k = 0; k < 6000; ++k) bins(k) = static_cast<std::int64_t>(hashed(static_cast<std::uint64_t>(k), 17) % 7);
      g(z, bins, out);
      return results(out);
    });
  }
}

// Powers of i multiply exactly, and extremes do not depend on an order.
TEST(Complex, UpdatesOfSharedElementsInOnePiece) {
  static const auto f = jit([](Array z, Array bins, Array products, Array largest) {
    for (Value i : prange(z.shape(0))) {
      products(bins(i)) *= pow(1.0i, real(round(z(i))));
      largest(bins(i)).max(z(i));
    }
  });
  everywhere(f, [&](const auto& g) {
    const Array z = hashed_array(6000, c64, 20), bins = empty({6000}, i64);
    const Array products = ones({7}, c64), largest = zeros({7}, c64);
    for (int k = 0; k < 6000; ++k) bins(k) = static_cast<std::int64_t>(hashed(static_cast<std::uint64_t>(k), 21) % 7);
    g(z, bins, products, largest);
    for (int k = 0; k < 7; ++k) products(k) = products(k) + 0.0;  // the order decides the signs of zeros
    return results(products, largest);
  });
}

TEST(Complex, VectorizedFunctions) {
  static const auto f = vectorize([](Value z, Value w) { return where(abs(z) < abs(w), z / w, w / z); });
  for (const DType dtype : complex_dtypes)
    in_traces(f, [&](const auto& g) {
      return results(g(hashed_array(77, dtype, 18).reshape({7, 11}), hashed_array(11, c64, 19)));
    });
}

TEST(Complex, BorrowedMemoryMayLieAtEveryPart) {
  static const auto f = jit([](Array z) { return z * 2.0i + sum(z); });
  std::vector<double> memory(2 * 400 + 1);
  for (std::size_t k = 0; k < memory.size(); ++k) memory[k] = static_cast<double>(k % 11);
  for (const std::size_t at : {0u, 1u})
    everywhere(f, [&](const auto& g) { return results(g(borrow(memory.data() + at, c128, {400}))); });
}

}  // namespace
}  // namespace kiln::conformance
