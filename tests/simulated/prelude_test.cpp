// Functions of the prelude that whole programs reach only with more elements than a simulated device gets through.
#include "tests/simulated/simulated_test.h"

#include <bit>
#include <fstream>
#include <sstream>

namespace {

using namespace simulated_test;

std::string prelude() {
  std::ostringstream text;
  for (const char* name : {"/prelude.cuh", "/prelude_reductions.cuh"})
    text << std::ifstream(std::string(KILN_CUDA_FOLDER) + name).rdbuf();
  return text.str();
}

// By adjacent pairs, what is left over as it is.
float folded(std::vector<float> sums) {
  for (; sums.size() > 1; sums.resize((sums.size() + 1) / 2))
    for (std::size_t k = 0; k < sums.size(); k += 2)
      sums[k / 2] = k + 1 < sums.size() ? sums[k] + sums[k + 1] : sums[k];
  return sums[0];
}

TEST_F(Simulated, FoldsAnyNumberOfSums) {
  const CUfunction fold = kernel(prelude() + R"(
    struct step {
      static __device__ __forceinline__ float fold(float a, float b) { return a + b; }
      static __device__ __forceinline__ float identity() { return -0.0f; }
    };
    KILN_KERNEL __launch_bounds__(1024) fold(float* sums, kiln_i64 count, float* result) {
      __shared__ float memory[32];
      const float sum = kiln_fold_all<step>(sums, count, memory);
      if (threadIdx.x == 0) *result = sum;
    })",
                                 "fold");
  const CUdeviceptr result = allocate(4);
  for (const unsigned threads : {32u, 64u, 256u})
    for (const std::size_t count : {1, 2, 7, 8, 9, 255, 256, 257, 2048, 2049, 5000, 70001}) {
      SCOPED_TRACE(std::to_string(count) + " by " + std::to_string(threads));
      const std::vector<float> sums = hashed_floats(count, 3);
      ASSERT_CUDA(launch(fold, 1, threads, 0, nullptr, upload(sums), static_cast<long long>(count), result));
      EXPECT_EQ(download<float>(result, 1)[0], folded(sums));
    }
}

TEST_F(Simulated, DividesIn64Bits) {
  const CUfunction divide = kernel(prelude() + R"(
    KILN_KERNEL divide(const kiln_u64* x, kiln_u64* result) {
      result[0] = (kiln_u64)kiln_quotient((kiln_i64)x[0], (kiln_i64)x[1]);
      result[1] = kiln_divide(x[0], x[2], x[3]);
    })",
                                   "divide");
  const CUdeviceptr result = allocate(16);
  const unsigned long long numbers[] = {1,
                                        2,
                                        3,
                                        10,
                                        0xffffffff,
                                        0x100000000,
                                        0x100000001,
                                        1000000007ull * 998244353,
                                        0x7ffffffffffffffe,
                                        0x7fffffffffffffff};
  for (const unsigned long long n : numbers)
    for (const unsigned long long d : numbers) {
      SCOPED_TRACE(std::to_string(n) + " / " + std::to_string(d));
      const int shift = std::bit_width(d - 1);
      __extension__ using Wide = unsigned __int128;
      const auto factor = static_cast<unsigned long long>((Wide{(1ull << shift) - d} << 64) / d) + 1;
      const std::vector<unsigned long long> x{n, d, static_cast<unsigned long long>(shift) << 32, factor};
      ASSERT_CUDA(launch(divide, 1, 1, 0, nullptr, upload(x), result));
      EXPECT_EQ(download<unsigned long long>(result, 2), (std::vector<unsigned long long>{n / d, n / d}));
    }
}

}  // namespace
