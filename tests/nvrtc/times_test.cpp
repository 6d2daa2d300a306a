// How long NVRTC takes for the benchmark's kernels: a table, where KILN_NVRTC_TIMES says how often each is compiled.
// KILN_NVRTC_SOURCES names a folder that gets the text of each.
#include "bench/kiln_kernels.h"
#include "core/specialize.h"
#include "cuda/compile.h"
#include "cuda/plan.h"
#include "cuda/symbols.h"
#include "cuda/units.h"
#include "tests/nvrtc/softmax.h"
#include "tests/support/prepared.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace kiln {
namespace {

using Clock = std::chrono::steady_clock;
namespace kernels = bench::kernels;

// The median of so many runs, in ms.
template <class Run>
double typical(int times, const Run& run) {
  std::vector<double> each;
  for (int k = 0; k < times; ++k) {
    const auto begin = Clock::now();
    run();
    each.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::sort(each.begin(), each.end());
  return each[each.size() / 2];
}

double whole(const std::string& source, on_cuda::Output output, int times) {
  return typical(times, [&] { on_cuda::compile(source, 90, output); });
}

void add_row(const char* name, const std::string& source, int times) {
  const std::vector<on_cuda::Unit> units = on_cuda::units(source, 8);
  std::printf("%-16s %8zu %8.1f %8.1f %8.1f %8zu\n", name, units.size(),
              typical(times,
                      [&] {
                        std::vector<std::string> cubins(units.size());
                        on_cuda::compile_units(units, 90, cubins);
                      }),
              whole(source, on_cuda::Output::cubin, times), whole(source, on_cuda::Output::ptx, times), source.size());
  std::fflush(stdout);
  if (const char* const folder = std::getenv("KILN_NVRTC_SOURCES"))
    std::ofstream(std::string(folder) + "/" + name + ".cu") << on_cuda::prelude << source;
}

template <class F, class... A>
std::string source_of(const F& f, const A&... arguments) {
  return on_cuda::make_plan(test::prepared(f, {.device = cuda()}, arguments...)->scheduled).source;
}

TEST(CompileTimes, OfTheBenchmarksKernels) {
  const char* const asked = std::getenv("KILN_NVRTC_TIMES");
  if (!asked) GTEST_SKIP() << "KILN_NVRTC_TIMES is not set";
  if (!on_cuda::nvrtc().why_not.empty()) GTEST_SKIP() << on_cuda::nvrtc().why_not;
  const int times = std::max(std::atoi(asked), 1);
  const Array a = ones({1000}, f32), m = ones({100, 40}, f32);
  const std::string nothing = "KILN_KERNEL nothing() {}\n";
  std::printf("%-16s %8s %8s %8s %8s %8s\n", "ms", "units", "they", "whole", "PTX", "bytes");
  // What starts only once in a process is in the first compile.
  std::printf("%-16s %8s %8.1f\n", "first of all", "", whole(nothing, on_cuda::Output::cubin, 1));
  add_row("nothing", nothing, times);
  add_row("add", source_of(kernels::add, a, a), times);
  add_row("triad", source_of(kernels::triad, a, a, 3.0), times);
  add_row("chain6", source_of(kernels::chain6, a, a, a, a), times);
  add_row("tutorial", source_of(kernels::tutorial, m), times);
  add_row("black_scholes", source_of(kernels::black_scholes, a, a, a, 0.1, 0.2), times);
  add_row("mandelbrot", source_of(kernels::mandelbrot, -2.0, 1.0, -1.0, 1.0, m), times);
  add_row("sum", source_of(kernels::sum, a), times);
  add_row("dot", source_of(kernels::dot, a, a), times);
  add_row("sum_axis0", source_of(kernels::sum_axis0, m), times);
  add_row("sum_axis1", source_of(kernels::sum_axis1, m), times);
  add_row("max", source_of(jit([](Array x) { return max(x); }), a), times);
  add_row("argmin", source_of(jit([](Array x) { return argmin(x); }), a), times);
  add_row("argmin_axis1", source_of(jit([](Array x) { return argmin(x, {.axis = 1}); }), m), times);
  add_row("variance", source_of(jit([](Array x) { return variance(x, {.axis = 1}); }), m), times);
  add_row("softmax", source_of(jit(test::softmax), m), times);
  add_row("nbody", source_of(kernels::accelerations, a, a, a, a, 0.1), times);
}

}  // namespace
}  // namespace kiln
