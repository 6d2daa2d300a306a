// Misuse of reductions: options that a function does not take or that do not fit, axes, dtypes.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

const Array m = zeros({2, 3}), v = zeros({0});
const Array condition = zeros({2, 3}, bool_);

TEST(Reductions, OptionsThatAFunctionDoesNotTake) {
  expect_error<UsageError>({"sum", {"f64"}, {"(2, 3)"}, "it takes axis, keepdims, dtype, where, initial", {"ddof"}},
                           [] {
                             next_line_is_wrong();
                             (void)sum(m, {.ddof = 1});
                           });
  expect_error<UsageError>({"max", {"f64"}, {"(2, 3)"}, "it takes axis, keepdims, where, initial", {"dtype"}}, [] {
    next_line_is_wrong();
    (void)max(m, {.dtype = f32});
  });
  expect_error<UsageError>({"argmin", {"f64"}, {"(2, 3)"}, "it takes axis, keepdims", {"where"}}, [] {
    next_line_is_wrong();
    (void)argmin(m, {.where = condition});
  });
  expect_error<UsageError>({"mean", {"f64"}, {"(2, 3)"}, "it takes axis, keepdims, dtype, where", {"initial"}}, [] {
    next_line_is_wrong();
    (void)mean(m, {.initial = 0});
  });
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return count_nonzero(a, {.axis = 0, .dtype = i32});
  });
  expect_error<UsageError>({"count_nonzero", {"f64"}, {"(2, 3)"}, "it takes axis, keepdims", {"dtype"}}, [] { f(m); });
}

TEST(Reductions, Axes) {
  expect_error<UsageError>({"argmax", {"f64"}, {"(2, 3)"}, "takes one", {"2 axes"}}, [] {
    next_line_is_wrong();
    (void)argmax(m, {.axis = {0, 1}});
  });
  expect_error<IndexError>({"variance", {"f64"}, {"(2, 3)"}, "axis 2"}, [] {
    next_line_is_wrong();
    (void)variance(m, {.axis = 2});
  });
  expect_error<IndexError>({"nanmean", {"f64"}, {"(2, 3)"}, "name each axis once", {"-1"}}, [] {
    next_line_is_wrong();
    (void)nanmean(m, {.axis = {1, -1}});
  });
}

TEST(Reductions, Where) {
  expect_error<DTypeError>({"sum", {"f64", "i64"}, {"(2, 3)", "(3,)"}, "compare it, as in m != 0", {"where"}}, [] {
    next_line_is_wrong();
    (void)sum(m, {.where = arange(3)});
  });
  expect_error<UsageError>({"min", {"f64"}, {"(2, 3)"}, "needs initial too", {"where"}}, [] {
    next_line_is_wrong();
    (void)min(m, {.where = condition});
  });
  expect_error<ShapeError>({"'sum where'", {"f64", "bool"}, {"(2, 3)", "(2,)"}, "extents must be equal, or 1"}, [] {
    const Array mask = zeros({2}, bool_);
    next_line_is_wrong();
    (void)sum(m, {.where = mask});
  });
  static auto f = jit([](Array a, Array mask) {
    next_line_is_wrong();
    return mean(a, {.axis = 1, .where = mask});
  });
  expect_error<ShapeError>({"'mean where'", {"f64", "bool"}, {"(2, 3)", "(2, 2, 3)"}, "reduce or index the axes"},
                           [] { f(m, zeros({2, 2, 3}, bool_)); });
}

TEST(Reductions, Initial) {
  expect_error<DTypeError>({"sum", {"i64", "f64"}, {"(3,)", "scalar"}, "cast it, as in i64(…)", {"initial"}}, [] {
    const Array a = arange(3);
    next_line_is_wrong();
    (void)sum(a, {.initial = 0.5});
  });
  expect_error<DTypeError>({"max with initial", {"i8"}, {"(3,)"}, "does not fit i8", {"300"}}, [] {
    const Array a = zeros(3, i8);
    next_line_is_wrong();
    (void)max(a, {.initial = 300});
  });
}

TEST(Reductions, DTypes) {
  expect_error<DTypeError>({"ptp", {"bool"}, {"(2, 3)"}, "cast it, as in i8(x)"}, [] {
    next_line_is_wrong();
    (void)ptp(condition);
  });
  expect_error<DTypeError>({"variance", {"f64", "i32"}, {"(2, 3)"}, "it must be a floating one"}, [] {
    next_line_is_wrong();
    (void)variance(m, {.dtype = i32});
  });
  expect_error<DTypeError>({"nanmean", {"f64", "i64"}, {"(2, 3)"}, "cast the result instead"}, [] {
    next_line_is_wrong();
    (void)nanmean(m, {.dtype = i64});
  });
}

TEST(Reductions, TheFirstOfNothing) {
  expect_error<ShapeError>({"'argmin'", {"f64"}, {"(0,)"}, "test size() first"}, [] {
    next_line_is_wrong();
    (void)argmin(v);
  });
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return nanargmax(a, {.axis = 1});
  });
  expect_error<ShapeError>({"'nanargmax'", {"f64"}, {"(0, 0)"}, "test the extents first"}, [] { f(zeros({0, 0})); });
  expect_error<ShapeError>({"'ptp'", {"f64"}, {"(0,)"}, "test size() first"}, [] {
    next_line_is_wrong();
    (void)ptp(v);
  });
}

TEST(Reductions, Cumulative) {
  expect_error<UsageError>({"cumsum", {"f64"}, {"(2, 3)"}, "it takes axis, dtype", {"keepdims"}}, [] {
    next_line_is_wrong();
    (void)cumsum(m, {.axis = 0, .keepdims = true});
  });
  expect_error<UsageError>({"cumprod", {"f64"}, {"(2, 3)"}, "takes one", {"2 axes"}}, [] {
    next_line_is_wrong();
    (void)cumprod(m, {.axis = {0, 1}});
  });
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return cumsum(a, {.axis = -3});
  });
  expect_error<IndexError>({"cumsum", {"f64"}, {"(2, 3)"}, "axis -3"}, [] { f(m); });
}

TEST(Reductions, OfNoArray) {
  expect_error<UsageError>({"stddev", no_dtypes, no_shapes, "assign an array"}, [] {
    const Array undefined;
    next_line_is_wrong();
    (void)stddev(undefined);
  });
}

}  // namespace
