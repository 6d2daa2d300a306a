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

TEST(Refused, CastToComplexNumbers) {
  static const auto f = jit([](Array a) {
    next_line_is_wrong();
    return a.astype(c128);
  });
  expect_refused<decltype(f)>(f, {"'='", {"c128"}, {"rank 1"}, "real and imaginary parts", {"complex"}},
                              [](const auto& g) { g(zeros(3)); });
}

TEST(Refused, ComplexScalar) {
  static const auto f = jit([](Value x) {
    next_line_is_wrong();
    return c64(x);
  });
  expect_refused<decltype(f)>(f, {"an operation", {"c64"}, {"scalar"}, "real and imaginary parts", {"complex"}},
                              [](const auto& g) { g(1.5); });
}

TEST(Refused, ElementOfAComplexArray) {
  static const auto f = jit([](Array a) {
    next_line_is_wrong();
    return a(1);
  });
  expect_refused<decltype(f)>(f, {"an element", {"c128"}, {"rank 1"}, "real and imaginary parts", {"complex"}},
                              [](const auto& g) { g(zeros(3, c128)); });
}

TEST(Refused, ComplexArrayHandedOn) {
  static const auto f = jit([](Array a) { return a.T(); });
  expect_refused<decltype(f)>(f, {"a result", {"c128"}, {"rank 2"}, "real and imaginary parts", {"complex"}},
                              [](const auto& g) {
                                announced = {__FILE__, __LINE__ - 3};
                                g(zeros({2, 3}, c128));
                              });
}

}  // namespace
