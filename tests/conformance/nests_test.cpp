// Nests of loops whose inner ones read what no row changes, such as products of matrices: rows are taken several at a
// time, and a range inside a prange is a dimension of it. Both give the interpreter's bits, whatever is left over.
#include "tests/conformance/everywhere.h"
#include "tests/conformance/layouts.h"

namespace kiln::conformance {
namespace {

Array hashed(std::int64_t rows, std::int64_t columns, DType dtype) {
  std::vector<double> all(static_cast<std::size_t>(rows * columns));
  std::uint64_t state = static_cast<std::uint64_t>(rows * 1'000'003 + columns);
  for (double& x : all) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    x = static_cast<double>(state >> 40) / 262144.0 - 32;
  }
  return array(all).reshape({rows, columns}).astype(dtype);
}

const auto product = jit([](Array a, Array b) {
  Array c = empty({a.shape(0), b.shape(1)}, a.dtype());
  for (Value i : prange(a.shape(0)))
    for (Value j : range(b.shape(1))) {
      Var sum(0, a.dtype());
      for (Value k : range(a.shape(1))) sum += a(i, k) * b(k, j);
      c(i, j) = sum;
    }
  return c;
});

const auto of_ranges = jit([](Array a, Array b) {
  Array c = empty({a.shape(0), b.shape(1)}, a.dtype());
  for (Value i : range(a.shape(0)))
    for (Value j : range(b.shape(1))) {
      Var sum(0, a.dtype());
      for (Value k : range(a.shape(1))) sum += a(i, k) * b(k, j);
      c(i, j) = sum;
    }
  return c;
});

bool takes_rows(const char* scheduled) {
  return std::string(scheduled).find("vectors 2]") != std::string::npos &&
         std::string(scheduled).find("* 4)") != std::string::npos;
}

TEST(Nests, ProductsOfEverySize) {
  for (const std::int64_t rows : {0, 1, 3, 4, 5, 8, 11})
    for (const std::int64_t columns : {0, 1, 7, 16, 33, 70})
      for (const std::int64_t inner : {0, 1, 5, 300}) {
        SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(inner) + " x " + std::to_string(columns));
        in_traces(product,
                  [&](const auto& f) { return results(f(hashed(rows, inner, f32), hashed(inner, columns, f32))); });
        ASSERT_FALSE(HasFailure());
      }
  product(hashed(8, 8, f32), hashed(8, 8, f32));
  EXPECT_TRUE(takes_rows(product.inspect("scheduled").c_str())) << product.inspect("scheduled").c_str();
}

TEST(Nests, ProductsOfEveryDType) {
  for (const DType dtype : {bool_, i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64, c64, c128}) {
    SCOPED_TRACE(dtype.name());
    in_traces(product, [&](const auto& f) { return results(f(hashed(7, 19, dtype), hashed(19, 37, dtype))); });
    in_traces(of_ranges, [&](const auto& f) { return results(f(hashed(6, 19, dtype), hashed(19, 21, dtype))); });
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Nests, ProductsOfEveryLayout) {
  const Array a = hashed(9, 23, f64), b = hashed(23, 40, f64);
  for (int k = 0; k < static_cast<int>(Placement::count); ++k) {
    const auto placement = static_cast<Placement>(k);
    SCOPED_TRACE(name_of(placement));
    in_traces(product, [&](const auto& f) { return results(f(placed(a, placement), placed(b, placement))); });
    in_traces(product, [&](const auto& f) { return results(f(a, placed(b, placement))); });
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Nests, PairsOfRows) {
  static const auto distances = jit([](Array x, Array y) {
    Array far = empty({x.shape(0), y.shape(0)}, x.dtype()), near = empty({x.shape(0), y.shape(0)}, x.dtype());
    for (auto [i, j] : prange(range(x.shape(0)), range(y.shape(0)))) {
      Var squares = 0.0, least = 1e30;
      for (Value k : range(x.shape(1))) {
        Value d = x(i, k) - y(j, k);
        squares += d * d;
        least.min(abs(d));
      }
      far(i, j) = sqrt(squares);
      near(i, j) = least;
    }
    return std::tuple(far, near);
  });
  for (const std::int64_t rows : {1, 2, 5, 6})
    in_traces(distances, [&](const auto& f) { return results(f(hashed(rows, 12, f32), hashed(35, 12, f32))); });
}

TEST(Nests, BatchesAndInnerNests) {
  static const auto batch = jit([](Array a, Array b) {
    Array c = zeros({a.shape(0), a.shape(1), b.shape(2)}, a.dtype());
    for (auto [n, i, j] : prange(range(a.shape(0)), range(1, a.shape(1)), range(b.shape(2)))) {
      Var sum = 0.0;
      for (Value u : range(2))
        for (Value k : range(a.shape(2) - 1)) sum += a(n, i - u, k + u) * b(n, k, j);
      c(n, i, j) = sum + c(n, i, j);
    }
    return c;
  });
  const Array a = hashed(3 * 10, 9, f64).reshape({3, 10, 9}), b = hashed(3 * 9, 18, f64).reshape({3, 9, 18});
  in_traces(batch, [&](const auto& f) { return results(f(a, b)); });
}

TEST(Nests, WhatDiffersByRowStaysARow) {
  static const auto triangle = jit([](Array a, Array b) {
    Array c = empty({a.shape(0), b.shape(1)}, a.dtype());
    for (auto [i, j] : prange(range(a.shape(0)), range(b.shape(1)))) {
      Var sum = 0.0;
      for (Value k : range(i)) sum += a(i, k) * b(k, j);
      c(i, j) = sum;
    }
    return c;
  });
  in_traces(triangle, [&](const auto& f) { return results(f(hashed(9, 9, f32), hashed(9, 20, f32))); });
  EXPECT_FALSE(takes_rows(triangle.inspect("scheduled").c_str()));
}

TEST(Nests, ARangeInAPrangeIsADimensionOfItWhereNothingIsCarried) {
  static const auto scaled = jit([](Array a, Array w) {
    Array b = empty_like(a);
    for (Value i : prange(a.shape(0)))
      for (Value j : range(a.shape(1))) b(i, j) = a(i, j) * w(j);
    return b;
  });
  static const auto running = jit([](Array a, Array w) {
    Array b = zeros_like(a);
    for (Value i : prange(a.shape(0)))
      for (Value j : range(1, a.shape(1))) b(i, j) = b(i, j - 1) + a(i, j) * w(j);
    return b;
  });
  static const auto total = jit([](Array a, Array w) {
    Var sum = 0.0;
    for (Value i : prange(a.shape(0)))
      for (Value j : range(a.shape(1))) sum += a(i, j) * w(j);
    return Value(sum);
  });
  static const auto few = jit([](Array a) {
    Array b = empty_like(a);
    for (Value i : prange(a.shape(0)))
      for (Value j : range(3)) b(i, j) = a(i, j) + 1;
    return b;
  });
  for (const std::int64_t columns : {3, 100})
    for (const std::int64_t rows : {1, 90}) {
      const Array a = hashed(rows, columns, f32), w = hashed(1, columns, f32)(0, _);
      in_traces(scaled, [&](const auto& f) { return results(f(a, w)); });
      in_traces(running, [&](const auto& f) { return results(f(a, w)); });
      in_traces(total, [&](const auto& f) { return results(f(a, w)); });
      if (columns == 3) in_traces(few, [&](const auto& f) { return results(f(a)); });
    }
  const auto has = [](const auto& f, const char* text) {
    return std::string(f.inspect("scheduled").c_str()).find(text) != std::string::npos;
  };
  EXPECT_TRUE(has(scaled, "parallel i0, j0 in"));
  EXPECT_TRUE(has(total, "parallel i0, j0 in"));
  EXPECT_FALSE(has(running, "parallel i0, j0 in"));
  EXPECT_FALSE(has(few, "parallel i0, j0 in"));
}

}  // namespace
}  // namespace kiln::conformance
