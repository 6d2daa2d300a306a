// Misuse of memory: more than there is, and writing what is read-only.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

constexpr std::int64_t too_many = std::int64_t{1} << 50;

// ---- More than there is ---------------------------------------------------------------------------------------------

TEST(Memory, EagerAllocation) {
  expect_error<RuntimeError>(
      {"no memory", {"f64"}, {"(1125899906842624,)"}, "fewer elements", {"9007199254740992 bytes"}}, [] {
        next_line_is_wrong();
        (void)empty(too_many);
      });
}

TEST(Memory, EagerShapeBeyondEveryMemory) {
  expect_error<ShapeError>({"an array", {"f32"}, {"(1125899906842624, 1125899906842624)"}, "larger than memory can be"},
                           [] {
                             next_line_is_wrong();
                             (void)empty({too_many, too_many}, f32);
                           });
}

TEST(Memory, TracedAllocation) {
  static auto f = jit([](Array a, Value n) {
    next_line_is_wrong();
    const Array b = zeros(n, f32);
    for (Value i : range(a.shape(0))) b(i) = a(i);
    return b;
  });
  expect_error<RuntimeError>({"no memory", {"f32"}, {"rank 1"}, "fewer elements", {"4503599627370496 bytes"}},
                             [] { f(zeros(3), too_many); });
}

TEST(Memory, TracedShapeBeyondEveryMemory) {
  static auto f = jit([](Value n) {
    next_line_is_wrong();
    return zeros({n, n}, i16);
  });
  for (const bool interpret : {false, true})
    expect_error<RuntimeError>({"no memory", {"i16"}, {"rank 2"}, "fewer elements", {"bytes or more"}},
                               [&] { f.with({.interpret = interpret})(too_many); });
}

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
  expect_error<RuntimeError>({"no memory", {"f64"}, {"rank 2"}, "fewer elements", {"bytes"}},
                             [] { f(too_many, zeros(8)); });
}

TEST(Memory, TracedExpressionOfABroadcast) {
  static auto f = jit([](Array a, Array b) {
    next_line_is_wrong();
    return a + b;
  });
  expect_error<RuntimeError>({"no memory", {"f64"}, {"rank 2"}, "fewer elements"}, [] {
    const Array x = zeros(1).broadcast_to(std::int64_t{1} << 25);
    f(x(_, newaxis), x);
  });
}

TEST(Memory, TheNextCallWorks) {
  static auto f = jit([](Value n) { return sum(zeros(n) + 1); });
  EXPECT_THROW(f(too_many), RuntimeError);
  EXPECT_EQ(static_cast<double>(f(10)), 10.0);
}

TEST(Memory, BorrowingANegativeExtent) {
  double x[3] = {};
  expect_error<ShapeError>({"an array", {"f64"}, {"(-3,)"}, "0 or more", {"negative"}}, [&] {
    const std::int64_t extents[1] = {-3};
    next_line_is_wrong();
    (void)borrow(x, f64, extents);
  });
}

// ---- Read-only ------------------------------------------------------------------------------------------------------

TEST(Memory, ElementOfAReadOnlyArray) {
  const Array a = zeros(3).as_read_only();
  expect_error<UsageError>({"'='", {"f64"}, {"scalar"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    a(0) = 1;
  });
}

TEST(Memory, ViewOfAReadOnlyArray) {
  const Array a = zeros({3, 2}, f32).as_read_only();
  expect_error<UsageError>({"'='", {"f32"}, {"(2,)"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    a(0, _) = 1;
  });
}

TEST(Memory, UpdateOfABroadcastView) {
  Array a = zeros(3).broadcast_to({2, 3});
  expect_error<UsageError>({"'+='", {"f64"}, {"(2, 3)"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    a += 1;
  });
}

TEST(Memory, SpanOfAReadOnlyArray) {
  const Array a = zeros(3).as_read_only();
  expect_error<UsageError>({"write()", {"f64"}, {"(3,)"}, "copy() it first", {"read-only"}}, [&] {
    next_line_is_wrong();
    (void)a.write<double>();
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
  expect_error<UsageError>({"'='", {"f64"}, {"rank 1"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, TracedUpdateOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    a(slice(1, _)) *= 2;
  });
  expect_error<UsageError>({"'*='", {"f64"}, {"rank 1"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, ParallelElementUpdateOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    for (Value i : prange(a.shape(0))) {
      next_line_is_wrong();
      a(i) *= 2;
    }
  });
  expect_error<UsageError>({"'*='", {"f64"}, {"rank 1"}, "copy() it first", {"read-only"}},
                           [] { f(zeros(3).as_read_only()); });
}

TEST(Memory, ElementUpdateOfAReadOnlyArgument) {
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    a(0) -= 2;
  });
  expect_error<UsageError>({"'-='", {"f64"}, {"rank 1"}, "copy() it first", {"read-only"}},
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
  expect_error<UsageError>({"'='", {"f64"}, {"rank 2"}, "copy() it first", {"read-only"}}, [] { f(zeros(3)); });
}

TEST(Memory, TracedElementOfABroadcastView) {
  static auto f = jit([](Array a) {
    const Array b = a.broadcast_to({2, 3});
    next_line_is_wrong();
    b(1, 2) = 1;
    return b;
  });
  expect_error<UsageError>({"'='", {"f64"}, {"rank 2"}, "copy() it first", {"read-only"}}, [] { f(zeros(3)); });
}

}  // namespace
