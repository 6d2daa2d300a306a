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

TEST_F(Teams, OfManyIterations) {
  const Array a = numbers(700 * 70, f32).reshape({700, 70});
  same(spread, [&](const auto& f) { return std::vector<Array>{f(a)}; });
}

// The body branches: a warp for each block of the order, of reductions of different lanes.
TEST_F(Teams, WarpsOfBlocks) {
  const auto both = jit([](Array a) {
    Var sum(0, f32), wide(0, f64), pair(0, c128);
    for (Value i : prange(a.size())) {
      if_(a(i) > 0, [&] { sum += a(i); }, [&] { wide += f64(a(i)); });
      pair += c128(a(i)) * c128(std::complex<double>(1, -2));
    }
    return std::tuple(Value(sum), Value(wide), Value(pair));
  });
  for (const std::int64_t n : {0, 1, 600, 2049, 30000}) {
    const Array a = numbers(n, f32);
    same(both, [&](const auto& f) {
      const auto [sum, wide, pair] = f(a);
      return std::vector<Array>{full({1}, sum), full({1}, wide), full({1}, pair)};
    });
  }
}

// Arrays of the team's own and of its threads'.
TEST_F(Teams, LocalArrays) {
  const auto local = jit([](Array a) {
    Array out = empty({a.shape(0)}, a.dtype());
    for (Value i : prange(a.shape(0))) {
      Array row = empty({a.shape(1)}, a.dtype());
      for (Value j : prange(a.shape(1))) {
        Array few = zeros({3}, a.dtype());
        for (Value k : range(9)) few(k % 3) += a(i, (j + k) % a.shape(1));
        row(j) = few(0) - few(1) * few(2);
      }
      Var sum(0, a.dtype());
      for (Value j : prange(a.shape(1))) {
        row(j) = row(j) * 2;
        sum += row(j);
      }
      out(i) = sum;
    }
    return out;
  });
  for (const std::int64_t columns : {1, 40, 300}) {
    const Array a = numbers(3 * columns, f64).reshape({3, columns});
    same(local, [&](const auto& f) { return std::vector<Array>{f(a)}; });
  }
}

// What other teams change meanwhile one thread reads for all of its team.
TEST_F(Teams, DistancesThatOthersChange) {
  const auto relax = jit([](Array first, Array to, Array length, Array distance) {
    for (Value u : prange(first.size() - 1)) {
      Value d = distance(u);
      if_(d < 1000, [&] {
        for (Value e : prange(range(first(u), first(u + 1)))) atomic_min(distance(to(e)), d + length(e));
      });
    }
  });
  const std::int64_t n = 60, degree = 5;
  const Array first = arange(n + 1) * degree, edge = arange(n * degree);
  const Array to = (edge * 7 + 3) % n, length = edge % 11 + 1;
  // From everywhere at once, until nothing changes: the same whatever the order.
  same(relax, [&](const auto& f) {
    const Array distance = full({n}, 1000, i64);
    distance(0) = 0;
    for (int round = 0; round < 30; ++round) f(first, to, length, distance);
    return std::vector<Array>{distance};
  });
  EXPECT_NE(std::string(relax.on(cuda()).inspect("cuda").c_str()).find("told_"), std::string::npos);
}

// An iteration that fails in a loop that a team reduces: the first of them is told, by every size of team.
TEST_F(Teams, IterationsThatFail) {
  const auto gather = jit([](Array a, Array at) {
    Array out = empty({at.shape(0)}, c128), kept = zeros({at.shape(0), at.shape(1)}, f64);
    for (Value i : prange(at.shape(0))) {
      Var sum(0, c128), narrow(0, f32);
      for (Value j : prange(at.shape(1))) {
        kept(i, j) = 1;
        sum += c128(a(at(i, j)));
        narrow += f32(a(at(i, j)));
      }
      out(i) = sum + c128(narrow);
    }
    return out;
  });
  const Array a = numbers(50, f64);
  const auto error_of = [&](const auto& f, const Array& at) -> std::string {
    try {
      f(a, at)(0).as_bool();
    } catch (const IndexError& e) {
      return e.what();
    }
    return "no error";
  };
  for (const std::int64_t columns : {3, 700, 9000})
    for (const std::int64_t wrong : {std::int64_t{0}, columns / 2, columns - 1}) {
      const Array at = (arange(3 * columns) % 50).reshape({3, columns});
      at(1, wrong) = 50 + wrong;
      at(2, 0) = -7;
      const std::string wanted = error_of(gather.with({.interpret = true}), at);
      EXPECT_NE(wanted.find("index out of bounds: "), std::string::npos) << wanted;
      for (const auto order : {kiln_simulated_order_forward, kiln_simulated_order_reverse}) {
        if (!test::set_order(order) && order == kiln_simulated_order_reverse) break;
        EXPECT_EQ(error_of(gather.with({.bounds_check = true, .device = cuda()}), at), wanted);
      }
    }
}

}  // namespace
}  // namespace kiln
