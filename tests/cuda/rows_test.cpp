// Reductions of everything and along axes: rows shorter than the lanes, of one block of the order, of several tiles.
#include "tests/cuda/programs.h"

namespace kiln {
namespace {

using Rows = test::OnGpuPrograms;

// Numbers of many sizes, so that another order of additions has other bits.
Array numbers(std::int64_t n, DType dtype) {
  const Array x = sin(arange(n).astype(f64) * 12.9898) * 43758.5453, fraction = x - floor(x);
  return dtype.is_floating() || dtype.is_complex() ? (exp(fraction * 9 - 5)).astype(dtype)
                                                   : (fraction * 100).astype(dtype);
}

struct Extents {
  std::int64_t rows, columns;
};
constexpr Extents extents[] = {{0, 5},    {5, 0},    {1000, 3}, {300, 16},  {7, 64},     {7, 65},
                               {9, 2048}, {9, 2049}, {3, 5000}, {2, 35000}, {1, 140000}, {40, 333}};

const auto sum_rows = jit([](Array x) { return sum(x, {.axis = 1}); });
const auto sum_columns = jit([](Array x) { return sum(x, {.axis = 0}); });
const auto sum_all = jit([](Array x) { return sum(x); });

Array as_array(const Value& v) {
  const Array a = empty(Shape({}), v.dtype());
  a(rest) = v;
  return a;
}

TEST_F(Rows, SumsOfEveryShape) {
  for (const DType dtype : {f32, f64, f16, c128})
    for (const Extents e : extents) {
      SCOPED_TRACE(dtype.name() + (" of " + std::to_string(e.rows) + " x " + std::to_string(e.columns)));
      const Array x = numbers(e.rows * e.columns, dtype).reshape({e.rows, e.columns});
      same(sum_rows, [&](const auto& f) { return std::vector<Array>{f(x)}; });
      same(sum_columns, [&](const auto& f) { return std::vector<Array>{f(x), f(x.T())}; });
      same(sum_all, [&](const auto& f) { return std::vector<Array>{as_array(f(x)), as_array(f(x.T()))}; });
      ASSERT_FALSE(HasFailure());
    }
}

TEST_F(Rows, OtherReductions) {
  const auto several = jit([](Array x, Array y) {
    return std::tuple(sum(x * y, {.axis = 1}), max(x, {.axis = 1}), mean(y, {.axis = 1}), all(x > 0, {.axis = 1}));
  });
  for (const DType dtype : {i8, u16, f32, c64})
    for (const Extents e : {Extents{300, 16}, Extents{9, 2049}, Extents{2, 35000}}) {
      if (dtype == c64) continue;
      SCOPED_TRACE(dtype.name() + (" of " + std::to_string(e.rows) + " x " + std::to_string(e.columns)));
      const Array x = numbers(e.rows * e.columns, dtype).reshape({e.rows, e.columns}), y = x - 1;
      same(several, [&](const auto& f) {
        const auto [a, b, c, d] = f(x, y);
        return std::vector<Array>{a, b, c, d};
      });
      ASSERT_FALSE(HasFailure());
    }
}

TEST_F(Rows, RowsThatAreNotAligned) {
  const auto weighted = jit([](Array x, Array w) {
    Array out = empty({x.shape(0)}, x.dtype());
    for (Value i : prange(x.shape(0))) {
      Var total(0, f64);
      for (Value j : prange(x.shape(1))) total += f64(x(i, j) * w(i));
      out(i) = total + w(i);
    }
    return out;
  });
  const Array x = numbers(40 * 5003, f32).reshape({40, 5003}), w = numbers(40, f32);
  for (const int start : {0, 1, 4})
    for (const int step : {1, 3})
      same(weighted, [&](const auto& f) { return std::vector<Array>{f(x(_, slice(start, 5001, step)), w)}; });
}

// A few rows at a time, in packs where they are aligned, each of its threads with some elements or none.
TEST_F(Rows, ShortRows) {
  const auto several = jit([](Array x, Array y) {
    return std::tuple(sum(x, {.axis = 1}), max(x * y, {.axis = 1}), sum(x * y + 1, {.axis = 1}));
  });
  for (const DType dtype : {f16, f32, c128})
    for (const std::int64_t rows : {1, 300})
      for (const std::int64_t columns : {1, 7, 16}) {
        SCOPED_TRACE(dtype.name() + (" of " + std::to_string(rows) + " x " + std::to_string(columns)));
        const Array all = numbers(rows * 40, dtype).reshape({rows, 40}), other = all * 2;
        for (const int start : {0, 1})
          same(several, [&](const auto& f) {
            const auto cut = [&](const Array& a) { return a(_, slice(start, start + columns)); };
            const auto [a, b, c] = f(cut(all), cut(other).copy());
            return std::vector<Array>{a, b, c};
          });
        ASSERT_FALSE(HasFailure());
      }
}

// Rows that are not one after the other: as an array says, or ever further apart.
TEST_F(Rows, ShortRowsFromAnywhere) {
  const auto gathered = jit([](Array x, Array at) {
    Array out = empty({at.size(), 3}, x.dtype());
    for (Value i : prange(at.size())) {
      Var a(0, f32);
      for (Value j : prange(x.shape(1))) a += x(at(i), j);
      out(i, 0) = a;
    }
    for (Value i : prange(at.size())) {
      Var b(0, f32);
      for (Value j : prange(x.shape(1))) b += x(i * i - i, j);
      out(i, 1) = b;
    }
    for (Value i : prange(at.size())) {
      Var c(0, f32);
      for (Value j : prange(x.shape(1))) c += x(i * 2 + 1, j) * x(at(0), j);
      out(i, 2) = c;
    }
    return out;
  });
  for (const std::int64_t columns : {5, 16, 18}) {
    const Array x = numbers(100 * columns, f32).reshape({100, columns}), at = arange(10) * 37 % 100;
    same(gathered, [&](const auto& f) { return std::vector<Array>{f(x, at)}; });
  }
}

TEST_F(Rows, ConditionsAndSeveralLoops) {
  const auto f = jit([](Array a, Array b) {
    Var positive = 0.0, least(1e9, f32), count(0, i64);
    for (auto [i, j] : prange(a.shape(0), a.shape(1))) {
      if_(a(i, j) > 0.1, [&] { positive += a(i, j) * b(i, j); });
      least.min(b(i, j) - a(i, j));
      count += where(b(i, j) > a(i, j), 1, 0);
    }
    return std::tuple(positive + 0.0, least + 0, count + 0, sum(where(a > 0.5, a * b, 0)));
  });
  const Array a = numbers(60 * 701, f32).reshape({60, 701}), b = a(slice(_, _, -1), _).copy() * 0.9;
  same(f, [&](const auto& g) {
    const auto [p, l, c, s] = g(a, b);
    return std::vector<Array>{as_array(p), as_array(l), as_array(c), as_array(s)};
  });
}

}  // namespace
}  // namespace kiln
