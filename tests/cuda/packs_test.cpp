// Loops whose threads have several elements at once: where packs begin, end, are not aligned, or cannot be made.
#include "tests/cuda/programs.h"

namespace kiln {
namespace {

using Packs = test::OnGpuPrograms;

// Numbers that do not repeat with a short period, from -1 to 1 or so that their integers differ.
Array numbers(std::int64_t n, DType dtype) {
  const Array x = sin(arange(n).astype(f64) * 12.9898) * 43758.5453;
  return dtype.is_floating() || dtype.is_complex() ? (x - floor(x)).astype(dtype)
                                                   : (x - floor(x / 100) * 100).astype(dtype);
}

const auto triad = jit([](Array b, Array c) { return b + c * c; });

TEST_F(Packs, EveryLengthAndEveryStart) {
  for (const DType dtype : {i8, f16, f32, f64, c64, c128})
    for (const std::int64_t length : {1, 7, 1025, 5003}) {
      SCOPED_TRACE(dtype.name() + (" of " + std::to_string(length)));
      const Array b = numbers(length + 20, dtype), c = numbers(length + 20, dtype) * b;
      for (const std::int64_t start : {0, 1, 3, 16})
        for (const std::int64_t other : {0, 1})
          same(triad, [&](const auto& f) {
            return std::vector<Array>{
                f(b(slice(start, start + length)), c(slice(start + other, start + other + length)))};
          });
      ASSERT_FALSE(HasFailure());
    }
}

TEST_F(Packs, ElementsOfSeveralWidths) {
  const auto mixed = jit([](Array small, Array middle, Array wide) {
    return std::tuple(wide + middle * small, small > 3, where(wide < middle, small, 0));
  });
  for (const std::int64_t length : {5, 3001})
    same(mixed, [&](const auto& f) {
      const auto [a, b, c] = f(numbers(length, i8), numbers(length, f32), numbers(length, f64));
      return std::vector<Array>{a, b, c};
    });
}

TEST_F(Packs, RowsThatAreNotAMultipleOfAPack) {
  const auto stencil = jit([](Array from, Array to) {
    for (auto [i, j] : prange(range(1, from.shape(0) - 1), range(1, from.shape(1) - 1)))
      to(i, j) = from(i, j) + from(i, j - 1) * from(i + 1, j) - from(i - 1, j + 1);
  });
  const auto row = jit([](Array x, Array b) { return x * b + x; });
  for (const DType dtype : {f16, f32, f64})
    for (const std::int64_t columns : {3, 8, 13, 64, 101}) {
      SCOPED_TRACE(dtype.name() + (" of " + std::to_string(columns)));
      const Array x = numbers(17 * columns, dtype).reshape({17, columns}), b = numbers(columns, dtype);
      same(row, [&](const auto& f) { return std::vector<Array>{f(x, b)}; });
      same(row, [&](const auto& f) { return std::vector<Array>{f(x(slice(1, _), slice(1, _)), b(slice(1, _)))}; });
      same(stencil, [&](const auto& f) {
        const Array to = zeros({17, columns}, dtype);
        f(x, to);
        return std::vector<Array>{to};
      });
      ASSERT_FALSE(HasFailure());
    }
}

TEST_F(Packs, ThreeDimensions) {
  const auto scaled = jit([](Array x, Array y) { return x + y * 2; });
  const Array x = numbers(5 * 6 * 11, f32).reshape({5, 6, 11}), y = numbers(6 * 1, f32).reshape({6, 1});
  same(scaled, [&](const auto& f) {
    return std::vector<Array>{f(x, y), f(x(_, slice(1, _), slice(_, 9)), y(slice(1, _), _))};
  });
}

TEST_F(Packs, AnElementWrittenIsReadAgain) {
  const auto twice = jit([](Array a, Array b) {
    for (Value i : prange(a.size())) {
      a(i) += b(i);
      b(i) = a(i) * 3;
      a(i) = b(i) - 1;
    }
  });
  for (const std::int64_t length : {6, 4100})
    same(twice, [&](const auto& f) {
      const Array a = numbers(length, f32), b = numbers(length, f32) * 2;
      f(a, b);
      return std::vector<Array>{a, b};
    });
}

TEST_F(Packs, OneArrayGivenTwice) {
  const auto shifted = jit([](Array to, Array from) { to += from * 2; });
  same(shifted, [&](const auto& f) {
    const Array a = numbers(5000, f32);
    f(a, a);
    f(a(slice(1, _)), a(slice(_, -1)));
    return std::vector<Array>{a};
  });
}

TEST_F(Packs, GatheredElements) {
  const auto gathered = jit([](Array x, Array at, Array row) {
    Array out = empty({row.shape(0), at.shape(0)}, x.dtype());
    for (auto [i, j] : prange(out.shape(0), out.shape(1))) out(i, j) = x(row(i), at(j)) + x(row(i), j);
    return out;
  });
  const Array x = numbers(40 * 53, f32).reshape({40, 53});
  const Array at = numbers(50, i64) % 53, row = numbers(21, i64) % 40;
  same(gathered, [&](const auto& f) { return std::vector<Array>{f(x, at, row)}; });
}

}  // namespace
}  // namespace kiln
