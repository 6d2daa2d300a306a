// Whole Programs on the GPU: loops that the host runs, teams of threads.
#include "tests/cuda/programs.h"

namespace kiln {
namespace {

using OnGpuPrograms = test::OnGpuPrograms;

Array as_array(const Value& v) {
  const Array a = empty(Shape({}), v.dtype());
  a(rest) = v;
  return a;
}

// What is added up over the turns of a loop that the host runs, for it has parallel loops in it.
TEST_F(OnGpuPrograms, ReductionsOverALoopOfParallelLoops) {
  const auto f = jit([](Array a, Value turns) {
    Var total(0.0f), largest(-1, i64), skipped(0, i64);
    for (Value t : range(turns)) {
      a(rest) = a * 1.25f + t;
      total += a(t % a.size()) * 0.1f;
      if_(t % 3 == 1, [&] { skipped += t; });
      break_if(a(0) > 1e30f);
      continue_if(t % 5 == 2);
      largest.max(i64(a(a.size() - 1)) % 1000);
    }
    return std::tuple(Value(total), Value(largest), Value(skipped));
  });
  for (const int turns : {0, 1, 40, 400})
    same(f, [&](const auto& g) {
      const Array a = arange(37).astype(f32);
      const auto [total, largest, skipped] = g(a, turns);
      return std::vector{a, as_array(total), as_array(largest), as_array(skipped)};
    });
}

// A number read before an inner parallel loop by every thread of a team, and overwritten by one of them in it.
TEST_F(OnGpuPrograms, InnerLoopsWriteWhatWasReadBeforeThem) {
  const auto f = jit([](Array a) {
    for (Value i : prange(a.shape(0))) {
      const Value x = a(i, 0);
      for (Value j : prange(a.shape(1))) a(i, j) = a(i, j) - x;
    }
  });
  same(f, [](const auto& g) {
    const Array a = (arange(20 * 300) * 7919 % 1009).reshape({20, 300});
    g(a);
    return std::vector{a};
  });
}

}  // namespace
}  // namespace kiln
