// The benchmark's kernels as NVRTC compiles them: 16-byte accesses, no spills, products that are rounded before they
// are added. For sm_90, and for the architectures that KILN_NVRTC_ARCHITECTURES names ("75,80,100,120").
#include "bench/kiln_kernels.h"
#include "core/specialize.h"
#include "cuda/compile.h"
#include "cuda/plan.h"
#include "cuda/symbols.h"
#include "tests/support/prepared.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <sstream>
#include <string>

namespace kiln {
namespace {

std::vector<int> architectures() {
  std::vector<int> list{90};
  const char* const more = std::getenv("KILN_NVRTC_ARCHITECTURES");
  std::istringstream names(more ? more : "");
  for (std::string name; std::getline(names, name, ',');) list.push_back(std::stoi(name));
  return list;
}

int count(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  return static_cast<int>(std::distance(std::sregex_iterator(text.begin(), text.end(), expression), {}));
}

class BenchKernels : public testing::Test {
 protected:
  void SetUp() override {
    if (!on_cuda::nvrtc().why_not.empty()) GTEST_SKIP() << on_cuda::nvrtc().why_not;
  }

  /// PTX of a call's kernels for sm_90, once they have been compiled for every architecture without a spill.
  template <class F, class... A>
  static std::string ptx(const F& f, JitOptions options, const A&... arguments) {
    options.device = cuda();
    const std::string source = on_cuda::make_plan(test::prepared(f, options, arguments...)->scheduled).source;
    for (const int architecture : architectures()) {
      std::string report;
      EXPECT_FALSE(on_cuda::compile(source, architecture, on_cuda::Output::cubin, &report).empty());
      EXPECT_GT(count(report, "Used [0-9]+ registers"), 0) << report;
      EXPECT_EQ(count(report, "[1-9][0-9]* bytes spill"), 0) << "sm_" << architecture << "\n" << report << source;
    }
    return on_cuda::compile(source, 90, on_cuda::Output::ptx);
  }

  /// Every load and store of a kernel's main loop moves 16 bytes; what is left at the ends goes one by one.
  static void expect_packs(const std::string& ptx, int loads, int stores) {
    EXPECT_EQ(count(ptx, "ld\\.global\\.nc\\.v4\\.u32"), loads) << ptx;
    EXPECT_EQ(count(ptx, "st\\.global\\.v4\\.u32"), stores) << ptx;
  }
  static void expect_no_fma(const std::string& ptx) { EXPECT_EQ(count(ptx, "\\bfma\\.rn"), 0) << ptx; }
};

namespace kernels = bench::kernels;

TEST_F(BenchKernels, Streams) {
  for (const DType dtype : {f32, f64}) {
    SCOPED_TRACE(dtype.name());
    const Array a = ones({1000}, dtype);
    const std::string copy = ptx(kernels::copy, {}, a), triad = ptx(kernels::triad, {}, a, a, 3.0),
                      chain6 = ptx(kernels::chain6, {}, a, a, a, a), call_4 = ptx(kernels::call_4, {}, a, a, a, a);
    expect_packs(copy, 4, 4);
    expect_packs(triad, 4, 2);
    expect_packs(chain6, 4, 1);
    expect_packs(call_4, 4, 1);
    expect_no_fma(triad);
    expect_no_fma(chain6);
  }
}

TEST_F(BenchKernels, ContractedWhereAskedFor) {
  const Array a = ones({1000}, f32);
  EXPECT_GT(count(ptx(kernels::triad, {.contract = true}, a, a, 3.0), "\\bfma\\.rn\\.f32"), 0);
  EXPECT_GT(count(ptx(kernels::chain6, {.contract = true}, a, a, a, a), "\\bfma\\.rn\\.f32"), 0);
}

TEST_F(BenchKernels, Reductions) {
  for (const DType dtype : {f32, f64}) {
    SCOPED_TRACE(dtype.name());
    const Array a = ones({1000}, dtype), m = ones({100, 40}, dtype);
    const std::string sum = ptx(kernels::sum, {}, a), dot = ptx(kernels::dot, {}, a, a),
                      rows = ptx(kernels::sum_axis1, {}, m), columns = ptx(kernels::sum_axis0, {}, m);
    // Four packs at once, of one array or of two, and up to three behind them one by one.
    const char* const packs = "ld\\.global\\.nc\\.v4\\.u32";
    EXPECT_GE(count(sum, packs), 4);
    EXPECT_GE(count(dot, packs), 4);
    EXPECT_GE(count(rows, packs), 4);
    EXPECT_GE(count(columns, packs), 4);
    for (const std::string& each : {sum, dot, rows, columns}) expect_no_fma(each);
  }
}

TEST_F(BenchKernels, WhatComputes) {
  for (const DType dtype : {f32, f64}) {
    SCOPED_TRACE(dtype.name());
    const Array a = ones({1000}, dtype), image = ones({100, 100}, dtype);
    ptx(kernels::black_scholes, {}, a, a, a, 0.1, 0.2);
    expect_no_fma(ptx(kernels::mandelbrot, {}, -2.0, 1.0, -1.0, 1.0, image));
    expect_no_fma(ptx(kernels::accelerations, {}, a, a, a, a, 0.1));
  }
}

}  // namespace
}  // namespace kiln
