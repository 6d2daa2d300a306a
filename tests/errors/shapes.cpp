// Misuse of shapes: what does not broadcast, store, reshape or reduce.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// ---- Broadcasting ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerSum) {
  const Array a = zeros({2, 3}), b = zeros({2, 4});
  expect_error<ShapeError>({"'+'", {"(2, 3)", "(2, 4)"}, "newaxis"}, [&] {
    next_line_is_wrong();
    (void)(a + b);
  });
}

TEST(Shapes, EagerSumOnTheSecondCallOfAnotherLine) {
  const Array a = zeros(5), b = zeros(5), c = zeros(6);
  (void)(a * b);
  expect_error<ShapeError>({"'*'", {"(5,)", "(6,)"}, "newaxis"}, [&] {
    next_line_is_wrong();
    (void)(a * c);
  });
}

TEST(Shapes, EagerWhere) {
  const Array c = arange(3) < 2, x = zeros(3), y = zeros(4);
  expect_error<ShapeError>({"'where'", {"(3,)", "(4,)"}, "equal or 1"}, [&] {
    next_line_is_wrong();
    (void)where(c, x, y);
  });
}

TEST(Shapes, EagerAllclose) {
  const Array a = zeros(3), b = zeros(4);
  expect_error<ShapeError>({"allclose", {"(3,)", "(4,)"}, "equal or 1"}, [&] {
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
  expect_error<ShapeError>({"'-'", {"(2, 3)", "(7, 3)"}, "a newaxis may be missing"},
                           [] { difference(zeros({2, 3}), zeros({7, 3})); });
}

TEST(Shapes, TracedDifferenceFoundByASpecializationThatExists) {
  difference(zeros({3, 3}), zeros({3, 3}));
  expect_error<ShapeError>({"'-'", {"(4, 3)", "(5, 3)"}, "a newaxis may be missing"}, [] {
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
  expect_error<ShapeError>({"'+'", {"(3, 2)", "(4, 2)"}, "newaxis"}, [] { constant_shapes(zeros(2)); });
}

TEST(Shapes, StoreOfAnotherShape) {
  expect_error<ShapeError>({"'='", {"i32 and shape (3,)", "f64 and shape (4,)"}, "1 on the right"}, [] {
    const Array m = zeros({2, 4}), row = zeros(3, i32);
    next_line_is_wrong();
    m(0, _) = row;
  });
  // The shape of what is stored stands first, in a trace too.
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(0, _) = b;
  });
  expect_error<ShapeError>({"'='", {"i32 and shape (3,)", "f64 and shape (4,)"}, "1 on the right"},
                           [] { f(zeros({2, 4}), zeros(3, i32)); });
}

auto scaled = vectorize([](Value x, Value y) { return x * y; });

TEST(Shapes, Vectorize) {
  static auto call = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a(rest) + b;
  });
  expect_error<ShapeError>({"'+'", {"(3,)", "(2,)"}, "equal or 1"}, [] { call(zeros(3), zeros(2)); });
  EXPECT_THROW(scaled(zeros(3), zeros(2)), ShapeError);
}

// ---- Storing --------------------------------------------------------------------------------------------------------

TEST(Shapes, EagerStore) {
  const Array a = zeros({2, 3}, f32), b = arange(2);
  expect_error<ShapeError>({"'='", {"(2, 3)", "(2,)", "f32", "i64"}, "extents must be equal, or 1 on the right"}, [&] {
    next_line_is_wrong();
    a(rest) = b;
  });
}

TEST(Shapes, EagerUpdateThatWouldGrow) {
  Array a = zeros(3);
  const Array b = zeros({2, 3});
  expect_error<ShapeError>({"'='", {"(2, 3)", "(3,)"}, "extents must be equal"}, [&] {
    next_line_is_wrong();
    a += b;
  });
}

TEST(Shapes, TracedStore) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(slice(1, -1), _) = b;
  });
  expect_error<ShapeError>({"'='", {"(3, 2)", "(4, 2)"}, "extents must be equal, or 1 on the right"},
                           [] { f(zeros({5, 2}), zeros({4, 2})); });
}

TEST(Shapes, TracedStoreOfAHigherRank) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    a(rest) = b;
  });
  expect_error<ShapeError>({"'='", {"rank 2", "rank 1", "f64"}, "reduce or index"}, [] { f(zeros(3), zeros({3, 3})); });
}

// ---- Other shapes ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerReshape) {
  const Array a = arange(10);
  expect_error<ShapeError>({"reshape", {"(10,)", "(3, 4)", "10", "12"}, "-1"}, [&] {
    next_line_is_wrong();
    (void)a.reshape({3, 4});
  });
}

TEST(Shapes, EagerReshapeWithTwoUnknownExtents) {
  const Array a = arange(12);
  expect_error<ShapeError>({"reshape", {"(12,)", "-1 twice"}, "one extent"}, [&] {
    next_line_is_wrong();
    (void)a.reshape({-1, -1});
  });
}

TEST(Shapes, TracedReshape) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.reshape({3, 4});
  });
  expect_error<ShapeError>({"reshape", {"10", "12"}, "must stay"}, [] { f(arange(10)); });
}

TEST(Shapes, TracedReshapeWithTwoUnknownExtents) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.reshape({-1, -1});
  });
  expect_error<ShapeError>({"reshape", {"two"}, "one extent (-1)"}, [] { f(arange(12)); });
}

TEST(Shapes, EagerBroadcastTo) {
  const Array a = zeros({3, 2});
  expect_error<ShapeError>({"broadcast_to", {"(3, 2)", "(4, 2)"}, "equal or 1"}, [&] {
    next_line_is_wrong();
    (void)a.broadcast_to({4, 2});
  });
}

TEST(Shapes, TracedBroadcastToOfALowerRank) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.broadcast_to(2) + 1;
  });
  expect_error<ShapeError>({"broadcast_to", {"rank 2", "rank 1"}, "index"}, [] { f(zeros({3, 2})); });
}

TEST(Shapes, EagerDiagonalOfARow) {
  const Array a = zeros(3);
  expect_error<ShapeError>({"diagonal", {"(3,)"}, "rank 2"}, [&] {
    next_line_is_wrong();
    (void)diagonal(a);
  });
}

TEST(Shapes, TracedTraceOfARow) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return trace(a);
  });
  expect_error<ShapeError>({"diagonal", {"1"}, "rank 2"}, [] { f(zeros(3)); });
}

TEST(Shapes, DotOfMatrices) {
  const Array a = zeros({3, 3}), b = zeros(3);
  expect_error<ShapeError>({"dot", {"rank 1", "2 and 1"}, "sum(a * b"}, [&] {
    next_line_is_wrong();
    (void)dot(a, b);
  });
}

TEST(Shapes, DotOfTwoLengths) {
  const Array a = zeros(3), b = zeros(4);
  expect_error<ShapeError>({"dot", {"3 and 4 elements", "f64"}, "a(slice(_, n))"}, [&] {
    next_line_is_wrong();
    (void)dot(a, b);
  });
}

TEST(Shapes, EagerNegativeExtent) {
  expect_error<ShapeError>({"an array", {"negative", "(-3,)"}, "0 or more"}, [] {
    next_line_is_wrong();
    (void)zeros(-3);
  });
}

TEST(Shapes, TracedNegativeExtent) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    return a + zeros(a.shape(0) - n);
  });
  expect_error<ShapeError>({"new array", {"negative", "-2"}, "0 or more"}, [] { f(zeros(3), 5); });
}

TEST(Shapes, TooManyAxes) {
  expect_error<ShapeError>({"arrays have", {"at most 8 axes"}, "join axes"}, [] {
    next_line_is_wrong();
    (void)zeros({1, 1, 1, 1, 1, 1, 1, 1, 1});
  });
}

// ---- Empty arrays ---------------------------------------------------------------------------------------------------

TEST(Shapes, EagerMaximumOfNothing) {
  const Array a = zeros({0, 3});
  expect_error<ShapeError>({"'max'", {"(0, 3)"}, "test size() first"}, [&] {
    next_line_is_wrong();
    (void)max(a);
  });
}

TEST(Shapes, TracedMinimumAlongAnEmptyAxis) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return min(a, {.axis = 0});
  });
  expect_error<ShapeError>({"'min'", {"(0, 3)"}, "test the extents first"}, [] { f(zeros({0, 3})); });
}

TEST(Shapes, ItemOfSeveral) {
  const Array a = zeros({2, 3});
  expect_error<ShapeError>({"item()", {"(2, 3)"}, "needs exactly one element"}, [&] {
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
  expect_error<ShapeError>({"swap", {"3", "4"}, "one shape"}, [] { f(zeros(3), zeros(4), 2); });
}

TEST(Shapes, TracedSwapOfTwoDtypes) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    kiln::swap(a, b);
  });
  expect_error<ShapeError>({"swap", {"f32", "f64", "rank 1"}, "one dtype and shape"},
                           [] { f(zeros(3, f32), zeros(3)); });
}

TEST(Shapes, ReadingAStridedView) {
  const Array a = zeros({3, 4});
  expect_error<ShapeError>({"read()", {"(3,)", "f64"}, "copy() it first"}, [&] {
    const Array column = a(_, 1);
    next_line_is_wrong();
    (void)column.read<double>();
  });
}

}  // namespace
