// A GPU that is lost: the launch it may have been, every later call, and the CPU, which goes on. Each in a process of
// its own, since a lost GPU stays so.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace kiln {
namespace {

const auto add_one = jit([](Array a) { return a + 1.0; });

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const RuntimeError& e) {
    return e.what();
  }
  return "no error";
}

// Ends the process, 0 if all was as expected.
class Expectations {
 public:
  void has(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return;
    std::fprintf(stderr, "'%s' is not in '%s'\n", part.c_str(), text.c_str());
    failed_ = true;
  }
  void equal(double a, double b) {
    if (a == b) return;
    std::fprintf(stderr, "%g is not %g\n", a, b);
    failed_ = true;
  }
  void is(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "not so: %s\n", what);
    failed_ = true;
  }
  [[noreturn]] void end() { std::exit(failed_ ? 1 : 0); }

 private:
  bool failed_ = false;
};

class Lost : public testing::Test {
 protected:
  void SetUp() override {
    KILN_NEEDS_SIMULATED_DRIVER();
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

[[noreturn]] void kernel_fails(bool at_once) {
  if (at_once) setenv("KILN_SYNCHRONIZE", "1", 1);
  Expectations expect;
  const Array a = ones({100}), kept = ones({100});
  const Array b = add_one.on(cuda())(a);
  b(0);
  test::fail(kiln_simulated_fault_kernel, 1);
  Array c;
  const unsigned line = __LINE__ + 1;
  const auto call = [&] { c = add_one.on(cuda())(a); };
  const std::string launch = error_of(call);
  if (!at_once) expect.has(launch, "no error");
  const std::string first = at_once ? launch : error_of([&] { c(0); });
  expect.has(first, "cuda:0 is lost: CUDA_ERROR_ILLEGAL_ADDRESS");
  expect.has(first, "by the call of ");
  expect.has(first, "lost_test.cpp:" + std::to_string(line));
  // Every later call says so.
  const std::string later = error_of([&] { add_one.on(cuda())(kept); });
  expect.has(later, "cuda:0 is lost: CUDA_ERROR_ILLEGAL_ADDRESS");
  expect.has(error_of([&] { jit([](Array x) { return x * 3.0; }).on(cuda())(kept); }), "is lost");
  expect.has(error_of([&] { synchronize(cuda()); }), "is lost");
  expect.has(error_of([&] { const Stream stream; }), "is lost");
  expect.has(error_of([&] { prefetch(kept, cuda()); }), "is lost");
  expect.has(cuda().description().c_str(), "is lost");
  expect.is(!cuda().available(), "a lost GPU is not available");
  // The CPU goes on, with what it has.
  expect.equal(b(0).as_double(), 2);
  expect.equal(add_one(kept)(5).as_double(), 2);
  kept(5) = 7.0;
  expect.equal(add_one(kept)(5).as_double(), 8);
  expect.end();
}

TEST_F(Lost, AKernelThatFailsIsToldByTheNextWait) { EXPECT_EXIT(kernel_fails(false), testing::ExitedWithCode(0), ""); }
TEST_F(Lost, AKernelThatFailsIsToldAtOnceWhereAsked) {
  EXPECT_EXIT(kernel_fails(true), testing::ExitedWithCode(0), "");
}

[[noreturn]] void one_of_several() {
  Expectations expect;
  Array a = add_one.on(cuda())(ones({100}));
  a(0);
  test::fail(kiln_simulated_fault_kernel, 2);
  for (int k = 0; k < 3; ++k) a = add_one.on(cuda())(a);
  const std::string error = error_of([&] { a(0); });
  expect.has(error, "by one of the last 3 launches, newest first: ");
  expect.has(error, "KILN_SYNCHRONIZE=1 tells which");
  expect.end();
}
TEST_F(Lost, SeveralLaunchesMayHaveBeenIt) { EXPECT_EXIT(one_of_several(), testing::ExitedWithCode(0), ""); }

[[noreturn]] void copy_fails() {
  Expectations expect;
  const Array a = ones({100});
  test::fail(kiln_simulated_fault_copy_run, 1);
  const Array b = add_one.on(cuda())(a);
  expect.has(error_of([&] { b(0); }), "cuda:0 is lost");
  expect.equal(add_one(a)(0).as_double(), 2);
  expect.end();
}
TEST_F(Lost, ACopyThatFailsOnTheWay) { EXPECT_EXIT(copy_fails(), testing::ExitedWithCode(0), ""); }

[[noreturn]] void other_gpu_goes_on() {
  Expectations expect;
  const Array a = ones({100});
  const Array b = add_one.on(cuda(1))(a);
  test::control<decltype(kiln_simulated_lose_device)>("kiln_simulated_lose_device")(0, 719);
  expect.has(error_of([&] { add_one.on(cuda(0))(a); }), "CUDA_ERROR_LAUNCH_FAILED");
  expect.equal(add_one.on(cuda(1))(b)(0).as_double(), 3);
  expect.is(devices().size() == 2, "the CPU and the other GPU are left");
  expect.end();
}
TEST_F(Lost, AnotherGpuGoesOn) {
  if (devices().size() < 3) GTEST_SKIP() << "needs two GPUs";
  EXPECT_EXIT(other_gpu_goes_on(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace kiln
