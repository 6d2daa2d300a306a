// Kernels that are wrong: barriers that are missing, that not all threads reach, waits without end.
#include "tests/simulated/simulated_test.h"

namespace {

using namespace simulated_test;

class Races : public Simulated {
 protected:
  CUresult run(const std::string& text, unsigned block, int n = 0) {
    const CUdeviceptr memory = allocate(4096 * 4);
    EXPECT_CUDA(launch(kernel(text, "k"), 1, block, 0, nullptr, memory, n));
    return cu(cuCtxSynchronize)();
  }
};

// Each thread reads its neighbour's value; without the barrier, one of the orders reads what is not yet there.
std::vector<int> neighbours(Simulated&, CUfunction function, CUdeviceptr in, CUdeviceptr out) {
  void* values[] = {&in, &out};
  EXPECT_CUDA(cu(cuLaunchKernel)(function, 1, 1, 1, 128, 1, 1, 0, nullptr, values, nullptr));
  std::vector<int> result(128);
  EXPECT_CUDA(cu(cuMemcpyDtoH)(result.data(), out, 128 * 4));
  return result;
}

TEST_F(Races, AMissingBarrierShowsInOneOrder) {
  const std::string text = R"(
    extern "C" __global__ void k(const int* in, int* out) {
      __shared__ int shared[128];
      shared[threadIdx.x] = in[threadIdx.x];
      BARRIER;
      out[threadIdx.x] = shared[(threadIdx.x + 1) % 128];
    })";
  std::vector<int> values(128);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(hash(static_cast<std::uint32_t>(i)));
  std::vector<int> expected(128);
  for (std::size_t i = 0; i < values.size(); ++i) expected[i] = values[(i + 1) % 128];
  const CUdeviceptr in = upload(values);
  const CUdeviceptr out = allocate(128 * 4);
  int wrong[2] = {};
  for (const bool has_barrier : {true, false}) {
    const CUfunction function =
        kernel((has_barrier ? "#define BARRIER __syncthreads()\n" : "#define BARRIER\n") + text, "k");
    for (const auto order : {kiln_simulated_order_forward, kiln_simulated_order_reverse}) {
      cu(kiln_simulated_set_order)(order);
      wrong[has_barrier ? 1 : 0] += neighbours(*this, function, in, out) == expected ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong[1], 0);
  EXPECT_GE(wrong[0], 1);
}

TEST_F(Races, ABarrierThatAThreadDoesNotReach) {
  const std::string text = R"(
    extern "C" __global__ void k(int* p, int n) {
      if (threadIdx.x == 5) return;
      __syncthreads();
      p[threadIdx.x] = n;
    })";
  EXPECT_EQ(run(text, 64), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(
      diagnosis(),
      "kernel k, block (0, 0, 0), thread (0, 0, 0) waits at __syncthreads of line 4, but thread (5, 0, 0) has ended");
}

TEST_F(Races, TwoBarriersAreNotOne) {
  const std::string text = R"(
    extern "C" __global__ void k(int* p, int n) {
      if (threadIdx.x < 32) {
        __syncthreads();
      } else {
        __syncthreads();
      }
      p[threadIdx.x] = n;
    })";
  EXPECT_EQ(run(text, 64), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(
      diagnosis(),
      "kernel k, block (0, 0, 0), thread (0, 0, 0) waits at __syncthreads of line 4, but thread (32, 0, 0) waits at "
      "__syncthreads of line 6");
}

TEST_F(Races, AShuffleThatALaneDoesNotReach) {
  const std::string text = R"(
    extern "C" __global__ void k(int* p, int n) {
      int x = threadIdx.x;
      if (x < 20) x += __shfl_down_sync(0xffffffffu, x, 1);
      p[threadIdx.x] = x;
    })";
  EXPECT_EQ(run(text, 32), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(diagnosis(),
            "kernel k, block (0, 0, 0), thread (0, 0, 0) waits at __shfl_down_sync of line 4, but thread (20, 0, 0) "
            "has ended");
}

TEST_F(Races, AShuffleOfALaneThatItsMaskDoesNotName) {
  const std::string text = R"(
    extern "C" __global__ void k(int* p, int n) { p[threadIdx.x] = __shfl_xor_sync(0x1u, n, 1); })";
  EXPECT_EQ(run(text, 32), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(diagnosis().find("by a thread its mask does not name"), std::string::npos) << diagnosis();
}

TEST_F(Races, AWaitWithoutEnd) {
  const std::string text = R"(
    extern "C" __global__ void k(int* p, int n) {
      volatile int* flag = p;
      while (*flag != 12345) __nanosleep(10);
    })";
  EXPECT_EQ(run(text, 2), CUDA_ERROR_LAUNCH_TIMEOUT);
}

TEST_F(Races, AWaitForAnotherThread) {
  const std::string text = R"(
    extern "C" __global__ void k(int* p, int n) {
      volatile int* flag = p;
      if (threadIdx.x == 0) {
        while (*flag != 12345) __nanosleep(10);
      } else if (threadIdx.x == 63) {
        *flag = 12345;
      }
    })";
  EXPECT_CUDA(run(text, 64));
}

TEST_F(Races, AssertionsAndTraps) {
  EXPECT_EQ(run("extern \"C\" __global__ void k(int* p, int n) { assert(n == 1); }", 1), CUDA_ERROR_ASSERT);
  EXPECT_EQ(diagnosis(), "kernel k, block (0, 0, 0), thread (0, 0, 0): assertion failed: n == 1 at line 1");
  cu(kiln_simulated_reset)();
  Simulated::SetUp();
  EXPECT_EQ(run("extern \"C\" __global__ void k(int* p, int n) { if (threadIdx.x == 3) __trap(); }", 8),
            CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(diagnosis(), "kernel k, block (0, 0, 0), thread (3, 0, 0): __trap at line 1");
}

TEST_F(Races, SharedMemoryIsSpoiltBeforeEachBlock) {
  const CUfunction f = kernel(R"(
    extern "C" __global__ void k(unsigned* p) {
      __shared__ unsigned one;
      extern __shared__ unsigned two[];
      p[2 * blockIdx.x] = one;
      p[2 * blockIdx.x + 1] = two[3];
      one = two[3] = 1;
    })",
                              "k");
  const CUdeviceptr out = allocate(16);
  ASSERT_CUDA(launch(f, 2, 1, 16, nullptr, out));
  EXPECT_EQ(download<unsigned>(out, 4), std::vector<unsigned>(4, 0xd5d5d5d5u));
}

#if !defined(__SANITIZE_ADDRESS__)
TEST_F(Races, DynamicSharedMemoryEnds) {
  const CUfunction f = kernel(R"(
    extern "C" __global__ void k(int n) {
      extern __shared__ int memory[];
      memory[n] = 1;
    })",
                              "k");
  EXPECT_CUDA(launch(f, 1, 1, 1024, nullptr, 255));
  EXPECT_CUDA(cu(cuCtxSynchronize)());
  EXPECT_CUDA(launch(f, 1, 1, 1024, nullptr, 256));
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
}
#endif

}  // namespace
