// Misuse of shapes: what does not broadcast, store, reshape or reduce.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Broadcasting ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerSumOnTheSecondCallOfAnotherLine) {
  const Array a = zeros(5), b = zeros(5), c = zeros(6);
  (void)(a * b);
  expect_error<ShapeError>({"'*'", {"f64"}, {"(5,)", "(6,)"}, "newaxis"}, [&] {
    next_line_is_wrong();
    (void)(a * c);
  });
}

auto sweeps = jit([](Array a, Array b, Value steps) {
  auto mid = slice(1, -1), low = slice(_, -2), high = slice(2, _);
  for ([[maybe_unused]] Value step : range(steps)) {
    next_line_is_wrong();
    b(mid, mid) = 0.25 * (a(mid, low) + a(mid, high) + a(low, mid) + a(high, mid));
    a(mid, mid) = 0.25 * (b(mid, low) + b(mid, high) + b(low, mid) + b(high, mid));
  }
});

TEST(Shapes, OfSlicesThatAreStoredInALoop) {
  expect_error<ShapeError>({"'='", {"f64"}, {"(6, 7)", "(8, 7)"}, "slice or broadcast"},
                           [] { sweeps(zeros({10, 9}), zeros({8, 9}), 3); });
}

TEST(Shapes, EagerWhere) {
  const Array c = arange(3) < 2, x = zeros(3), y = zeros(4);
  expect_error<ShapeError>({"'where'", {"f64"}, {"(3,)", "(4,)"}, "equal or 1"}, [&] {
    next_line_is_wrong();
    (void)where(c, x, y);
  });
}

TEST(Shapes, EagerAllclose) {
  const Array a = zeros(3), b = zeros(4);
  expect_error<ShapeError>({"allclose", {"f64"}, {"(3,)", "(4,)"}, "equal or 1"}, [&] {
    next_line_is_wrong();
    (void)allclose(a, b);
  });
}

auto constant_shapes = jit([](Array a) {
  const Array x = zeros({3, 2}), y = zeros({4, 2});
  next_line_is_wrong();
  return a + (x + y);
});

TEST(Shapes, TracedSumOfKnownShapes) {
  expect_error<ShapeError>({"'+'", {"f64"}, {"(3, 2)", "(4, 2)"}, "newaxis"}, [] { constant_shapes(zeros(2)); });
}

auto scaled = vectorize([](Value x, Value y) { return x * y; });

TEST(Shapes, VectorizeOfNoArrayNamesTheLineOfTheCall) {
  expect_error<UsageError>({"argument 2", no_dtypes, no_shapes, "assign an array"}, [] {
    next_line_is_wrong();
    (void)scaled(zeros(3), Array());
  });
}

TEST(Shapes, SumOfAView) {
  static auto call = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a(rest) + b;
  });
  expect_error<ShapeError>({"'+'", {"f64"}, {"(3,)", "(2,)"}, "equal or 1"}, [] { call(zeros(3), zeros(2)); });
}

// ---- Storing --------------------------------------------------------------------------------------------------------

TEST(Shapes, EagerStore) {
  const Array a = zeros({2, 3}, f32), b = arange(2);
  expect_error<ShapeError>({"'='", {"f32", "i64"}, {"(2, 3)", "(2,)"}, "extents must be equal, or 1 on the right"},
                           [&] {
                             next_line_is_wrong();
                             a(rest) = b;
                           });
}

TEST(Shapes, TracedUpdateThatDoesNotFit) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a *= b;
    return a;
  });
  expect_error<ShapeError>({"'*='", {"f64", "i64"}, {"(3,)", "(4,)"}, "extents must be equal"},
                           [] { f(zeros(3), arange(4)); });
}

TEST(Shapes, TracedUpdateOfAHigherRank) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(slice(1, _)) -= b;
  });
  expect_error<ShapeError>({"'-='", {"f64"}, {"(2,)", "(3, 3)"}, "reduce or index"},
                           [] { f(zeros(3), zeros({3, 3})); });
}

TEST(Shapes, TracedStore) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(slice(1, -1), _) = b;
  });
  expect_error<ShapeError>({"'='", {"f64"}, {"(3, 2)", "(4, 2)"}, "extents must be equal, or 1 on the right"},
                           [] { f(zeros({5, 2}), zeros({4, 2})); });
}

// ---- Other shapes ---------------------------------------------------------------------------------------------------

TEST(Shapes, TracedBroadcastTo) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    return a.broadcast_to({n, 2}) + 1;
  });
  expect_error<ShapeError>({"broadcast_to", {"f32"}, {"(3, 2)", "(4, 2)"}, "equal, or 1 in the array"},
                           [] { f(zeros({3, 2}, f32), 4); });
}

TEST(Shapes, EagerDiagonalOfARow) {
  const Array a = zeros(3);
  expect_error<ShapeError>({"diagonal", {"f64"}, {"(3,)"}, "rank 2"}, [&] {
    next_line_is_wrong();
    (void)diagonal(a);
  });
}

TEST(Shapes, TooManyAxes) {
  expect_error<ShapeError>({"an array", no_dtypes, {"(1, 1, 1, 1, 1, 1, 1, 1, 1)"}, "join axes", {"at most 8 axes"}},
                           [] {
                             next_line_is_wrong();
                             (void)zeros({1, 1, 1, 1, 1, 1, 1, 1, 1});
                           });
}

// ---- Empty arrays ---------------------------------------------------------------------------------------------------

TEST(Shapes, SumOfManyAxes) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a + b;
  });
  expect_error<ShapeError>({"'+'", {"f64"}, {"(2, 2, 2, 2, 2, 2, 2, 2)", "(2, 2, 2, 2, 2, 2, 2, 3)"}, "newaxis"},
                           [] { f(zeros({2, 2, 2, 2, 2, 2, 2, 2}), zeros({2, 2, 2, 2, 2, 2, 2, 3})); });
}

// ---- Swap -----------------------------------------------------------------------------------------------------------

TEST(Shapes, TracedSwapOfAView) {
  static auto f = jit([](Array a, Array b) {
    Array row = a(0, _);
    next_line_is_wrong();
    kiln::swap(row, b);
  });
  expect_error<UsageError>({"swap", {"f64"}, {"(3,)"}, "copy() the view"}, [] { f(zeros({3, 3}), zeros(3)); });
}

TEST(Shapes, TracedSwapOfTwoLayouts) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    kiln::swap(a, b);
  });
  expect_error<UsageError>({"swap", {"f64"}, {"(3, 3)"}, "copy() one of them", {"axis 0"}},
                           [] { f(zeros({3, 3}), zeros({3, 3}).T()); });
}

TEST(Shapes, ReadingTheBytesOfAStridedView) {
  const Array a = zeros({3, 4}, bf16);
  expect_error<ShapeError>({"read_bytes()", {"bf16"}, {"(3,)"}, "copy() it first"}, [&] {
    const Array column = a(_, 1);
    next_line_is_wrong();
    (void)column.read_bytes();
  });
}

}  // namespace
