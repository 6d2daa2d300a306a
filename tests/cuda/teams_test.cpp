// Iterations with parallel loops inside, each a team of threads: of every size, over short and long loops.
#include "tests/cuda/programs.h"

namespace kiln {
namespace {

using Teams = test::OnGpuPrograms;

Array numbers(std::int64_t n, DType dtype) {
  const Array x = sin(arange(n).astype(f64) * 12.9898) * 43758.5453;
  return ((x - floor(x) - 0.25) * 16).astype(dtype);
}

// Each row twice, so that nothing straight is reduced: a team has it.
const auto spread = jit([](Array a) {
  Array out = empty_like(a);
  for (Value i : prange(a.shape(0))) {
    Var most(0, a.dtype()), sum(0, a.dtype());
    for (Value j : prange(a.shape(1))) most.max(a(i, j));
    for (Value j : prange(a.shape(1))) {
      out(i, j) = a(i, j) - most;
      sum += out(i, j);
    }
    for (Value j : prange(a.shape(1))) out(i, j) = out(i, j) * sum + a(i, j);
  }
  return out;
});

// A warp, two, four, eight; one turn of all of them, and several.
TEST_F(Teams, OfEverySize) {
  for (const DType dtype : {f16, f32, f64, i8, u16, i64})
    for (const std::int64_t columns : {0, 1, 31, 65, 2048, 2049, 5000, 9000, 40000}) {
      SCOPED_TRACE(dtype.name() + (" of " + std::to_string(columns)));
      const Array a = numbers(3 * columns, dtype).reshape({3, columns});
      same(spread, [&](const auto& f) { return std::vector<Array>{f(a)}; });
      ASSERT_FALSE(HasFailure());
    }
  EXPECT_NE(std::string(spread.on(cuda()).inspect("cuda").c_str()).find("__shared__ kiln_tree"), std::string::npos);
}

// Reductions of different widths in one loop: the narrow has two blocks where the wide has one.
TEST_F(Teams, BlocksOfDifferentLengths) {
  const auto both = jit([](Array a) {
    Array out = empty({a.shape(0), 3}, c128), kept = empty_like(a);
    for (Value i : prange(a.shape(0))) {
      Var sum(0, f32), wide(0, f64), pair(0, c128);
      for (Value j : prange(a.shape(1))) {
        kept(i, j) = a(i, j) * 2;
        sum += a(i, j);
        wide += f64(a(i, j)) * 0.1;
        pair += c128(a(i, j)) * c128(std::complex<double>(1, -2));
      }
      out(i, 0) = sum;
      out(i, 1) = wide;
      out(i, 2) = pair;
    }
    return std::tuple(out, kept);
  });
  for (const std::int64_t columns : {1, 600, 1025, 5000, 20000}) {
    SCOPED_TRACE(columns);
    const Array a = numbers(2 * columns, f32).reshape({2, columns});
    same(both, [&](const auto& f) {
      const auto [out, kept] = f(a);
      return std::vector<Array>{out, kept};
    });
  }
}

// How long the inner loops are is not known before the kernel runs.
TEST_F(Teams, RaggedRows) {
  const auto ragged = jit([](Array a, Array ends) {
    Array out = zeros({ends.shape(0)}, a.dtype()), kept = zeros({ends.shape(0), a.shape(0)}, a.dtype());
    for (Value i : prange(ends.shape(0))) {
      Var sum(0, a.dtype());
      for (Value j : prange(ends(i))) {
        kept(i, j) = a(j) + 1;
        sum += a(j);
      }
      out(i) = sum;
    }
    return std::tuple(out, kept);
  });
  const Array a = numbers(9000, f32), ends = array(std::vector<std::int64_t>{0, 9000, 1, 2049, 64, 4096});
  same(ragged, [&](const auto& f) {
    const auto [out, kept] = f(a, ends);
    return std::vector<Array>{out, kept};
  });
}

}  // namespace
}  // namespace kiln
