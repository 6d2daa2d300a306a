// Loops of a thread's own that reduce: turns in packs, counters in 32 bits, many reductions at once.
#include "tests/cuda/programs.h"

#include <cmath>

namespace kiln {
namespace {

using Turns = test::OnGpuPrograms;

Array numbers(std::int64_t n, DType dtype) {
  const Array x = sin(arange(n).astype(f64) * 12.9898) * 43758.5453;
  return (x - floor(x) - 0.25).astype(dtype);
}

const auto forces = jit([](Array x, Array y, Array mass) {
  Array out = empty({x.size()}, x.dtype());
  for (Value i : prange(x.size())) {
    Var force(0, x.dtype());
    for (Value j : range(x.size())) {
      Value dx = x(j) - x(i), dy = y(j) - y(i);
      force += mass(j) * dx / (dx * dx + dy * dy + 0.5f);
    }
    out(i) = force;
  }
  return out;
});

// Packs of neighbouring turns, where the arrays begin so that there are any, and turns behind the last whole one.
TEST_F(Turns, InPacks) {
  for (const DType dtype : {f16, f32, f64})
    for (const std::int64_t n : {1, 3, 270}) {
      SCOPED_TRACE(dtype.name() + (" of " + std::to_string(n)));
      const Array x = numbers(2 * n + 8, dtype), y = numbers(2 * n + 9, dtype) * 3, mass = numbers(2 * n + 7, dtype);
      const auto forces_of = [&](int a, int b, int c, int step) {
        const auto of = [&](const Array& v, int start) { return v(slice(start, start + n * step, step)); };
        same(forces, [&](const auto& f) { return std::vector<Array>{f(of(x, a), of(y, b), of(mass, c))}; });
      };
      forces_of(0, 0, 0, 1);
      forces_of(4, 0, 0, 1);
      forces_of(1, 2, 3, 1);
      forces_of(0, 0, 0, 2);
      ASSERT_FALSE(HasFailure());
    }
}

TEST_F(Turns, OfRowsAndVectors) {
  const auto product = jit([](Array a, Array x) {
    Array out = empty({a.shape(0)}, f64);
    for (Value i : prange(a.shape(0))) {
      Var sum(0, f64), most(-1e30, f64);
      for (Value j : range(1, a.shape(1))) {
        sum += f64(a(i, j) * x(j));
        most.max(f64(a(i, j - 1)));
      }
      out(i) = sum + most;
    }
    return out;
  });
  const Array a = numbers(50 * 333, f32).reshape({50, 333}), x = numbers(333, f32);
  same(product, [&](const auto& f) {
    return std::vector<Array>{f(a, x), f(a(_, slice(1, _)), x(slice(1, _))), f(a(_, slice(_, 320)), x(slice(_, 320)))};
  });
}

// What is aligned in the first two turns need not be in the third: 0, 0, 2, 6 rows further on.
TEST_F(Turns, RowsThatAreEverFurtherApart) {
  const auto gather = jit([](Array a, Array out, Value turns) {
    for (Value i : prange(out.size())) {
      Var sum(0, f32);
      for (Value j : range(turns)) sum += a(j * j - j, i);
      out(i) = sum;
    }
  });
  for (const std::int64_t columns : {37, 38, 40})
    same(gather, [&](const auto& f) {
      const Array a = numbers(60 * columns, f32).reshape({60, columns}), out = zeros({columns - 2}, f32);
      f(a, out, 8);
      return std::vector<Array>{out};
    });
}

// More than a block of threads has shared memory for, were each to have its own.
TEST_F(Turns, ManyReductionsInOneLoop) {
  const auto moments = jit([](Array x) {
    Var s0(0, f64), s1(0, f64), s2(0, f64), s3(0, f64), s4(0, f64), s5(0, f64), s6(0, f64), s7(0, f64), s8(0, f64),
        s9(0, f64), s10(0, f64), s11(0, f64), s12(0, f64), s13(0, f64);
    Var* const all[] = {&s0, &s1, &s2, &s3, &s4, &s5, &s6, &s7, &s8, &s9, &s10, &s11, &s12, &s13};
    for (Value i : prange(x.size()))
      for (int k = 0; k < 14; ++k) *all[k] += x(i) * (k + 1.5);
    Array out = empty({14}, f64);
    for (int k = 0; k < 14; ++k) out(k) = *all[k];
    return out;
  });
  const auto of_rows = jit([](Array x) {
    Array out = empty({x.shape(0), 14}, f64);
    for (Value r : prange(x.shape(0))) {
      Var s0(0, f64), s1(0, f64), s2(0, f64), s3(0, f64), s4(0, f64), s5(0, f64), s6(0, f64), s7(0, f64), s8(0, f64),
          s9(0, f64), s10(0, f64), s11(0, f64), s12(0, f64), s13(0, f64);
      Var* const all[] = {&s0, &s1, &s2, &s3, &s4, &s5, &s6, &s7, &s8, &s9, &s10, &s11, &s12, &s13};
      for (Value i : prange(x.shape(1)))
        for (int k = 0; k < 14; ++k) *all[k] += x(r, i) * (k + 1.5);
      for (int k = 0; k < 14; ++k) out(r, k) = *all[k];
    }
    return out;
  });
  same(moments, [&](const auto& f) { return std::vector<Array>{f(numbers(9000, f64))}; });
  same(of_rows, [&](const auto& f) { return std::vector<Array>{f(numbers(5 * 2100, f64).reshape({5, 2100}))}; });
}

TEST_F(Turns, Counters) {
  const auto count = jit([](Array x, Array out) {
    for (Value i : prange(x.size())) {
      Var turns(0, i64), large(2147483640, i64), by_element(i64(x(i)), i64);
      while_([&] { return turns < 40 && x(i) * turns < 50; }, [&] { turns += 1; });
      while_([&] { return large < 2147483655; }, [&] { large += 1; });
      while_([&] { return by_element < 4000000000; }, [&] { by_element += 1000000000; });
      out(i) = turns * 3 + large + by_element;
    }
  });
  same(count, [&](const auto& f) {
    const Array out = zeros({300}, i64);
    f(arange(300).astype(f64) * 0.1, out);
    return std::vector<Array>{out};
  });
}

TEST_F(Turns, PreciseFunctions) {
  const auto f = jit([](Array x) { return std::tuple(pow(x, 0.3f), erfc(x), logaddexp(x, 1.0f), exp(x)); });
  const Array x = numbers(2000, f32) + 0.3;
  const auto [p, e, l, g] = f.with({.precise = true, .device = cuda()})(x);
  const auto expect = [&](const Array& actual, auto&& exact) {
    const auto in = x.read<float>(), got = actual.read<float>();
    for (std::size_t k = 0; k < in.size(); ++k) {
      const double right = exact(static_cast<double>(in[k]));
      EXPECT_LE(std::abs(got[k] - right),
                0.51 * std::abs(std::nextafter(static_cast<float>(right), 1e30f) - static_cast<float>(right)))
          << in[k];
    }
  };
  expect(p, [](double v) { return std::pow(v, static_cast<double>(0.3f)); });
  expect(e, [](double v) { return std::erfc(v); });
  expect(g, [](double v) { return std::exp(v); });
  expect(l, [](double v) { return std::max(v, 1.0) + std::log1p(std::exp(-std::abs(v - 1.0))); });

  const auto tangent = jit([](Array v) { return tan(v); });
  EXPECT_NO_THROW(tangent.with({.precise = true, .device = cuda()})(x));
  try {
    tangent.with({.precise = true, .device = cuda()})(x.astype(f64));
    FAIL();
  } catch (const CompileError& error) {
    EXPECT_NE(std::string(error.what()).find("tan of f64 is not within 1 ulp on a GPU"), std::string::npos)
        << error.what();
    EXPECT_NE(error.line(), 0u);
  }
}

}  // namespace
}  // namespace kiln
