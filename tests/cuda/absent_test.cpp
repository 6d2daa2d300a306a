// GPUs that are not there: one line that says what is missing, with the versions, and what to do. Each in a process of
// its own, since the libraries are opened once.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace kiln {
namespace {

class Absent : public testing::Test {
 protected:
  void SetUp() override {
    KILN_NEEDS_SIMULATED_DRIVER();
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

// In the child: `prepare`, then no GPU, for this reason, and a CPU that works.
[[noreturn]] void expect_absent(const std::string& reason, const std::function<void()>& prepare) {
  prepare();
  bool well = std::string(cuda().description().c_str()) == reason;
  if (!well) std::fprintf(stderr, "description: %s\n", cuda().description().c_str());
  well &= !cuda().available() && cuda().memory_bytes() == 0 && devices().size() == 1;
  const auto f = jit([](Array a) { return a + 1.0; });
  try {
    f.on(cuda())(ones({3}));
    well = false;
  } catch (const RuntimeError& e) {
    const std::string what = e.what();
    well &= what.ends_with("cuda:0 is not there: " + reason) && e.line() != 0;
    if (!well) std::fprintf(stderr, "error: %s\n", e.what());
  }
  well &= f(ones({3}))(0).as_double() == 2;
  std::exit(well ? 0 : 1);
}

#define KILN_EXPECT_ABSENT(reason, ...) \
  EXPECT_EXIT(expect_absent(reason, [] { __VA_ARGS__ }), testing::ExitedWithCode(0), "")

TEST_F(Absent, NoDriver) {
  KILN_EXPECT_ABSENT("no NVIDIA driver (/nowhere/libcuda.so is not found); install one to use a GPU",
                     setenv("KILN_CUDA_DRIVER", "/nowhere/libcuda.so", 1););
}

TEST_F(Absent, ADriverThatLacksFunctions) {
  KILN_EXPECT_ABSENT("the NVIDIA driver cannot be used, it has no cuInit: it is too old; install a newer one",
                     setenv("KILN_CUDA_DRIVER", "libm.so.6", 1););
}

TEST_F(Absent, ADriverThatIsTooOld) {
  KILN_EXPECT_ABSENT(
      "the NVIDIA driver is for CUDA 11.8; Kiln needs one for CUDA 12.0 or newer: install a newer driver",
      test::control<decltype(kiln_simulated_set_driver_version)>("kiln_simulated_set_driver_version")(11080););
}

TEST_F(Absent, ADriverThatIsTooOldForThisNvrtc) {
  KILN_EXPECT_ABSENT(
      "NVRTC is of CUDA 13.0, the NVIDIA driver for CUDA 12.4: install a driver for CUDA 13.0 or newer, or the NVRTC "
      "of "
      "CUDA 12 (its path in KILN_NVRTC)",
      test::control<decltype(kiln_simulated_set_driver_version)>("kiln_simulated_set_driver_version")(12040););
}

TEST_F(Absent, NoDevice) {
  KILN_EXPECT_ABSENT("there is a driver, but no NVIDIA GPU",
                     test::control<decltype(kiln_simulated_set_init_result)>("kiln_simulated_set_init_result")(100););
}

TEST_F(Absent, ATooOldGpu) {
  KILN_EXPECT_ABSENT(
      "Simulated GPU is of compute capability 6.1; Kiln needs 7.0 or newer",
      test::control<decltype(kiln_simulated_set_compute_capability)>("kiln_simulated_set_compute_capability")(6, 1););
}

TEST_F(Absent, NoMemoryPools) {
  KILN_EXPECT_ABSENT(
      "Simulated GPU has no memory pools here (as some virtual GPUs have none), from which Kiln's memory there is",
      test::control<decltype(kiln_simulated_set_pools)>("kiln_simulated_set_pools")(0););
}

TEST_F(Absent, NoNvrtc) {
  KILN_EXPECT_ABSENT(
      "NVRTC, which compiles for GPUs, is not found (/nowhere/libnvrtc.so); install the CUDA toolkit's NVRTC and put "
      "its "
      "folder into LD_LIBRARY_PATH, or its path into KILN_NVRTC",
      setenv("KILN_NVRTC", "/nowhere/libnvrtc.so", 1););
}

}  // namespace
}  // namespace kiln
