// Functions of shapes: views where NumPy gives views, copies where it copies, in every way against plain C++.
#include "tests/conformance/everywhere.h"

#include <algorithm>
#include <string>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

Array numbered(std::initializer_list<std::int64_t> extents) {
  std::int64_t n = 1;
  for (const std::int64_t extent : extents) n *= extent;
  return arange(n).reshape(Shape(std::span<const std::int64_t>(extents.begin(), extents.size())));
}

Integers extents_of(const Array& a) {
  Integers out;
  for (int k = 0; k < a.rank(); ++k) out.push_back(a.extent(k));
  return out;
}

TEST(Shapes, AxesComeAndGo) {
  static const auto program = jit([](Array a) {
    Array wide = expand_dims(a, {0, 2}), last = a.expand_dims(-1);
    return std::tuple(wide, last, squeeze(wide, {0, 2}), wide.squeeze(0), wide.squeeze({2, 0}), moveaxis(wide, 0, -1),
                      moveaxis(wide, {0, 2}, {3, 0}), swapaxes(wide, 1, -1));
  });
  for (const Array& a : {numbered({3, 4}), numbered({4, 3}).T(), numbered({1, 5}), numbered({0, 2})}) {
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a)); });
    const std::int64_t n = a.extent(0), m = a.extent(1);
    EXPECT_EQ(extents_of(r[0]), (Integers{1, n, 1, m}));
    EXPECT_EQ(extents_of(r[1]), (Integers{n, m, 1}));
    EXPECT_TRUE(same_bits(r[2], a.copy()));
    EXPECT_EQ(extents_of(r[3]), (Integers{n, 1, m}));
    EXPECT_TRUE(same_bits(r[4], a.copy()));
    EXPECT_EQ(extents_of(r[5]), (Integers{n, 1, m, 1}));
    EXPECT_EQ(extents_of(r[6]), (Integers{1, n, m, 1}));
    EXPECT_EQ(extents_of(r[7]), (Integers{1, m, 1, n}));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < m; ++j) EXPECT_EQ(std::int64_t(r[7](0, j, 0, i)), std::int64_t(a(i, j)));
  }
  EXPECT_EQ(extents_of(numbered({1, 3, 1}).squeeze()), (Integers{3}));
  EXPECT_EQ(extents_of(squeeze(numbered({1, 1}))), (Integers{}));
}

TEST(Shapes, ViewsShareTheirElements) {
  static const auto program = jit([](Array a) {
    expand_dims(a, 0)(0, rest) += 1;
    flip(a)(0, 0) = 100;
    flip(a, 1)(0, 0) = 200;
    swapaxes(a, 0, 1)(1, rest) = 300;
    moveaxis(a, 1, 0)(2, 1) += 7;
    for (Array& part : split(a, 3, 1)) part(0, 0) -= 1;
    split(a, {1, 4}, 1)[1](rest) *= 2;
    a.squeeze({})(rest) += 1;
  });
  const auto r = everywhere(program, [&](const auto& f) {
    const Array a = numbered({3, 6}), b = numbered({6, 3}).T();
    f(a);
    f(b);
    return results(a, b.copy());
  });
  for (const bool transposed : {false, true}) {
    Integers a;
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 6; ++j) a.push_back((transposed ? 3 * j + i : 6 * i + j) + 1);
    a[17] = 100, a[5] = 200;
    for (std::size_t i = 0; i < 3; ++i) a[6 * i + 1] = 300;
    a[6 + 2] += 7;
    for (const std::size_t j : {0, 2, 4}) a[j] -= 1;
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 1; j < 4; ++j) a[6 * i + j] *= 2;
    for (auto& x : a) ++x;
    EXPECT_EQ(numbers<std::int64_t>(r[transposed]), a);
  }
}

TEST(Shapes, FlatteningCopies) {
  static const auto program = jit([](Array a) {
    Array flat = a.flatten();
    flat(0) = -1;
    return flat;
  });
  for (const Array& a : {numbered({3, 4}), numbered({4, 3}).T(), numbered({5})}) {
    const Array before = a.copy();
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a)); });
    EXPECT_TRUE(same_bits(a.copy(), before));
    EXPECT_EQ(std::int64_t(r[0](0)), -1);
    EXPECT_TRUE(same_bits(r[0](slice(1, _)).copy(), before.ravel()(slice(1, _)).copy()));
  }
}

TEST(Shapes, Flip) {
  static const auto program = jit([](Array a) { return std::tuple(flip(a), flip(a, 0), flip(a, {-1, 0})); });
  const Array a = numbered({4, 3, 2});
  const auto r = everywhere(program, [&](const auto& f) { return results(f(a)); });
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t j = 0; j < 3; ++j)
      for (std::int64_t k = 0; k < 2; ++k) {
        EXPECT_EQ(std::int64_t(r[0](i, j, k)), std::int64_t(a(3 - i, 2 - j, 1 - k)));
        EXPECT_EQ(std::int64_t(r[1](i, j, k)), std::int64_t(a(3 - i, j, k)));
        EXPECT_EQ(std::int64_t(r[2](i, j, k)), std::int64_t(a(3 - i, j, 1 - k)));
      }
}

TEST(Shapes, Roll) {
  static const auto program =
      jit([](Array a, Value by) { return std::tuple(roll(a, by), roll(a, by, 0), roll(a, -by, -1), roll(a, 1, 1)); });
  for (const Array& a : {numbered({5, 4}), numbered({4, 5}).T(), numbered({1, 1}), numbered({0, 3}), numbered({3, 0})})
    for (const std::int64_t by : {0, 1, 3, -2, 17, -100}) {
      const auto r = everywhere(program, [&](const auto& f) { return results(f(a, by)); });
      const std::int64_t n = a.extent(0), m = a.extent(1), all = n * m;
      const auto moved = [](std::int64_t x, std::int64_t shift, std::int64_t extent) {
        return ((x - shift) % extent + extent) % extent;
      };
      const Integers flat = numbers<std::int64_t>(a);
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < m; ++j) {
          EXPECT_EQ(std::int64_t(r[0](i, j)), flat[static_cast<std::size_t>(moved(i * m + j, by, all))]);
          EXPECT_EQ(std::int64_t(r[1](i, j)), std::int64_t(a(moved(i, by, n), j)));
          EXPECT_EQ(std::int64_t(r[2](i, j)), std::int64_t(a(i, moved(j, -by, m))));
          EXPECT_EQ(std::int64_t(r[3](i, j)), std::int64_t(a(i, moved(j, 1, m))));
        }
    }
}

TEST(Shapes, ConcatenateAndStack) {
  static const auto program = jit([](Array a, Array b, Array c) {
    return std::tuple(concatenate({a, b, a}), concatenate({a, c}, 1), stack({a, a + 1}), stack({a, a}, -1),
                      concatenate({a(slice(0, 0), _), b}), concatenate({b}));
  });
  const Array a = numbered({2, 3}), b = numbered({3, 4}).T()(slice(0, 4), _), c = f32(numbered({2, 5}));
  const auto r = everywhere(program, [&](const auto& f) { return results(f(a, b, c)); });
  EXPECT_EQ(extents_of(r[0]), (Integers{8, 3}));
  EXPECT_EQ(extents_of(r[1]), (Integers{2, 8}));
  EXPECT_EQ(r[1].dtype(), f64);
  EXPECT_EQ(extents_of(r[2]), (Integers{2, 2, 3}));
  EXPECT_EQ(extents_of(r[3]), (Integers{2, 3, 2}));
  EXPECT_TRUE(same_bits(r[4], b.copy()));
  EXPECT_TRUE(same_bits(r[5], b.copy()));
  for (std::int64_t j = 0; j < 3; ++j) {
    for (std::int64_t i = 0; i < 8; ++i)
      EXPECT_EQ(std::int64_t(r[0](i, j)), std::int64_t(i < 2 ? a(i, j) : i < 6 ? b(i - 2, j) : a(i - 6, j)));
    for (std::int64_t i = 0; i < 2; ++i) {
      EXPECT_EQ(double(r[1](i, j)), double(a(i, j)));
      EXPECT_EQ(double(r[1](i, 3 + j)), double(c(i, j)));
      EXPECT_EQ(std::int64_t(r[2](1, i, j)), std::int64_t(a(i, j)) + 1);
      EXPECT_EQ(std::int64_t(r[3](i, j, 1)), std::int64_t(a(i, j)));
    }
  }
  // A list that grew.
  std::vector<Array> rows;
  for (std::int64_t k = 0; k < 7; ++k) rows.push_back(full({3}, k, i64));
  EXPECT_EQ(extents_of(stack(rows)), (Integers{7, 3}));
  EXPECT_EQ(extents_of(concatenate(rows)), (Integers{21}));
  EXPECT_EQ(std::int64_t(stack(rows)(5, 1)), 5);
}

TEST(Shapes, Split) {
  static const auto program = jit([](Array a) {
    const std::vector<Array> parts = split(a, 3), cut = split(a, {2, 2, -1}, 1);
    return std::tuple(parts[0], parts[2], cut[0], cut[1], cut[2], cut[3]);
  });
  const Array a = numbered({6, 5});
  const auto r = everywhere(program, [&](const auto& f) { return results(f(a)); });
  EXPECT_TRUE(same_bits(r[0], a(slice(0, 2), _).copy()));
  EXPECT_TRUE(same_bits(r[1], a(slice(4, 6), _).copy()));
  EXPECT_TRUE(same_bits(r[2], a(_, slice(_, 2)).copy()));
  EXPECT_EQ(extents_of(r[3]), (Integers{6, 0}));
  EXPECT_TRUE(same_bits(r[4], a(_, slice(2, -1)).copy()));
  EXPECT_TRUE(same_bits(r[5], a(_, slice(-1, _)).copy()));
}

TEST(Shapes, RepeatTileDiffOuterAndTriangles) {
  static const auto program = jit([](Array a, Value times, Value k) {
    return std::tuple(repeat(a, times, 0), tile(a, times, 1), diff(a), diff(a, 0), outer(a(0, _), a(_, 0)), triu(a, k),
                      tril(a, k));
  });
  for (const std::int64_t k : {-2, 0, 1}) {
    const Array a = square(numbered({4, 3}));
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a, 2, k)); });
    EXPECT_EQ(extents_of(r[0]), (Integers{8, 3}));
    EXPECT_EQ(extents_of(r[1]), (Integers{4, 6}));
    EXPECT_EQ(extents_of(r[4]), (Integers{3, 4}));
    for (std::int64_t i = 0; i < 4; ++i)
      for (std::int64_t j = 0; j < 3; ++j) {
        const std::int64_t x(a(i, j));
        EXPECT_EQ(std::int64_t(r[0](2 * i + 1, j)), x);
        EXPECT_EQ(std::int64_t(r[1](i, j + 3)), x);
        if (j < 2) {
          EXPECT_EQ(std::int64_t(r[2](i, j)), std::int64_t(a(i, j + 1)) - x);
        }
        if (i < 3) {
          EXPECT_EQ(std::int64_t(r[3](i, j)), std::int64_t(a(i + 1, j)) - x);
        }
        EXPECT_EQ(std::int64_t(r[4](j, i)), std::int64_t(a(0, j)) * std::int64_t(a(i, 0)));
        EXPECT_EQ(std::int64_t(r[5](i, j)), j - i >= k ? x : 0);
        EXPECT_EQ(std::int64_t(r[6](i, j)), j - i <= k ? x : 0);
      }
  }
  EXPECT_EQ(numbers<bool>(diff(array_from(std::vector<bool>{true, true, false}))), (std::vector<bool>{false, true}));
}

TEST(Shapes, MatrixProducts) {
  static const auto program = jit([](Array a, Array b, Array x, Array y) {
    return std::tuple(matmul(a, b), matmul(a, x), matmul(y, a), matmul(x, x));
  });
  for (const DType dtype : {bool_, i8, i32, u64, f16, f32, f64}) {
    const Array a = dtype(numbered({3, 4}) % 5), b = dtype(numbered({5, 4}).T() % 3), x = dtype(arange(4) % 3),
                y = dtype(arange(3) % 2);
    const auto r = everywhere(program, [&](const auto& f) { return results(f(a, b, x, y)); });
    ASSERT_EQ(r[0].dtype(), dtype);
    ASSERT_EQ(extents_of(r[0]), (Integers{3, 5}));
    ASSERT_EQ(extents_of(r[3]), (Integers{}));
    const auto total = [&](std::int64_t n, auto&& left, auto&& right) {
      double s = 0;
      for (std::int64_t k = 0; k < n; ++k) s += double(f64(left(k))) * double(f64(right(k)));
      return dtype.is_bool() ? double(s > 0) : s;
    };
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 5; ++j)
        EXPECT_EQ(double(f64(r[0](i, j))), total(
                                               4, [&](std::int64_t k) { return Value(a(i, k)); },
                                               [&](std::int64_t k) { return Value(b(k, j)); }))
            << dtype;
      EXPECT_EQ(double(f64(r[1](i))),
                total(4, [&](std::int64_t k) { return Value(a(i, k)); }, [&](std::int64_t k) { return Value(x(k)); }));
    }
    for (std::int64_t j = 0; j < 4; ++j)
      EXPECT_EQ(double(f64(r[2](j))),
                total(3, [&](std::int64_t k) { return Value(y(k)); }, [&](std::int64_t k) { return Value(a(k, j)); }));
    EXPECT_EQ(double(f64(r[3].item())),
              total(4, [&](std::int64_t k) { return Value(x(k)); }, [&](std::int64_t k) { return Value(x(k)); }));
  }
}

}  // namespace
}  // namespace kiln::conformance
