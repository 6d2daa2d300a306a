// NVRTC itself compiles what the code generator writes: no GPU is needed for that.
#include "core/specialize.h"
#include "cuda/compile.h"
#include "cuda/inspect.h"
#include "cuda/plan.h"
#include "cuda/symbols.h"
#include "cuda/units.h"
#include "tests/nvrtc/softmax.h"
#include "tests/support/prepared.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

namespace kiln {
namespace {

constexpr int architecture = 90;

// The kernels of a call, as the GPU would get them.
template <class F, class... A>
on_cuda::Plan plan_of(F f, const A&... arguments) {
  return on_cuda::make_plan(test::prepared(jit(f), {.device = cuda()}, arguments...)->scheduled);
}

class WithNvrtc : public testing::Test {
 protected:
  void SetUp() override {
    if (!on_cuda::nvrtc().why_not.empty()) GTEST_SKIP() << on_cuda::nvrtc().why_not;
  }
};

template <class F, class... A>
void expect_compiles(F f, const A&... arguments) {
  const on_cuda::Plan plan = plan_of(f, arguments...);
  SCOPED_TRACE(plan.source);
  EXPECT_FALSE(on_cuda::compile(plan.source, architecture, on_cuda::Output::cubin).empty());
}

TEST_F(WithNvrtc, Elementwise) {
  const Array a = ones({100}, f32), b = ones({100}, f32);
  expect_compiles([](Array x, Array y) { return x * y + 2.0 * x; }, a, b);
}

TEST_F(WithNvrtc, Trace) {
  expect_compiles(
      [](Array a) {
        Var trace = 0.0;
        for (Value i : range(a.shape(0))) trace += tanh(a(i, i));
        return a + trace;
      },
      ones({10, 10}));
}

TEST_F(WithNvrtc, LoopsInLoops) {
  for (const DType dtype : {f16, f32, f64}) expect_compiles(test::softmax, ones({10, 10}, dtype));
  expect_compiles([](Array a) { return variance(a, {.axis = 1}); }, ones({10, 10}, c64));
}

TEST_F(WithNvrtc, Reductions) {
  expect_compiles([](Array a) { return sum(a) / max(a); }, ones({100}, f32));
  expect_compiles([](Array a) { return mean(a, {.axis = 1}); }, ones({10, 10}, f16));
}

// As many as would not fit a block's shared memory, 48 KiB, were each to have its own.
TEST_F(WithNvrtc, ManyReductionsInOneLoop) {
  const auto all_of = [](Array x) {
    return std::tuple(sum(x), sum(x + 1), sum(x * 2), sum(x * x), sum(x * x + 1), sum(x + 3), sum(x - 4));
  };
  const auto rows_of = [](Array x) {
    Array out = empty({x.shape(0)}, x.dtype());
    for (Value r : prange(x.shape(0))) {
      Var a(0, c128), b(0, c128), c(0, c128), d(0, c128), e(0, c128), f(0, c128), g(0, c128);
      for (Value i : prange(x.shape(1))) {
        a += x(r, i);
        b += x(r, i) * 2;
        c += x(r, i) * 3;
        d += x(r, i) * 4;
        e += x(r, i) * 5;
        f += x(r, i) * 6;
        g += x(r, i) * 7;
      }
      out(r) = a + b * c - d * e + f * g;
    }
    return out;
  };
  expect_compiles(all_of, ones({100}, c128));
  expect_compiles(rows_of, ones({10, 10}, c128));
}

TEST_F(WithNvrtc, Instructions) {
  const Array a = ones({100}, f32);
  const std::string cubin = on_cuda::compile(plan_of([](Array x, Array y) { return x + y; }, a, a).source, architecture,
                                             on_cuda::Output::cubin);
  try {
    EXPECT_NE(on_cuda::sass(cubin).find("LDG.E.128"), std::string::npos);
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("pip install nvidia-cuda-nvdisasm"), std::string::npos) << e.what();
  }
}

// A Var that begins as a constant and that nothing changes behind the loop needs no kernels of one thread; what computes
// with it does, and what it is before where that is no constant.
TEST_F(WithNvrtc, KernelsOfReductions) {
  const Array a = ones({100}, f32);
  const auto kernels_of = [&](auto f) { return plan_of(f, a).kernels.size(); };
  EXPECT_EQ(kernels_of([](Array x) { return sum(x); }), 1u);
  EXPECT_EQ(kernels_of([](Array x) { return std::tuple(sum(x), max(x)); }), 1u);
  EXPECT_EQ(kernels_of([](Array x) { return x - sum(x); }), 2u);
  EXPECT_EQ(kernels_of([](Array x) { return sum(x) / 2; }), 2u);
  EXPECT_EQ(kernels_of([](Array x) {
              Var total = 2.0;
              Value before = total * 3;
              for (Value i : prange(x.size())) total += x(i);
              return before + total;
            }),
            2u);
  EXPECT_EQ(kernels_of([](Array x) {
              Var total = x(0);
              for (Value i : prange(x.size())) total += x(i);
              Value first = total;
              total *= 2;
              return std::tuple(first, Value(total));
            }),
            3u);
}

std::vector<std::string> names_of_kernels(const std::string& text) {
  static const std::regex name("KILN_KERNEL [^\\n]*\\b(kiln_\\w+)\\(");
  std::vector<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) names.push_back((*at)[1]);
  return names;
}

// Each kernel is in one unit, behind the declarations, and each unit compiles.
TEST_F(WithNvrtc, Units) {
  const Array a = ones({100}, f32);
  const std::string sums = plan_of([](Array x) { return sum(x) / max(x); }, a).source;
  const std::string one = plan_of([](Array x) { return x + 1; }, a).source;
  EXPECT_EQ(on_cuda::units(one, 8), std::vector<std::string>{one});
  EXPECT_EQ(on_cuda::units(sums, 1), std::vector<std::string>{sums});
  EXPECT_EQ(on_cuda::units("", 8), std::vector<std::string>{""});
  for (const std::size_t most : {2u, 3u, 8u}) {
    const std::vector<std::string> units = on_cuda::units(sums, most);
    EXPECT_GT(units.size(), 1u);
    EXPECT_LE(units.size(), most);
    std::vector<std::string> found;
    for (const std::string& unit : units) {
      EXPECT_EQ(unit.substr(0, unit.find("KILN_KERNEL")), sums.substr(0, sums.find("KILN_KERNEL")));
      const std::vector<std::string> names = names_of_kernels(unit);
      EXPECT_FALSE(names.empty());
      found.insert(found.end(), names.begin(), names.end());
    }
    std::vector<std::string> wanted = names_of_kernels(sums);
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(found, wanted);
    const std::vector<std::string> cubins = on_cuda::compile_units(units, architecture);
    ASSERT_EQ(cubins.size(), units.size());
    for (std::size_t k = 0; k < units.size(); ++k)
      for (const std::string& name : names_of_kernels(units[k])) EXPECT_NE(cubins[k].find(name), std::string::npos);
  }
}

TEST_F(WithNvrtc, AnErrorInAUnit) {
  EXPECT_THROW(on_cuda::compile_units({"", "KILN_KERNEL k() { x; }", ""}, architecture), InternalError);
}

}  // namespace
}  // namespace kiln
