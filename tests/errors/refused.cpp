// What is well formed but not compiled yet: a CompileError at the user's line, which the interpreter does not raise.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

// The call is refused, interpreted it works.
template <class F>
void expect_refused(const F& f, const Message& message, const std::function<void(const F&)>& call) {
  expect_error<CompileError>(message, [&] { call(f); });
  EXPECT_NO_THROW(call(f.with({.interpret = true})));
}

// ---- prange ---------------------------------------------------------------------------------------------------------

TEST(Refused, ArrayWhoseSizeDiffersBetweenIterations) {
  static const auto f = jit([](Array out) {
    for (Value i : prange(out.shape(0))) {
      next_line_is_wrong();
      const Array row = zeros(i + 1, i32);
      for (Value k : range(i)) row(k) = k;
      out(i) = sum(row);
    }
  });
  expect_refused<decltype(f)>(f, {"a new", {"i32"}, {"rank 1"}, "as large as the largest", {"prange"}},
                              [](const auto& g) { g(zeros(3)); });
}

// ---- Complex numbers ------------------------------------------------------------------------------------------------

TEST(Refused, ProductOfComplexElementsThatIterationsShare) {
  static const auto f = jit([](Array out, Array where, Array z) {
    for (Value i : prange(z.shape(0))) {
      next_line_is_wrong();
      out(where(i)) *= z(i);
    }
  });
  expect_refused<decltype(f)>(f, {"'*='", {"c128"}, {"rank 1"}, "+= and -= are", {"prange"}},
                              [](const auto& g) { g(ones(3, c128), zeros(64, i64), ones(64, c128)); });
}

}  // namespace
