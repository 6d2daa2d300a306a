// Misuse of index arrays, masks, atomic updates and functions of shapes.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// The same error compiled, interpreted, and where the body may run there, in plain code.
template <class E, class Body>
void expect_everywhere(Body, const Message& message, const auto&... arguments) {
  const auto f = jit(Body{});
  for (const bool interpret : {false, true}) {
    SCOPED_TRACE(interpret ? "interpreted" : "compiled");
    expect_error<E>(message, [&] { (void)f.with({.interpret = interpret})(arguments...); });
  }
}

template <class E, class Body>
void expect_eager_too(Body body, const Message& message, const auto&... arguments) {
  expect_everywhere<E>(body, message, arguments...);
  Message eager = message;
  for (std::string& shape : eager.shapes)
    if (shape.starts_with("rank ")) shape = "(";
  SCOPED_TRACE("eager");
  expect_error<E>(eager, [&] { (void)body(arguments...); });
}

// ---- Index arrays ---------------------------------------------------------------------------------------------------

TEST(Selections, IndexBeforeTheStart) {
  expect_eager_too<IndexError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        return Array(a(_, at));
      },
      {"index -5 of an index array", {"f32"}, {"(2, 4)"}, "valid are -4 to 3", {"axis 1"}}, zeros({2, 4}, f32),
      Array{-5, 0});
}

TEST(Selections, IndexOfAnEmptyArray) {
  expect_eager_too<IndexError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        return Array(a(at));
      },
      {"index 0", {"f64"}, {"(0,)"}, "valid are", {"0 elements"}}, zeros(0), Array{0});
}

TEST(Selections, HugeUnsignedIndex) {
  expect_eager_too<IndexError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        return Array(a(at));
      },
      {"index 9223372036854775807", {"f64"}, {"(3,)"}, "valid are -3 to 2"}, zeros(3), full(2, -1).astype(u64));
}

TEST(Selections, TheGreatestIndex) {
  expect_eager_too<IndexError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        return Array(a(at));
      },
      {"index 9223372036854775807", {"f64"}, {"(3,)"}, "valid are -3 to 2"}, zeros(3), full(2, INT64_MAX));
  expect_eager_too<IndexError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        return Array(a(at));
      },
      {"index -9223372036854775808", {"f64"}, {"(3,)"}, "valid are -3 to 2"}, zeros(3), full(2, INT64_MIN));
}

// Nothing is written where one index is outside.
TEST(Selections, StoreBeyondTheEnd) {
  const Array a = zeros(3);
  expect_eager_too<IndexError>(
      [](Array x, Array at) {
        next_line_is_wrong();
        x(at) = 1.0;
      },
      {"index 7", {"f64"}, {"(3,)"}, "valid are -3 to 2"}, a, Array{0, 7});
  EXPECT_EQ(double(a(0)), 0);
}

TEST(Selections, UpdateBeyondTheEnd) {
  expect_eager_too<IndexError>(
      [](Array x, Array at) {
        next_line_is_wrong();
        x(at) += 1;
      },
      {"index -4", {"i64"}, {"(3,)"}, "valid are -3 to 2"}, arange(3), Array{0, -4});
}

TEST(Selections, MoreIndexArraysThanAxes) {
  expect_eager_too<IndexError>(
      [](Array a, Array i) {
        next_line_is_wrong();
        return Array(a(i, i));
      },
      {"a view", {"f64"}, {"(3,)"}, "newaxis", {"2 positions"}}, zeros(3), Array{0});
}

TEST(Selections, ANumberBesideAnIndexArray) {
  expect_eager_too<IndexError>(
      [](Array a, Array i) {
        next_line_is_wrong();
        return Array(a(1, i));
      },
      {"indexing", {"f64"}, {"(3, 3)"}, "a(2, _)(indices)", {"a number at once"}}, zeros({3, 3}), Array{0});
}

TEST(Selections, StoreOfAnotherShape) {
  expect_eager_too<ShapeError>(
      [](Array a, Array at, Array x) {
        next_line_is_wrong();
        a(at) = x;
      },
      {"'='", {"f64", "i64"}, {"(2,)", "(3,)"}, "broadcast the right side"}, zeros(5), Array{0, 1}, arange(3));
}

TEST(Selections, StoreOfANumberThatDoesNotFit) {
  expect_eager_too<DTypeError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        a(at) = 300;
      },
      {"'='", {"u8"}, {"(5,)"}, "cast it", {"300"}}, zeros(5, u8), Array{0, 1});
}

TEST(Selections, UpdateThatWouldNotStayOfItsDtype) {
  expect_eager_too<DTypeError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        a(at) += 0.5;
      },
      {"'+='", {"i32", "f64"}, {"(2,)"}, "i32(x)"}, zeros(5, i32), Array{0, 1});
}

TEST(Selections, StoreIntoAReadOnlyArray) {
  expect_eager_too<UsageError>(
      [](Array a, Array at) {
        next_line_is_wrong();
        a(at) = 1;
      },
      {"'='", {"f64"}, {"(5,)"}, "copy() it first", {"read-only"}}, zeros(5).as_read_only(), Array{0, 1});
}

TEST(Selections, InsideAParallelLoop) {
  expect_everywhere<IndexError>(
      [](Array a, Array at, Array out) {
        for (Value i : prange(out.shape(0))) {
          next_line_is_wrong();
          out(i) = sum(a(at));
        }
      },
      {"index 5 of an index array", {"f64"}, {"(3,)"}, "valid are -3 to 2"}, zeros(3), Array{0, 5}, zeros(2));
}

// ---- Masks ----------------------------------------------------------------------------------------------------------

TEST(Selections, MaskOfMoreAxes) {
  expect_eager_too<IndexError>(
      [](Array a, Array m) {
        next_line_is_wrong();
        a(m) = 0;
      },
      {"a mask", {"bool", "f64"}, {"(3,)", "(3, 2)"}, "index the mask"}, zeros(3), zeros({3, 2}, bool_));
}

TEST(Selections, MaskBesideAnIndex) {
  expect_eager_too<UsageError>(
      [](Array a, Array m) {
        next_line_is_wrong();
        a(m, slice(0, 1)) = 0;
      },
      {"a mask", {"bool", "f64"}, {"(3,)", "(3, 2)"}, "a(_, 2)(mask)"}, zeros({3, 2}), zeros(3, bool_));
}

TEST(Selections, MaskedStoreOfAnotherShape) {
  expect_eager_too<ShapeError>(
      [](Array a, Array x) {
        next_line_is_wrong();
        a(a > 0) = x;
      },
      {"'='", {"f64"}, {"(3,)", "(2,)"}, "broadcast the right side"}, zeros(3), zeros(2));
}

// ---- Atomic updates -------------------------------------------------------------------------------------------------

TEST(Selections, AtomicOfAnotherDtype) {
  expect_everywhere<DTypeError>(
      [](Array a) {
        next_line_is_wrong();
        return atomic_add(a(0), 0.5);
      },
      {"'atomic_add'", {"i32", "f64"}, {"(3,)"}, "i32(x)"}, zeros(3, i32));
  expect_error<DTypeError>({"'atomic_add'", {"i32", "f64"}, {"scalar"}, "i32(x)"}, [] {
    const Array a = zeros(3, i32);
    next_line_is_wrong();
    (void)atomic_add(a(0), 0.5);
  });
}

TEST(Selections, AtomicInAParallelLoopOfAnotherDtype) {
  expect_everywhere<DTypeError>(
      [](Array a, Array x) {
        for (Value i : prange(x.size())) {
          next_line_is_wrong();
          x(i) = atomic_cas(a(0), 0, x(i));
        }
      },
      {"'atomic_cas'", {"i32", "f64"}, {"(3,)"}, "i32(x)"}, zeros(3, i32), zeros(3));
}

TEST(Selections, AtomicOfAReadOnlyArray) {
  expect_everywhere<UsageError>(
      [](Array a) {
        next_line_is_wrong();
        return atomic_max(a(0), 1);
      },
      {"'atomic_max'", {"f64"}, {"(3,)"}, "copy() it first"}, zeros(3).as_read_only());
}

TEST(Selections, AtomicOfComplexNumbers) {
  expect_error<DTypeError>({"'atomic_exchange'", {"c128"}, no_shapes, "real and imaginary parts"}, [] {
    const Array a = zeros(3, c128);
    next_line_is_wrong();
    (void)atomic_exchange(a(0), 1);
  });
}

// ---- Shapes ---------------------------------------------------------------------------------------------------------

TEST(Selections, SqueezeInATrace) {
  expect_everywhere<UsageError>(
      [](Array a) {
        next_line_is_wrong();
        return squeeze(a);
      },
      {"squeeze", {"f64"}, {"(1, 3)"}, "a.squeeze(0)"}, zeros({1, 3}));
}

TEST(Selections, AxesThatAreNotThere) {
  expect_eager_too<IndexError>(
      [](Array a) {
        next_line_is_wrong();
        return flip(a, 2);
      },
      {"flip", {"f64"}, {"(1, 3)"}, "axes are -2 to 1", {"axis 2"}}, zeros({1, 3}));
  expect_eager_too<IndexError>(
      [](Array a) {
        next_line_is_wrong();
        return a.expand_dims(-4);
      },
      {"expand_dims", {"f64"}, {"(1, 3)"}, "axes are -3 to 2", {"axis -4"}}, zeros({1, 3}));
  expect_eager_too<IndexError>(
      [](Array a) {
        next_line_is_wrong();
        return swapaxes(a, 0, 5);
      },
      {"swapaxes", {"f64"}, {"(1, 3)"}, "axes are -2 to 1", {"axis 5"}}, zeros({1, 3}));
  expect_eager_too<IndexError>(
      [](Array a) {
        next_line_is_wrong();
        return moveaxis(a, {0, 0}, {1, 0});
      },
      {"moveaxis", {"f64"}, {"(1, 3)"}, "name each axis once", {"axis 0 twice"}}, zeros({1, 3}));
}

TEST(Selections, ConcatenationOfOtherShapes) {
  expect_eager_too<ShapeError>(
      [](Array a, Array b) {
        next_line_is_wrong();
        return concatenate({a, b});
      },
      {"concatenate", {"f64", "i64"}, {"(2, 3)", "(2, 4)"}, "slice the longer one", {"axis 1"}}, zeros({2, 3}),
      arange(8).reshape({2, 4}));
  expect_eager_too<ShapeError>(
      [](Array a, Array b) {
        next_line_is_wrong();
        return concatenate({a, b});
      },
      {"concatenate", {"f64"}, {"(2, 3)", "(3,)"}, "newaxis"}, zeros({2, 3}), zeros(3));
  expect_eager_too<ShapeError>(
      [](Array a, Array b) {
        next_line_is_wrong();
        return stack({a, b});
      },
      {"stack", {"f64"}, {"(2,)", "(3,)"}, "slice the longer one"}, zeros(2), zeros(3));
  expect_error<UsageError>({"concatenate", no_dtypes, no_shapes, "give one at least"}, [] {
    next_line_is_wrong();
    (void)concatenate(std::vector<Array>());
  });
}

TEST(Selections, ProductsOfMatricesThatDoNotMeet) {
  expect_eager_too<ShapeError>(
      [](Array a, Array b) {
        next_line_is_wrong();
        return matmul(a, b);
      },
      {"matmul", {"f64"}, {"(2, 3)", "(2, 4)"}, "a.T()"}, zeros({2, 3}), zeros({2, 4}));
  expect_eager_too<ShapeError>(
      [](Array a, Array b) {
        next_line_is_wrong();
        return matmul(a, b);
      },
      {"matmul", {"f64"}, {"(2, 3, 3)", "(3,)"}, "rank 1 or 2"}, zeros({2, 3, 3}), zeros(3));
}

TEST(Selections, TriangleOfAVector) {
  expect_eager_too<ShapeError>(
      [](Array a) {
        next_line_is_wrong();
        return triu(a);
      },
      {"triu", {"f64"}, {"(3,)"}, "two axes"}, zeros(3));
}

}  // namespace
