// Misuse of shapes: what does not broadcast, store, reshape or reduce.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Broadcasting ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerSum) {
  const Array a = zeros({2, 3}), b = zeros({2, 4});
  expect_error<ShapeError>({"'+'", {"f64"}, {"(2, 3)", "(2, 4)"}, "newaxis"}, [&] {
    next_line_is_wrong();
    (void)(a + b);
  });
}

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

constexpr unsigned difference_line = __LINE__ + 3;
auto difference = jit([](Array a, Array b) {
  next_line_is_wrong();
  return a - b;
});

TEST(Shapes, TracedDifferenceWithTheNumbersOfTheCall) {
  expect_error<ShapeError>({"'-'", {"f64"}, {"(2, 3)", "(7, 3)"}, "a newaxis may be missing"},
                           [] { difference(zeros({2, 3}), zeros({7, 3})); });
}

TEST(Shapes, TracedDifferenceFoundByASpecializationThatExists) {
  difference(zeros({3, 3}), zeros({3, 3}));
  expect_error<ShapeError>({"'-'", {"f64"}, {"(4, 3)", "(5, 3)"}, "a newaxis may be missing"}, [] {
    announced = {__FILE__, difference_line};  // the guard of the first trace raises it: nothing is traced again
    difference(zeros({4, 3}), zeros({5, 3}));
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

TEST(Shapes, StoreOfAnotherShape) {
  expect_error<ShapeError>({"'='", {"f64", "i32"}, {"(4,)", "(3,)"}, "1 on the right"}, [] {
    const Array m = zeros({2, 4}), row = zeros(3, i32);
    next_line_is_wrong();
    m(0, _) = row;
  });
  // In a trace too.
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(0, _) = b;
  });
  expect_error<ShapeError>({"'='", {"f64", "i32"}, {"(4,)", "(3,)"}, "1 on the right"},
                           [] { f(zeros({2, 4}), zeros(3, i32)); });
}

auto scaled = vectorize([](Value x, Value y) { return x * y; });

TEST(Shapes, VectorizeNamesTheLineOfTheCall) {
  // The second call finds what the first has compiled.
  for (int call = 0; call < 2; ++call)
    expect_error<ShapeError>({"'vectorize'", {"f64", "i64"}, {"(3,)", "(2,)"}, "equal or 1"}, [] {
      next_line_is_wrong();
      (void)scaled(zeros(3), arange(2));
    });
}

TEST(Shapes, VectorizeInlinedNamesTheLineOfTheCall) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    return scaled(a, b) + 1;
  });
  expect_error<ShapeError>({"'vectorize'", {"f64"}, {"(3,)", "(2,)"}, "equal or 1"}, [] { f(zeros(3), zeros(2)); });
}

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

TEST(Shapes, EagerUpdateThatWouldGrow) {
  Array a = zeros(3);
  const Array b = zeros({2, 3});
  expect_error<ShapeError>({"'+='", {"f64"}, {"(2, 3)", "(3,)"}, "extents must be equal"}, [&] {
    next_line_is_wrong();
    a += b;
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
  expect_error<ShapeError>({"'-='", {"f64"}, {"rank 1", "rank 2"}, "reduce or index"},
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

TEST(Shapes, TracedStoreOfAHigherRank) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(rest) = b;
  });
  expect_error<ShapeError>({"'='", {"f64"}, {"rank 2", "rank 1"}, "reduce or index"},
                           [] { f(zeros(3), zeros({3, 3})); });
}

// ---- Other shapes ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerReshape) {
  const Array a = arange(10);
  expect_error<ShapeError>({"reshape", {"i64"}, {"(10,)", "(3, 4)"}, "-1", {"10", "12"}}, [&] {
    next_line_is_wrong();
    (void)a.reshape({3, 4});
  });
}

TEST(Shapes, EagerReshapeWithTwoUnknownExtents) {
  const Array a = arange(12);
  expect_error<ShapeError>({"reshape", {"i64"}, {"(12,)"}, "one extent", {"-1 twice"}}, [&] {
    next_line_is_wrong();
    (void)a.reshape({-1, -1});
  });
}

TEST(Shapes, TracedReshape) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.reshape({3, 4});
  });
  expect_error<ShapeError>({"reshape", {"i64"}, {"(10,)", "(3, 4)"}, "must stay"}, [] { f(arange(10)); });
}

TEST(Shapes, EagerReshapeToNegativeExtents) {
  const Array a = arange(10);
  expect_error<ShapeError>({"an array", {"i64"}, {"(-2, -5)"}, "0 or more", {"negative"}}, [&] {
    next_line_is_wrong();
    (void)a.reshape({-2, -5});
  });
}

TEST(Shapes, TracedReshapeToNegativeExtents) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    return a.reshape({n, n - 3});
  });
  expect_error<ShapeError>({"reshape", {"i64"}, {"(10,)", "(-2, -5)"}, "negative"}, [] { f(arange(10), -2); });
}

TEST(Shapes, TracedReshapeWithTwoUnknownExtents) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.reshape({-1, -1});
  });
  expect_error<ShapeError>({"reshape", {"i64"}, {"rank 1"}, "one extent (-1)", {"-1 twice"}}, [] { f(arange(12)); });
}

TEST(Shapes, EagerBroadcastTo) {
  const Array a = zeros({3, 2});
  expect_error<ShapeError>({"broadcast_to", {"f64"}, {"(3, 2)", "(4, 2)"}, "equal, or 1 in the array"}, [&] {
    next_line_is_wrong();
    (void)a.broadcast_to({4, 2});
  });
}

TEST(Shapes, EagerBroadcastToANegativeExtent) {
  const Array a = zeros(1);
  expect_error<ShapeError>({"broadcast_to", {"f64"}, {"(1,)", "(-2,)"}, "none negative"}, [&] {
    next_line_is_wrong();
    (void)a.broadcast_to(-2);
  });
}

TEST(Shapes, TracedBroadcastTo) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    return a.broadcast_to({n, 2}) + 1;
  });
  expect_error<ShapeError>({"broadcast_to", {"f32"}, {"(3, 2)", "(4, 2)"}, "equal, or 1 in the array"},
                           [] { f(zeros({3, 2}, f32), 4); });
}

TEST(Shapes, TracedBroadcastToOfALowerRank) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.broadcast_to(2) + 1;
  });
  expect_error<ShapeError>({"broadcast_to", {"f64"}, {"rank 2", "rank 1"}, "index"}, [] { f(zeros({3, 2})); });
}

TEST(Shapes, EagerDiagonalOfARow) {
  const Array a = zeros(3);
  expect_error<ShapeError>({"diagonal", {"f64"}, {"(3,)"}, "rank 2"}, [&] {
    next_line_is_wrong();
    (void)diagonal(a);
  });
}

TEST(Shapes, TracedTraceOfARow) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return trace(a);
  });
  expect_error<ShapeError>({"trace", {"f64"}, {"rank 1"}, "needs rank 2"}, [] { f(zeros(3)); });
}

TEST(Shapes, EagerTraceOfARow) {
  const Array a = zeros(3);
  expect_error<ShapeError>({"trace", {"f64"}, {"(3,)"}, "needs rank 2"}, [&] {
    next_line_is_wrong();
    (void)trace(a);
  });
}

TEST(Shapes, DotOfMatrices) {
  const Array a = zeros({3, 3}), b = zeros(3);
  expect_error<ShapeError>({"dot", {"f64"}, {"(3, 3)", "(3,)"}, "sum(a * b"}, [&] {
    next_line_is_wrong();
    (void)dot(a, b);
  });
}

TEST(Shapes, DotOfTwoLengths) {
  const Array a = zeros(3), b = zeros(4);
  expect_error<ShapeError>({"dot", {"f64"}, {"(3,)", "(4,)"}, "a(slice(_, n))"}, [&] {
    next_line_is_wrong();
    (void)dot(a, b);
  });
}

TEST(Shapes, EagerNegativeExtent) {
  expect_error<ShapeError>({"an array", {"f64"}, {"(-3,)"}, "0 or more", {"negative"}}, [] {
    next_line_is_wrong();
    (void)zeros(-3);
  });
}

TEST(Shapes, TracedNegativeExtent) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    return a + zeros(a.shape(0) - n);
  });
  expect_error<ShapeError>({"a new ", {"f64"}, {"(-2,)"}, "0 or more", {"negative"}}, [] { f(zeros(3), 5); });
}

TEST(Shapes, TooManyAxes) {
  expect_error<ShapeError>({"an array", no_dtypes, {"(1, 1, 1, 1, 1, 1, 1, 1, 1)"}, "join axes", {"at most 8 axes"}},
                           [] {
                             next_line_is_wrong();
                             (void)zeros({1, 1, 1, 1, 1, 1, 1, 1, 1});
                           });
}

// ---- Empty arrays ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerViewOfTooManyAxes) {
  const Array a = zeros({1, 1, 1, 1, 1, 1, 1, 1});
  expect_error<ShapeError>({"a view", {"f64"}, {"(1, 1, 1, 1, 1, 1, 1, 1)"}, "join axes"}, [&] {
    next_line_is_wrong();
    (void)a(newaxis, rest);
  });
}

TEST(Shapes, TracedViewOfTooManyAxes) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a(rest, newaxis) + 1;
  });
  expect_error<ShapeError>({"a view", {"f64"}, {"rank 8"}, "join axes"}, [] { f(zeros({1, 1, 1, 1, 1, 1, 1, 1})); });
}

TEST(Shapes, SumOfManyAxes) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a + b;
  });
  expect_error<ShapeError>({"'+'", {"f64"}, {"(2, 2, 2, 2, 2, 2, 2, 2)", "(2, 2, 2, 2, 2, 2, 2, 3)"}, "newaxis"},
                           [] { f(zeros({2, 2, 2, 2, 2, 2, 2, 2}), zeros({2, 2, 2, 2, 2, 2, 2, 3})); });
}

TEST(Shapes, EagerMaximumOfNothing) {
  const Array a = zeros({0, 3});
  expect_error<ShapeError>({"'max'", {"f64"}, {"(0, 3)"}, "test size() first"}, [&] {
    next_line_is_wrong();
    (void)max(a);
  });
}

TEST(Shapes, TracedMinimumAlongAnEmptyAxis) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return min(a, {.axis = 0});
  });
  expect_error<ShapeError>({"'min'", {"f64"}, {"(0, 3)"}, "test the extents first"}, [] { f(zeros({0, 3})); });
}

TEST(Shapes, ItemOfSeveral) {
  const Array a = zeros({2, 3});
  expect_error<ShapeError>({"item()", {"f64"}, {"(2, 3)"}, "needs exactly one element"}, [&] {
    next_line_is_wrong();
    (void)a.item();
  });
}

// ---- Swap -----------------------------------------------------------------------------------------------------------

TEST(Shapes, TracedSwapOfTwoExtents) {
  static auto f = jit([](Array a, Array b, Value n) {
    for (Value t : range(n)) {
      b(rest) = 1.0 * t;
      next_line_is_wrong();
      kiln::swap(a, b);
    }
  });
  expect_error<ShapeError>({"swap", {"f64"}, {"(3,)", "(4,)"}, "one shape", {"3", "4"}},
                           [] { f(zeros(3), zeros(4), 2); });
}

TEST(Shapes, TracedSwapOfAView) {
  static auto f = jit([](Array a, Array b) {
    Array row = a(0, _);
    next_line_is_wrong();
    kiln::swap(row, b);
  });
  expect_error<UsageError>({"swap", {"f64"}, {"rank 1"}, "copy() the view"}, [] { f(zeros({3, 3}), zeros(3)); });
}

TEST(Shapes, TracedSwapOfTwoLayouts) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    kiln::swap(a, b);
  });
  expect_error<UsageError>({"swap", {"f64"}, {"(3, 3)"}, "copy() one of them", {"axis 0"}},
                           [] { f(zeros({3, 3}), zeros({3, 3}).T()); });
}

TEST(Shapes, TracedSwapOfTwoDtypes) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    kiln::swap(a, b);
  });
  expect_error<ShapeError>({"swap", {"f32", "f64"}, {"rank 1"}, "one dtype and shape"},
                           [] { f(zeros(3, f32), zeros(3)); });
}

TEST(Shapes, ReadingAStridedView) {
  const Array a = zeros({3, 4});
  expect_error<ShapeError>({"read()", {"f64"}, {"(3,)"}, "copy() it first"}, [&] {
    const Array column = a(_, 1);
    next_line_is_wrong();
    (void)column.read<double>();
  });
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
