// Misuse of what is asked of a compiled function and of the runtime beside calls: options, texts, threads.
#include "tests/errors/expect_error.h"

namespace {

using namespace kiln;
using namespace kiln::tests;

TEST(Settings, VectorWidthThatDoesNotExist) {
  static auto f = jit([](Array a) { return a + 1; });
  expect_error<UsageError>({"vector_bits", no_dtypes, no_shapes, "128, 256 or 512", {"100"}}, [] {
    next_line_is_wrong();
    (void)f.with({.vector_bits = 100})(zeros(3));
  });
}

struct Eight {
  Array a, b, c, d, e, f, g, h;
};

TEST(Settings, TooManyArguments) {
  static auto f = jit([](Eight x, Eight, Eight, Eight, Eight, Eight) { return x.a; });
  const Array a = zeros(1);
  const Eight x{a, a, a, a, a, a, a, a};
  expect_error<UsageError>({"arguments", no_dtypes, no_shapes, "put scalars into an array", {"40", "48"}}, [&] {
    next_line_is_wrong();
    (void)f(x, x, x, x, x, x);
  });
}

TEST(Settings, NoThreads) {
  expect_error<UsageError>({"set_num_threads(0)", no_dtypes, no_shapes, "1 or more"}, [] {
    next_line_is_wrong();
    set_num_threads(0);
  });
}

TEST(Settings, InspectingWhatIsNotCompiled) {
  static auto f = jit([](Array a) { return a + 1; });
  expect_error<UsageError>({"inspect", no_dtypes, no_shapes, "call the function first"}, [] {
    next_line_is_wrong();
    (void)f.inspect("program");
  });
}

TEST(Settings, InspectingAnUnknownText) {
  static auto f = jit([](Array a) { return a + 1; });
  f(zeros(3));
  expect_error<UsageError>({"inspect(\"ptx\")", no_dtypes, no_shapes, "\"program\", \"scheduled\""}, [] {
    next_line_is_wrong();
    (void)f.inspect("ptx");
  });
}

TEST(Settings, InspectingTheCodeOfAnInterpretedCall) {
  static auto f = jit([](Array a) { return a + 1; });
  f.with({.interpret = true})(zeros(3));
  expect_error<UsageError>({"inspect(\"asm\")", no_dtypes, no_shapes, "make a compiled call first"}, [] {
    next_line_is_wrong();
    (void)f.inspect("asm");
  });
}

}  // namespace
