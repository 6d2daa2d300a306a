// Misuse of memory: more than there is, and writing what is read-only.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

constexpr std::int64_t too_many = std::int64_t{1} << 50;

// ---- More than there is ---------------------------------------------------------------------------------------------

TEST(Memory, ShapeBeyondEveryMemoryInALoop) {
  static auto f = jit([](Value n, Array out) {
    for (Value i : prange(out.shape(0))) {
      next_line_is_wrong();
      const Array row = zeros({n, n});
      row(0, i) = i;
      row(i, 0) += 1;
      out(i) = sum(row);
    }
  });
  expect_error<RuntimeError>(
      {"no memory", {"f64"}, {"(1125899906842624, 1125899906842624)"}, "fewer elements", {"bytes"}},
      [] { f(too_many, zeros(8)); });
}

TEST(Memory, TracedExpressionOfABroadcast) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a + b;
  });
  expect_error<RuntimeError>({"no memory", {"f64"}, {"(33554432, 33554432)"}, "fewer elements"}, [] {
    const Array x = zeros(1).broadcast_to(std::int64_t{1} << 25);
    f(x(_, newaxis), x);
  });
}

TEST(Memory, TheNextCallWorks) {
  static auto f = jit([](Value n) { return sum(zeros(n) + 1); });
  EXPECT_THROW(f(too_many), RuntimeError);
  EXPECT_EQ(static_cast<double>(f(10)), 10.0);
}

// ---- Read-only ------------------------------------------------------------------------------------------------------

TEST(Memory, ViewOfAReadOnlyArray) {
  const Array a = zeros({3, 2}, f32).as_read_only();
  expect_error<UsageError>({"'='", {"f32"}, {"(2,)"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    a(0, _) = 1;
  });
}

TEST(Memory, BytesOfAReadOnlyArray) {
  const Array a = zeros(3, f16).as_read_only();
  expect_error<UsageError>({"write_bytes()", {"f16"}, {"(3,)"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    (void)a.write_bytes();
  });
}

TEST(Memory, TracedElementOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    for (Value i : range(a.shape(0))) {
      next_line_is_wrong();
      a(i) = i;
    }
  });
  expect_error<UsageError>({"'='", {"f64"}, {"(3,)"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, TracedUpdateOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    a(slice(1, _)) *= 2;
  });
  expect_error<UsageError>({"'*='", {"f64"}, {"(2,)"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, ParallelElementUpdateOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      a(i) *= 2;
    }
  });
  expect_error<UsageError>({"'*='", {"f64"}, {"(3,)"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, ElementUpdateOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    a(0) -= 2;
  });
  expect_error<UsageError>({"'-='", {"f64"}, {"(3,)"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, EagerElementUpdateOfAReadOnlyArray) {
  const Array a = zeros(3).as_read_only();
  expect_error<UsageError>({"'/='", {"f64"}, {"scalar"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    a(0) /= 2;
  });
}

TEST(Memory, TracedFillOfABroadcastView) {
  static auto f = jit([](Array a) {
    const Array b = a.broadcast_to({2, 3});
    next_line_is_wrong();
    b(rest) = 1;
    return b;
  });
  expect_error<UsageError>({"'='", {"f64"}, {"(2, 3)"}, "copy() it first", {"read-only"}}, [] { f(zeros(3)); });
}

TEST(Memory, TracedElementOfABroadcastView) {
  static auto f = jit([](Array a) {
    const Array b = a.broadcast_to({2, 3});
    next_line_is_wrong();
    b(1, 2) = 1;
    return b;
  });
  expect_error<UsageError>({"'='", {"f64"}, {"(2, 3)"}, "copy() it first", {"read-only"}}, [] { f(zeros(3)); });
}

}  // namespace
