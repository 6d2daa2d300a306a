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

// A Var that begins as a constant and that nothing changes behind the loop needs no kernels of one thread; what
// computes with it does, and what it is before where that is no constant.
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

// Each kernel of `source` is in one unit, behind the declarations, and each unit compiles.
void expect_units(const std::string& source, std::size_t most) {
  const std::vector<on_cuda::Unit> units = on_cuda::units(source, most);
  EXPECT_GT(units.size(), 1u);
  EXPECT_LE(units.size(), most);
  std::vector<std::string> found;
  for (const on_cuda::Unit& unit : units) {
    EXPECT_EQ(unit.text.substr(0, unit.text.find("KILN_KERNEL")), source.substr(0, source.find("KILN_KERNEL")));
    EXPECT_EQ(unit.kernels, names_of_kernels(unit.text));
    EXPECT_FALSE(unit.kernels.empty());
    found.insert(found.end(), unit.kernels.begin(), unit.kernels.end());
  }
  std::vector<std::string> wanted = names_of_kernels(source);
  std::sort(found.begin(), found.end());
  std::sort(wanted.begin(), wanted.end());
  EXPECT_EQ(found, wanted);
  std::vector<std::string> cubins(units.size());
  cubins[1] = "is there";
  on_cuda::compile_units(units, architecture, cubins);
  EXPECT_EQ(cubins[1], "is there");
  for (const std::string& name : units[0].kernels) EXPECT_NE(cubins[0].find(name), std::string::npos);
}

TEST_F(WithNvrtc, Units) {
  const Array a = ones({100}, f32);
  const std::string sums = plan_of([](Array x) { return sum(x) / max(x); }, a).source;
  for (const std::size_t most : {2u, 3u, 8u}) expect_units(sums, most);
  // Nothing is declared here.
  const std::string stores = plan_of(
                                 [](Array x) {
                                   for (Value i : prange(range(1, x.size() - 1))) x(i) = sqrt(x(i)) * 2 + 1 / x(i);
                                   for (Value i : prange(range(2, x.size() - 2))) x(i) = x(i) + sqrt(x(i)) / 3;
                                 },
                                 a)
                                 .source;
  ASSERT_EQ(stores.find("KILN_KERNEL"), 0u);
  for (const std::string& source : {sums, stores, std::string(), plan_of([](Array x) { return x + 1; }, a).source}) {
    const std::vector<on_cuda::Unit> one = on_cuda::units(source, 1);
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].text, source);
    EXPECT_EQ(one[0].kernels, names_of_kernels(source));
  }
  for (const on_cuda::Unit& unit : on_cuda::units(stores, 8)) EXPECT_EQ(unit.text.find("KILN_KERNEL"), 0u);
  EXPECT_EQ(names_of_kernels(stores).size(), 2u);
}

TEST_F(WithNvrtc, AnErrorInAUnit) {
  const std::vector<on_cuda::Unit> units{{"", {}}, {"KILN_KERNEL k() { x; }", {"k"}}, {"", {}}};
  std::vector<std::string> cubins(units.size());
  EXPECT_THROW(on_cuda::compile_units(units, architecture, cubins), InternalError);
}

}  // namespace
}  // namespace kiln
