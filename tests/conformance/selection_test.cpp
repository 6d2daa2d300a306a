// Elements picked by arrays of integers and by masks, in every way against plain C++.
#include "tests/conformance/everywhere.h"

#include <algorithm>
#include <functional>
#include <string>

namespace kiln::conformance {
namespace {

using Integers = std::vector<std::int64_t>;

Integers hashed_integers(std::size_t count, std::uint64_t seed, std::int64_t low, std::int64_t high) {
  Integers out;
  for (std::size_t k = 0; k < count; ++k)
    out.push_back(low + static_cast<std::int64_t>(hashed(k, seed) % static_cast<std::uint64_t>(high - low)));
  return out;
}

std::int64_t from_start(std::int64_t index, std::int64_t extent) { return index < 0 ? index + extent : index; }

constexpr DType dtypes[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64};

// ---- Gather ---------------------------------------------------------------------------------------------------------

const auto gather = jit([](Array a, Array at) { return Array(a(at)); });

TEST(Selection, OfOneAxis) {
  for (const std::int64_t n : {1, 7, 100}) {
    for (const std::size_t count : {0u, 1u, 9u, 3000u}) {
      const Integers at = hashed_integers(count, 51, -n, n);
      for (const DType dtype : dtypes) {
        const Array a = dtype(hashed_array(n, f64, 52) * 3);
        const auto r = everywhere(gather, [&](const auto& f) { return results(f(a, array(at))); });
        EXPECT_EQ(r[0].dtype(), dtype);
        ASSERT_EQ(r[0].extent(0), static_cast<std::int64_t>(count));
        const Array wanted = empty({count}, dtype);
        for (std::size_t k = 0; k < count; ++k) wanted(k) = a(from_start(at[k], n));
        EXPECT_TRUE(same_bits(r[0], wanted)) << dtype;
      }
    }
  }
}

TEST(Selection, IndicesOfEveryDtype) {
  const Array a = hashed_array(90, f64, 53);
  const Integers at = hashed_integers(200, 54, 0, 90);
  for (const DType dtype : {i8, i16, i32, i64, u8, u16, u32, u64}) {
    const auto r = everywhere(gather, [&](const auto& f) { return results(f(a, dtype(array(at)))); });
    EXPECT_TRUE(same_bits(r[0], Array(a(array(at))))) << dtype;
  }
  const auto from_end = everywhere(gather, [&](const auto& f) { return results(f(a, i8(array(at)) - i8(90))); });
  EXPECT_TRUE(same_bits(from_end[0], Array(a(array(at)))));
}

TEST(Selection, RowsAndShapesOfIndices) {
  static const auto program = jit([](Array m, Array one, Array two, Array none) {
    return std::tuple(Array(m(one)), Array(m(two)), Array(m(_, one)), Array(m(one, rest)), Array(m(none)),
                      Array(m(slice(1, _, 2), one)), Array(m(newaxis, one)));
  });
  const Array m = hashed_array(12 * 12 * 3, f64, 55).reshape({12, 12, 3});
  const Integers one = hashed_integers(5, 56, -12, 12), two = hashed_integers(6, 57, -12, 12);
  const auto run = [&](const Array& a) {
    return everywhere(program, [&](const auto& f) {
      return results(f(a, array(one), array_from(two, {2, 3}), full(Shape({}), -2, i64)));
    });
  };
  for (const Array& a : {m, m.transpose({1, 0, 2}), Array(m(slice(_, _, -1), _, slice(_, _, -1)))}) {
    const auto r = run(a);
    ASSERT_EQ(r[1].rank(), 4);
    ASSERT_EQ(r[4].rank(), 2);
    ASSERT_EQ(r[6].rank(), 4);
    for (std::int64_t k = 0; k < 5; ++k) {
      const std::int64_t at = from_start(one[static_cast<std::size_t>(k)], 12);
      EXPECT_TRUE(same_bits(r[0](k, rest).copy(), a(at, rest).copy()));
      EXPECT_TRUE(same_bits(r[3](k, rest).copy(), a(at, rest).copy()));
      EXPECT_TRUE(same_bits(r[2](_, k, _).copy(), a(_, at, _).copy()));
      EXPECT_TRUE(same_bits(r[5](_, k, _).copy(), a(slice(1, _, 2), at, _).copy()));
      EXPECT_TRUE(same_bits(r[6](0, k, rest).copy(), a(at, rest).copy()));
    }
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t j = 0; j < 3; ++j)
        EXPECT_TRUE(same_bits(r[1](i, j, rest).copy(),
                              a(from_start(two[static_cast<std::size_t>(3 * i + j)], 12), rest).copy()));
    EXPECT_TRUE(same_bits(r[4], a(10, rest).copy()));
  }
}

// Several index arrays broadcast together; where they are no neighbours their axes come first, as in NumPy.
TEST(Selection, SeveralIndexArrays) {
  static const auto program = jit([](Array m, Array i, Array j) {
    return std::tuple(Array(m(i, j)), Array(m(i(_, newaxis), j)), Array(m(_, i, j)), Array(m(i, _, j)));
  });
  const Array m = arange(5 * 6 * 7).reshape({5, 6, 7});
  const Integers i = hashed_integers(4, 58, -5, 5), j = hashed_integers(4, 59, -6, 6);
  const auto r = everywhere(program, [&](const auto& f) { return results(f(m, array(i), array(j))); });
  const auto at = [](const Integers& list, std::int64_t k, std::int64_t n) {
    return from_start(list[static_cast<std::size_t>(k)], n);
  };
  ASSERT_EQ(r[0].rank(), 2);
  ASSERT_EQ(r[1].rank(), 3);
  ASSERT_EQ(r[2].extent(0), 5);
  ASSERT_EQ(r[3].extent(0), 4);
  ASSERT_EQ(r[3].extent(1), 6);
  for (std::int64_t k = 0; k < 4; ++k) {
    for (std::int64_t x = 0; x < 7; ++x) {
      EXPECT_EQ(std::int64_t(r[0](k, x)), std::int64_t(m(at(i, k, 5), at(j, k, 6), x)));
      for (std::int64_t l = 0; l < 4; ++l)
        EXPECT_EQ(std::int64_t(r[1](k, l, x)), std::int64_t(m(at(i, k, 5), at(j, l, 6), x)));
    }
    for (std::int64_t x = 0; x < 5; ++x)
      EXPECT_EQ(std::int64_t(r[2](x, k)), std::int64_t(m(x, at(i, k, 6), at(j, k, 7))));
    for (std::int64_t x = 0; x < 6; ++x)
      EXPECT_EQ(std::int64_t(r[3](k, x)), std::int64_t(m(at(i, k, 5), x, at(j, k, 7))));
  }
}

TEST(Selection, InExpressions) {
  static const auto program = jit([](Array a, Array at, Value shift) {
    Array picked = a(at) * 2.0 + a(at + shift);
    return std::tuple(picked, sum(a(at)), take(a, at), take(a.reshape({-1, 2}), at % 2, 1),
                      where(a(at) > 0, a(at), 0.0));
  });
  const Array a = hashed_array(40, f64, 60), at = array(hashed_integers(100, 61, 0, 30));
  const auto r = everywhere(program, [&](const auto& f) { return results(f(a, at, 7)); });
  for (std::int64_t k = 0; k < 100; ++k) {
    const std::int64_t x(at(k));
    EXPECT_EQ(double(r[0](k)), double(a(x)) * 2.0 + double(a(x + 7)));
    EXPECT_EQ(double(r[2](k)), double(a(x)));
    EXPECT_EQ(double(r[3](3, k)), double(a(6 + x % 2)));
    EXPECT_EQ(double(r[4](k)), std::max(double(a(x)), 0.0));
  }
}

// ---- Scatter --------------------------------------------------------------------------------------------------------

TEST(Selection, OfSeveralStoresTheLastStays) {
  static const auto program = jit([](Array a, Array m, Array at, Array x, Value y) {
    a(at) = x;
    m(at) = x(_, newaxis);
    m(_, at(slice(0, 2))) = y;
  });
  for (const DType dtype : dtypes) {
    const Integers at = hashed_integers(60, 62, -9, 9);
    const Array x = dtype(hashed_array(60, f64, 63) * 2);
    const auto r = everywhere(program, [&](const auto& f) {
      const Array a = zeros({9}, dtype), m = ones({9, 9}, dtype);
      f(a, m, array(at), x, 1);
      return results(a, m);
    });
    const Array a = zeros({9}, dtype), m = ones({9, 9}, dtype);
    for (std::int64_t k = 0; k < 60; ++k) {
      const std::int64_t to = from_start(at[static_cast<std::size_t>(k)], 9);
      a(to) = x(k);
      for (std::int64_t j = 0; j < 9; ++j) m(to, j) = x(k);
    }
    for (std::int64_t i = 0; i < 9; ++i)
      for (std::size_t k = 0; k < 2; ++k) m(i, from_start(at[k], 9)) = 1;
    EXPECT_TRUE(same_bits(r[0], a)) << dtype;
    EXPECT_TRUE(same_bits(r[1], m)) << dtype;
  }
}

// As NumPy: a(at) += x is a(at) = a(at) + x.
TEST(Selection, UpdatesAreBuffered) {
  static const auto program = jit([](Array a, Array at, Array x) {
    a(at) += x;
    a(at) *= 3;
    a(at(slice(_, _, 2))) -= 1;
  });
  for (const DType dtype : {i8, i32, u16, f32, f64}) {
    const Integers at = hashed_integers(31, 64, -12, 12);
    const Array x = dtype(array(hashed_integers(31, 65, 0, 9)));
    const auto r = everywhere(program, [&](const auto& f) {
      const Array a = dtype(arange(12) + 1);
      f(a, array(at), x);
      return results(a);
    });
    const Array a = dtype(arange(12) + 1);
    const auto each = [&](std::int64_t step, const std::function<Value(const Value&, std::int64_t)>& next) {
      const Array old = a.copy();
      for (std::int64_t k = 0; k < 31; k += step) {
        const std::int64_t to = from_start(at[static_cast<std::size_t>(k)], 12);
        a(to) = dtype(next(old(to), k));
      }
    };
    each(1, [&](const Value& old, std::int64_t k) { return old + x(k); });
    each(1, [&](const Value& old, std::int64_t) { return old * 3; });
    each(2, [&](const Value& old, std::int64_t) { return old - 1; });
    EXPECT_TRUE(same_bits(r[0], a)) << dtype;
  }
}

// What is read is what was there before, also where it is the memory that is written.
TEST(Selection, OntoItself) {
  static const auto program = jit([](Array a, Array b) {
    a(a) = a + 1;
    b(b) = b(slice(_, _, -1));
    a(slice(0, 5))(b(slice(0, 5))) = a(b(slice(5, 10)));
  });
  const auto run = [&](const auto& f) {
    const Array a = array(Integers{3, 1, 0, 2, 4, 3, 1, 0, 2, 4}), b = array(Integers{4, 0, 1, 2, 3, 0, 1, 2, 3, 4});
    f(a, b);
    return results(a, b);
  };
  const auto r = everywhere(program, run);
  Integers a{3, 1, 0, 2, 4, 3, 1, 0, 2, 4}, b{4, 0, 1, 2, 3, 0, 1, 2, 3, 4};
  const auto store = [](Integers& to, const Integers& at, const Integers& x) {
    for (std::size_t k = 0; k < at.size(); ++k) to[static_cast<std::size_t>(at[k])] = x[k];
  };
  Integers more = a, turned(b.rbegin(), b.rend()), picked;
  for (auto& x : more) ++x;
  store(a, Integers(a), more);
  store(b, Integers(b), turned);
  for (std::size_t k = 5; k < 10; ++k) picked.push_back(a[static_cast<std::size_t>(b[k])]);
  store(a, Integers(b.begin(), b.begin() + 5), picked);
  EXPECT_EQ(numbers<std::int64_t>(r[0]), a);
  EXPECT_EQ(numbers<std::int64_t>(r[1]), b);
  static const auto overlapping = jit([](Array x, Array at) { x(at) = x(slice(_, _, -1)); });
  const Array both = everywhere(overlapping, [&](const auto& f) {
    const Array memory = array(Integers{2, 0, 1, 3, 4, 9, 9, 9});
    f(memory(slice(0, 5)), memory(slice(0, 5)));
    return results(memory);
  })[0];
  EXPECT_EQ(numbers<std::int64_t>(both), (Integers{3, 1, 4, 0, 2, 9, 9, 9}));
}

// ---- Masks ----------------------------------------------------------------------------------------------------------

TEST(Selection, StoresUnderAMask) {
  static const auto program = jit([](Array a, Array x, Value y) {
    a(a > 0.5) = x;
    a(a < -0.5) = y;
    a(x > 0 && a > 0) += x;
    a(isnan(a)) = 0;
    a(x <= 0) *= 2;
  });
  for (const std::int64_t n : {0, 1, 9, 1000}) {
    const Array start = hashed_array(n, f64, 66), x = hashed_array(n, f64, 67);
    for (const DType dtype : {f16, f32, f64}) {
      const auto r = everywhere(program, [&](const auto& f) {
        const Array a = dtype(start);
        f(a, dtype(x), 0.25);
        return results(a);
      });
      const Array a = dtype(start), b = dtype(x);
      for (std::int64_t k = 0; k < n; ++k) {
        if (bool((a(k) > 0.5).as_bool())) a(k) = b(k);
        if (bool((a(k) < -0.5).as_bool())) a(k) = 0.25;
        if (bool((b(k) > 0 && a(k) > 0).as_bool())) a(k) += b(k);
        if (bool(isnan(a(k)).as_bool())) a(k) = 0;
        if (bool((b(k) <= 0).as_bool())) a(k) *= 2;
      }
      EXPECT_TRUE(same_bits(r[0], a)) << dtype;
    }
  }
}

TEST(Selection, MasksOfLeadingAxesAndLayouts) {
  static const auto program = jit([](Array m, Array rows, Array x) {
    m(rows) = x;
    m(_, _)(m % 2 == 0) = -1;
    m(!rows) += 100;
    m.T()(m.T() == 101) = 7;
  });
  const Array rows = hashed_array(9, f64, 68) > 0;
  const auto run = [&](const auto& f) {
    const Array m = arange(9 * 5).reshape({9, 5}), t = arange(9 * 10).reshape({5, 18}).T()(slice(_, _, -2), _);
    f(m, rows, arange(5));
    f(t, rows, arange(5));
    return results(m, t.copy());
  };
  const auto r = everywhere(program, run);
  const Array first[] = {arange(9 * 5).reshape({9, 5}), arange(9 * 10).reshape({5, 18}).T()(slice(_, _, -2), _).copy()};
  for (int which = 0; which < 2; ++which)
    for (std::int64_t i = 0; i < 9; ++i)
      for (std::int64_t j = 0; j < 5; ++j) {
        const bool chosen = rows(i).as_bool();
        std::int64_t x(first[which](i, j));
        if (chosen) x = j;
        if (x % 2 == 0) x = -1;
        if (!chosen) x += 100;
        if (x == 101) x = 7;
        EXPECT_EQ(std::int64_t(r[static_cast<std::size_t>(which)](i, j)), x);
      }
}

// A mask that is the memory itself.
TEST(Selection, AMaskOfItself) {
  static const auto program = jit([](Array b) {
    b(b) = false;
    b(b(_, 0)) = true;
  });
  const auto r = everywhere(program, [&](const auto& f) {
    const Array b = (arange(12) % 3 == 0).reshape({4, 3});
    f(b);
    return results(b);
  });
  EXPECT_FALSE(any(r[0]).as_bool());
}

TEST(Selection, CompressionInPlainCode) {
  for (const DType dtype : dtypes) {
    const Array a = dtype(hashed_array(200, f64, 69) * 4), mask = hashed_array(200, f64, 70) > 0.2;
    Array wanted = empty(sum(mask), dtype);
    std::int64_t n = 0;
    for (std::int64_t k = 0; k < 200; ++k)
      if (mask(k).as_bool()) wanted(n++) = a(k);
    const Array picked = a(mask);
    EXPECT_TRUE(same_bits(picked, wanted)) << dtype;
    const Array reversed = a(slice(_, _, -1))(mask(slice(_, _, -1)));
    EXPECT_TRUE(same_bits(reversed, wanted(slice(_, _, -1)).copy())) << dtype;
  }
  const Array m = arange(24).reshape({2, 3, 4}), rows = arange(6).reshape({2, 3}) % 2 == 1;
  const Array of_rows = m(rows);
  EXPECT_EQ(numbers<std::int64_t>(of_rows), (Integers{4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23}));
  EXPECT_EQ(of_rows.rank(), 2);
  EXPECT_EQ(numbers<std::int64_t>(m.T()(m.T() % 7 == 0)), (Integers{0, 21, 14, 7}));
  EXPECT_EQ(std::int64_t(sum(m(m > 20))), 21 + 22 + 23);
  EXPECT_EQ(Array(m(m > 100)).extent(0), 0);
}

// Plain code, too: what a program of masks and indices does outside a trace.
TEST(Selection, InPlainCode) {
  Array a = arange(10);
  a(a % 2 == 0) = 0;
  a(Array{1, 3}) = Array{70, 80};
  a(Array{-1}) += 5;
  a(Array{0}) = a(Array{1});
  EXPECT_EQ(numbers<std::int64_t>(a), (Integers{70, 70, 0, 80, 0, 5, 0, 7, 0, 14}));
  const Array picked = a(Array{9, -10});
  EXPECT_EQ(numbers<std::int64_t>(picked), (Integers{14, 70}));
}

}  // namespace
}  // namespace kiln::conformance
