// Kernels of the usual kinds on the simulated device, against the host's results, in both orders.
#include "tests/simulated/simulated_test.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace {

using namespace simulated_test;

class Kernels : public Simulated, public testing::WithParamInterface<kiln_simulated_order> {
 protected:
  void SetUp() override {
    Simulated::SetUp();
    cu(kiln_simulated_set_order)(GetParam());
  }
};

INSTANTIATE_TEST_SUITE_P(Order, Kernels, testing::Values(kiln_simulated_order_forward, kiln_simulated_order_reverse),
                         [](const auto& order) {
                           return order.param == kiln_simulated_order_forward ? "forward" : "reverse";
                         });

TEST_P(Kernels, AddsWithAGridStride) {
  const CUfunction add = kernel(R"(
    extern "C" __global__ void add(const float* __restrict__ a, const float* __restrict__ b, float* c, int n) {
      for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) c[i] = a[i] + b[i];
    })",
                                "add");
  const std::vector<float> a = hashed_floats(10007, 1);
  const std::vector<float> b = hashed_floats(10007, 2);
  const CUdeviceptr result = allocate(10007 * 4);
  ASSERT_CUDA(launch(add, 7, 96, 0, nullptr, upload(a), upload(b), result, 10007));
  const std::vector<float> c = download<float>(result, 10007);
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(c[i], a[i] + b[i]) << i;
  EXPECT_EQ(counts().threads_run, 7u * 96u);
}

int mandelbrot(float cr, float ci) {
  float zr = 0;
  float zi = 0;
  int n = 0;
  while (zr * zr + zi * zi < 4.0f && n < 100) {
    const float t = zr * zr - zi * zi + cr;
    zi = 2.0f * zr * zi + ci;
    zr = t;
    ++n;
  }
  return n;
}

TEST_P(Kernels, DrawsTheMandelbrotSet) {
  const CUfunction draw = kernel(R"(
    extern "C" __global__ void __launch_bounds__(256, 2) draw(int* image, int width, int height) {
      int x = blockIdx.x * blockDim.x + threadIdx.x;
      int y = blockIdx.y * blockDim.y + threadIdx.y;
      if (x >= width || y >= height) return;
      float cr = -2.0f + 3.0f * x / width, ci = -1.0f + 2.0f * y / height, zr = 0.0f, zi = 0.0f;
      int n = 0;
      while (zr * zr + zi * zi < 4.0f && n < 100) {
        float t = zr * zr - zi * zi + cr;
        zi = 2.0f * zr * zi + ci;
        zr = t;
        ++n;
      }
      image[y * width + x] = n;
    })",
                                 "draw");
  CUdeviceptr image = allocate(150 * 100 * 4);
  int width = 150;
  int height = 100;
  void* values[] = {&image, &width, &height};
  ASSERT_CUDA(cu(cuLaunchKernel)(draw, 10, 13, 1, 16, 8, 1, 0, nullptr, values, nullptr));
  const std::vector<int> result = download<int>(image, 150 * 100);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const float cr = -2.0f + 3.0f * static_cast<float>(x) / static_cast<float>(width);
      const float ci = -1.0f + 2.0f * static_cast<float>(y) / static_cast<float>(height);
      ASSERT_EQ(result[static_cast<std::size_t>(y * width + x)], mandelbrot(cr, ci)) << x << ' ' << y;
    }
  }
}

TEST_P(Kernels, ReducesABlockWithShuffles) {
  const CUfunction sum = kernel(R"(
    extern "C" __global__ void sum(const unsigned* values, unsigned long long* total, int n) {
      __shared__ unsigned long long partial[32];
      unsigned long long x = 0;
      for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) x += values[i];
      for (int offset = 16; offset > 0; offset /= 2) x += __shfl_down_sync(0xffffffffu, x, offset);
      if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = x;
      __syncthreads();
      if (threadIdx.x < 32) {
        x = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
        for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
        if (threadIdx.x == 0) atomicAdd(total, x);
      }
    })",
                                "sum");
  std::vector<std::uint32_t> values(100003);
  std::uint64_t expected = 0;
  for (std::size_t i = 0; i < values.size(); ++i) expected += values[i] = hash(static_cast<std::uint32_t>(i) + 7);
  const CUdeviceptr total = upload(std::vector<std::uint64_t>{0});
  ASSERT_CUDA(launch(sum, 20, 256, 0, nullptr, upload(values), total, 100003));
  EXPECT_EQ(download<std::uint64_t>(total, 1)[0], expected);
}

TEST_P(Kernels, MultipliesMatricesByTiles) {
  const CUfunction multiply = kernel(R"(
    extern "C" __global__ void multiply(const float* a, const float* b, float* c, int n) {
      __shared__ float left[16][16], right[16][16];
      int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
      float sum = 0.0f;
      for (int tile = 0; tile < n / 16; ++tile) {
        left[threadIdx.y][threadIdx.x] = a[row * n + tile * 16 + threadIdx.x];
        right[threadIdx.y][threadIdx.x] = b[(tile * 16 + threadIdx.y) * n + column];
        __syncthreads();
        for (int k = 0; k < 16; ++k) sum += left[threadIdx.y][k] * right[k][threadIdx.x];
        __syncthreads();
      }
      c[row * n + column] = sum;
    })",
                                     "multiply");
  int n = 64;
  const std::vector<float> a = hashed_floats(64 * 64, 3);
  const std::vector<float> b = hashed_floats(64 * 64, 4);
  CUdeviceptr pa = upload(a);
  CUdeviceptr pb = upload(b);
  CUdeviceptr pc = allocate(64 * 64 * 4);
  void* values[] = {&pa, &pb, &pc, &n};
  ASSERT_CUDA(cu(cuLaunchKernel)(multiply, 4, 4, 1, 16, 16, 1, 0, nullptr, values, nullptr));
  const std::vector<float> c = download<float>(pc, 64 * 64);
  for (std::size_t i = 0; i < 64; ++i) {
    for (std::size_t j = 0; j < 64; ++j) {
      float expected = 0.0f;
      for (std::size_t k = 0; k < 64; ++k) expected += a[i * 64 + k] * b[k * 64 + j];
      ASSERT_EQ(c[i * 64 + j], expected) << i << ' ' << j;
    }
  }
}

TEST_P(Kernels, CountsWithSharedAndGlobalAtomics) {
  const CUfunction count = kernel(R"(
    extern "C" __global__ void count(const unsigned char* values, unsigned* bins, int n) {
      extern __shared__ unsigned char memory[];
      unsigned* local = reinterpret_cast<unsigned*>(memory);
      for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
      __syncthreads();
      for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) atomicAdd(&local[values[i]], 1u);
      __syncthreads();
      for (int i = threadIdx.x; i < 256; i += blockDim.x) atomicAdd(&bins[i], local[i]);
    })",
                                  "count");
  std::vector<unsigned char> values(50001);
  std::vector<std::uint32_t> expected(256);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<unsigned char>(hash(static_cast<std::uint32_t>(i)));
    ++expected[values[i]];
  }
  const CUdeviceptr bins = allocate(256 * 4);
  ASSERT_CUDA(cu(cuMemsetD32Async)(bins, 0, 256, nullptr));
  ASSERT_CUDA(launch(count, 5, 128, 256 * 4, nullptr, upload(values), bins, 50001));
  EXPECT_EQ(download<std::uint32_t>(bins, 256), expected);
}

TEST_P(Kernels, ScansABlock) {
  const CUfunction scan = kernel(R"(
    extern "C" __global__ void scan(const int* in, int* out) {
      __shared__ int sums[32];
      int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
      int x = in[blockIdx.x * blockDim.x + threadIdx.x];
      for (int offset = 1; offset < 32; offset *= 2) {
        int y = __shfl_up_sync(0xffffffffu, x, offset);
        if (lane >= offset) x += y;
      }
      if (lane == 31) sums[warp] = x;
      __syncthreads();
      if (warp == 0) {
        int s = sums[lane];
        for (int offset = 1; offset < 32; offset *= 2) {
          int y = __shfl_up_sync(0xffffffffu, s, offset);
          if (lane >= offset) s += y;
        }
        sums[lane] = s;
      }
      __syncthreads();
      out[blockIdx.x * blockDim.x + threadIdx.x] = x + (warp > 0 ? sums[warp - 1] : 0);
    })",
                                 "scan");
  std::vector<int> values(3 * 1024);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<int>(hash(static_cast<std::uint32_t>(i)) % 1000);
  const CUdeviceptr result = allocate(values.size() * 4);
  ASSERT_CUDA(launch(scan, 3, 1024, 0, nullptr, upload(values), result));
  const std::vector<int> scanned = download<int>(result, values.size());
  int running = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    running = (i % 1024 == 0 ? 0 : running) + values[i];
    ASSERT_EQ(scanned[i], running) << i;
  }
}

TEST_P(Kernels, VotesMatchesAndReducesInAWarp) {
  const CUfunction vote = kernel(R"(
    extern "C" __global__ void vote(unsigned* out) {
      unsigned lane = threadIdx.x;
      out[lane] = __ballot_sync(0xffffffffu, lane % 3 == 0);
      out[32 + lane] = __any_sync(0xffffffffu, lane == 7) * 2 + __all_sync(0xffffffffu, lane < 32);
      out[64 + lane] = __match_any_sync(0xffffffffu, lane / 4);
      out[96 + lane] = __reduce_add_sync(0xffffffffu, lane) + __reduce_max_sync(0xffffffffu, (int)lane - 40);
      out[128 + lane] = __shfl_sync(0xffffffffu, lane, 3, 8);
      unsigned part = 0;
      if (lane < 16) part = __shfl_sync(0x0000ffffu, lane * 10, 5);
      __syncwarp();
      out[160 + lane] = part + __syncthreads_count(lane % 2) * 1000;
    })",
                                 "vote");
  const CUdeviceptr result = allocate(192 * 4);
  ASSERT_CUDA(launch(vote, 1, 32, 0, nullptr, result));
  const std::vector<std::uint32_t> out = download<std::uint32_t>(result, 192);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(out[lane], 0x49249249u);
    EXPECT_EQ(out[32 + lane], 3u);
    EXPECT_EQ(out[64 + lane], 15u << (lane / 4 * 4));
    EXPECT_EQ(out[96 + lane], 496u - 9u);
    EXPECT_EQ(out[128 + lane], lane / 8 * 8 + 3);
    EXPECT_EQ(out[160 + lane], (lane < 16 ? 50u : 0u) + 16000u);
  }
}

// As the last block of a grid finds itself the last.
TEST_P(Kernels, TheLastBlockFinishes) {
  const CUfunction finish = kernel(R"(
    extern "C" __global__ void finish(const int* in, int* partial, unsigned* done, int* total) {
      __shared__ bool last;
      if (threadIdx.x == 0) {
        partial[blockIdx.x] = in[blockIdx.x];
        __threadfence();
        last = atomicAdd(done, 1u) == gridDim.x - 1;
      }
      __syncthreads();
      if (last && threadIdx.x == 0) {
        int sum = 0;
        for (unsigned i = 0; i < gridDim.x; ++i) sum += partial[i];
        *total = sum;
      }
    })",
                                   "finish");
  std::vector<int> values(100);
  int expected = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    expected += values[i] = static_cast<int>(hash(static_cast<std::uint32_t>(i)) % 77);
  }
  const CUdeviceptr total = allocate(4);
  ASSERT_CUDA(
      launch(finish, 100, 64, 0, nullptr, upload(values), allocate(400), upload(std::vector<unsigned>{0}), total));
  EXPECT_EQ(download<int>(total, 1)[0], expected);
}

std::uint16_t f16_of(float value) { return std::bit_cast<std::uint16_t>(static_cast<_Float16>(value)); }

TEST_F(Simulated, ConvertsEveryF16) {
  const CUmodule module = load(R"(
    extern "C" __global__ void widen(float* out) {
      unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
      out[i] = kiln_device_f16_to_f32((unsigned short)i);
    }
    extern "C" __global__ void narrow(const float* in, unsigned short* out, int n) {
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i < n) out[i] = kiln_device_f32_to_f16(in[i]);
    })");
  const CUdeviceptr wide = allocate(65536 * 4);
  ASSERT_CUDA(launch(function(module, "widen"), 256, 256, 0, nullptr, wide));
  const std::vector<float> values = download<float>(wide, 65536);
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto expected = static_cast<float>(std::bit_cast<_Float16>(static_cast<std::uint16_t>(i)));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(values[i])) << i;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(expected)) << i;
    }
  }

  // Each value, the halves between neighbours, and what is just beside those.
  std::vector<float> probes;
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const float value = values[i];
    const float next = values[(i + 1) % 65536];
    const float between = std::isfinite(value) && std::isfinite(next) ? value + (next - value) / 2 : value * 1.0002f;
    for (const float probe : {value, between, std::nextafter(between, 0.0f), std::nextafter(between, 1e30f)}) {
      probes.push_back(probe);
    }
  }
  for (std::uint32_t i = 0; i < 100000; ++i) probes.push_back(std::bit_cast<float>(hash(i)));
  const auto count = static_cast<int>(probes.size());
  const CUdeviceptr narrow = allocate(probes.size() * 2);
  ASSERT_CUDA(launch(function(module, "narrow"), (static_cast<unsigned>(count) + 255) / 256, 256, 0, nullptr,
                     upload(probes), narrow, count));
  const std::vector<std::uint16_t> results = download<std::uint16_t>(narrow, probes.size());
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (std::isnan(probes[i])) {
      ASSERT_GT(results[i] & 0x7fff, 0x7c00) << i;
    } else {
      ASSERT_EQ(results[i], f16_of(probes[i])) << probes[i];
    }
  }
}

TEST_F(Simulated, HasTheFunctionsOfCuda) {
  const CUfunction run = kernel(R"(
    struct Pair { double a; float b; };
    extern "C" __global__ void run(Pair pair, double* d, float* f, unsigned long long* u, int4* vector) {
      d[0] = rsqrt(pair.a); d[1] = fma(pair.a, 2.0, 1.0); d[2] = exp10(2.0); d[3] = __longlong_as_double(0x3ff0000000000000ll);
      d[4] = hypot(3.0, 4.0); d[5] = max(1.0, 2.0); d[6] = __dadd_rn(0.5, 0.25); d[7] = sinpi(1.0) + cospi(0.5);
      f[0] = sqrt(pair.b); f[1] = fmodf(7.5f, 2.0f); f[2] = __int_as_float(0x40000000); f[3] = rintf(2.5f);
      f[4] = powf(2.0f, 0.5f); f[5] = copysign(1.0f, -0.0f); f[6] = isnan(f[0]) + isinf(1.0f / 0.0f) + signbit(-1.0f);
      u[0] = __popc(0xf0f0u) + 100 * __clz(1) + 10000 * __ffs(8); u[1] = __brev(1u); u[2] = __umulhi(~0u, ~0u);
      u[3] = __umul64hi(~0ull, ~0ull); u[4] = (unsigned)__float2int_rz(1e20f); u[5] = __mul64hi(-1ll, 1ll);
      u[6] = atomicCAS((unsigned short*)&u[7], (unsigned short)5, (unsigned short)9);
      *vector = make_int4(1, 2, 3, 4);
      static_assert(alignof(float4) == 16 && sizeof(double2) == 16 && sizeof(float3) == 12 && alignof(ulonglong2) == 16, "");
      static_assert(__CUDA_ARCH__ == 900, "");
      assert(warpSize == 32 && clock64() != 0);
    })",
                                "run");
  struct Pair {
    double a = 4.0;
    float b = 9.0f;
  };
  const CUdeviceptr d = allocate(8 * 8);
  const CUdeviceptr f = allocate(7 * 4);
  const CUdeviceptr u = upload(std::vector<std::uint64_t>{0, 0, 0, 0, 0, 0, 0, 5});
  const CUdeviceptr vector = allocate(16);
  ASSERT_CUDA(launch(run, 1, 1, 0, nullptr, Pair{}, d, f, u, vector));
  EXPECT_EQ(download<double>(d, 8), (std::vector<double>{0.5, 9.0, 100.0, 1.0, 5.0, 2.0, 0.75, 0.0}));
  EXPECT_EQ(download<float>(f, 7), (std::vector<float>{3.0f, 1.5f, 2.0f, 2.0f, std::sqrt(2.0f), -1.0f, 2.0f}));
  EXPECT_EQ(download<std::uint64_t>(u, 8),
            (std::vector<std::uint64_t>{8 + 3100 + 40000, 0x80000000u, 0xfffffffeu, ~1ull, 0x7fffffffu, ~0ull, 5, 9}));
  EXPECT_EQ(download<int>(vector, 4), (std::vector<int>{1, 2, 3, 4}));
}

}  // namespace
