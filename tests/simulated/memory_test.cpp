// Device memory: what an honest driver refuses, and what shows only when a kernel or a copy runs.
#include "tests/simulated/simulated_test.h"

#include <csignal>
#include <cstring>

namespace {

using namespace simulated_test;

constexpr const char* programs = R"(
  extern "C" __global__ void store(int* p, long long at, int value) { p[at] = value; }
  extern "C" __global__ void store_beside(int* p, long long at, int value) {
    p[0] = value;
    p[at] = value;
  }
  extern "C" __global__ void recurse(int* p, int depth) {
    volatile char room[4096];
    room[depth % 4096] = 1;
    struct { static int deeper(int n, volatile char* from) {
      volatile char more[4096];
      more[n % 4096] = from[n % 4096];
      return n <= 0 ? more[0] : deeper(n - 1, more) + more[1];
    } } local;
    *p = local.deeper(depth, room);
  }
  extern "C" __global__ void divide(int* p, int by) { *p = 100 / by; }
)";

class Memory : public Simulated {
 protected:
  void SetUp() override {
    Simulated::SetUp();
    module = load(programs);
    store = function(module, "store");
    ASSERT_CUDA(cu(cuStreamCreate)(&stream, CU_STREAM_NON_BLOCKING));
    ASSERT_CUDA(cu(cuStreamCreate)(&other, CU_STREAM_NON_BLOCKING));
  }
  CUresult store_at(CUdeviceptr address, long long at) { return run_store(store, address, at); }
  CUresult run_store(CUfunction f, CUdeviceptr address, long long at) {
    EXPECT_CUDA(launch(f, 1, 1, 0, stream, address, at, 7));
    return cu(cuStreamSynchronize)(stream);
  }

  CUmodule module = nullptr;
  CUfunction store = nullptr;
  CUstream stream = nullptr;
  CUstream other = nullptr;
};

TEST_F(Memory, IsAlignedAndSpoiltWhenAllocated) {
  for (const std::size_t bytes : {1u, 255u, 4096u, 10000u}) {
    const CUdeviceptr address = allocate(bytes);
    EXPECT_EQ(address % 256, 0u);
    const std::vector<unsigned char> contents = download<unsigned char>(address, bytes);
    EXPECT_EQ(contents, std::vector<unsigned char>(bytes, 0xd7));
    EXPECT_CUDA(cu(cuMemFree)(address));
  }
}

TEST_F(Memory, IsCounted) {
  std::size_t free = 0;
  std::size_t total = 0;
  cu(kiln_simulated_set_memory)(1 << 20);
  const CUdeviceptr first = allocate(600'000);
  ASSERT_CUDA(cu(cuMemGetInfo)(&free, &total));
  EXPECT_EQ(total, 1u << 20);
  EXPECT_EQ(free, (1u << 20) - 600'000u);
  CUdeviceptr second = 0;
  EXPECT_EQ(cu(cuMemAlloc)(&second, 600'000), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cu(cuMemAllocAsync)(&second, 600'000, stream), CUDA_ERROR_OUT_OF_MEMORY);
  ASSERT_CUDA(cu(cuMemFree)(first));
  EXPECT_CUDA(cu(cuMemAlloc)(&second, 600'000));
  EXPECT_EQ(counts().live_allocations, 1u);
  EXPECT_EQ(counts().live_bytes, 600'000u);
  EXPECT_EQ(counts().peak_bytes, 600'000u);
}

// What is freed in a stream's order is there for the next allocation.
TEST_F(Memory, QueuedFreesMakeRoom) {
  cu(kiln_simulated_set_memory)(1 << 20);
  CUdeviceptr address = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_CUDA(cu(cuMemAllocAsync)(&address, 600'000, stream));
    ASSERT_CUDA(cu(cuMemsetD8Async)(address, 1, 600'000, stream));
    ASSERT_CUDA(cu(cuMemFreeAsync)(address, stream));
  }
  ASSERT_CUDA(cu(cuStreamSynchronize)(stream));
  EXPECT_EQ(counts().live_bytes, 0u);
}

TEST_F(Memory, RefusesWhatIsNoAllocation) {
  int host[4] = {};
  const CUdeviceptr address = allocate(16);
  EXPECT_EQ(cu(cuMemcpyHtoD)(address, host, 17), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemcpyHtoD)(address + 4, host, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemcpyHtoD)(0, host, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemcpyDtoH)(nullptr, address, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemcpyDtoH)(host, reinterpret_cast<CUdeviceptr>(host), 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemsetD32Async)(address + 2, 0, 1, stream), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemsetD8Async)(address, 0, 17, stream), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemFree)(address + 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemFreeAsync)(address, stream), CUDA_ERROR_INVALID_VALUE);  // it is from cuMemAlloc
  ASSERT_CUDA(cu(cuMemFree)(address));
  EXPECT_EQ(cu(cuMemFree)(address), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemcpyHtoD)(address, host, 16), CUDA_ERROR_INVALID_VALUE);
  CUdeviceptr none = 0;
  EXPECT_EQ(cu(cuMemAlloc)(&none, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuMemAlloc)(nullptr, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cu(cuMemcpyHtoD)(address, host, 0));
}

using MemoryDeathTest = Memory;

#if defined(__SANITIZE_ADDRESS__)
TEST_F(MemoryDeathTest, AddressSanitizerReportsAnOverrun) {
  EXPECT_DEATH(run_store(function(module, "store_beside"), allocate(4), 1), "AddressSanitizer: use-after-poison");
}

TEST_F(MemoryDeathTest, AddressSanitizerReportsAnOverrunOfSharedMemory) {
  const char* text = R"(
    extern "C" __global__ void k(int* p, int i) {
      __shared__ int shared[3];
      __shared__ int beside[3];
      shared[i] = beside[0] = i;
      *p = shared[0] + beside[0];
    })";
  const CUfunction f = kernel(text, "k");
  const CUdeviceptr address = allocate(4);
  EXPECT_DEATH((void)(launch(f, 1, 1, 0, stream, address, 3), cu(cuStreamSynchronize)(stream)),
               "AddressSanitizer: global-buffer-overflow(.|\n)*test.cu:5");
}
#else
TEST_F(Memory, AnOverrunIsSticky) {
  const CUdeviceptr address = allocate(4096);
  EXPECT_EQ(store_at(address, 1024), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(diagnosis().find("kernel store, block (0, 0, 0), thread (0, 0, 0)"), std::string::npos) << diagnosis();
  CUdeviceptr more = 0;
  EXPECT_EQ(cu(cuMemAlloc)(&more, 16), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cu(cuMemFree)(address), CUDA_ERROR_ILLEGAL_ADDRESS);
  const char* text = nullptr;
  EXPECT_CUDA(cu(cuGetErrorString)(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  EXPECT_EQ(text, "an illegal memory access was encountered: " + diagnosis());
  // The context can be made anew.
  ASSERT_CUDA(cu(cuDevicePrimaryCtxRelease)(0));
  ASSERT_CUDA(cu(cuDevicePrimaryCtxRetain)(&context, 0));
  EXPECT_CUDA(cu(cuMemAlloc)(&more, 16));
}

// Even where the page is open already.
TEST_F(Memory, AShortOverrunIsNoticed) {
  EXPECT_EQ(run_store(function(module, "store_beside"), allocate(4), 1), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(diagnosis().find("behind the end of an allocation of 4 bytes"), std::string::npos) << diagnosis();
}

TEST_F(Memory, AnUnderrunIsNoticed) {
  EXPECT_EQ(run_store(function(module, "store_beside"), allocate(4), -1), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(diagnosis().find("before the beginning of an allocation of 4 bytes"), std::string::npos) << diagnosis();
}

TEST_F(Memory, RunningOffTheStackEndsTheLaunch) {
  ASSERT_CUDA(launch(function(module, "recurse"), 1, 1, 0, stream, allocate(4), 1'000'000));
  EXPECT_EQ(cu(cuStreamSynchronize)(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
}
#endif

TEST_F(Memory, ADivisionByZeroEndsTheLaunch) {
  ASSERT_CUDA(launch(function(module, "divide"), 1, 1, 0, stream, allocate(4), 0));
  EXPECT_EQ(cu(cuStreamSynchronize)(stream), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(diagnosis().find("division by zero"), std::string::npos) << diagnosis();
}

TEST_F(Memory, AKernelMayNotUseFreedMemory) {
  const CUdeviceptr address = allocate(4096);
  ASSERT_CUDA(cu(cuMemFree)(address));
  EXPECT_EQ(store_at(address, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Memory, AKernelMayNotUseTheHostsMemory) {
  std::vector<int> host(4);
  EXPECT_EQ(store_at(reinterpret_cast<CUdeviceptr>(host.data()), 0), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(diagnosis().find("parameter 1 points to memory of the host"), std::string::npos) << diagnosis();
}

TEST_F(Memory, AKernelMayUsePinnedMemory) {
  void* pinned = nullptr;
  ASSERT_CUDA(cu(cuMemHostAlloc)(&pinned, 16, CU_MEMHOSTALLOC_DEVICEMAP));
  EXPECT_CUDA(store_at(reinterpret_cast<CUdeviceptr>(pinned), 3));
  EXPECT_EQ(static_cast<int*>(pinned)[3], 7);
  EXPECT_CUDA(cu(cuMemFreeHost)(pinned));
  EXPECT_EQ(cu(cuMemFreeHost)(pinned), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(counts().live_host_allocations, 0u);
}

TEST_F(Memory, RegisteredMemoryIsReadWhenTheCopyRuns) {
  std::vector<int> host(4, 1);
  const CUdeviceptr address = allocate(16);
  ASSERT_CUDA(cu(cuMemHostRegister)(host.data(), 16, 0));
  EXPECT_EQ(cu(cuMemHostRegister)(host.data() + 1, 4, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  ASSERT_CUDA(cu(cuMemcpyHtoDAsync)(address, host.data(), 16, stream));
  host[0] = 2;
  ASSERT_CUDA(cu(cuMemHostUnregister)(host.data()));
  EXPECT_EQ(download<int>(address, 1)[0], 2);
  EXPECT_EQ(cu(cuMemHostUnregister)(host.data()), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

TEST_F(Memory, FreedWhileAnotherStreamUsesIt) {
  CUdeviceptr address = 0;
  ASSERT_CUDA(cu(cuMemAllocAsync)(&address, 64, stream));
  ASSERT_CUDA(cu(cuStreamSynchronize)(stream));
  ASSERT_CUDA(launch(store, 1, 1, 0, other, address, 0LL, 1));
  ASSERT_CUDA(cu(cuMemFreeAsync)(address, stream));
  ASSERT_CUDA(cu(cuStreamSynchronize)(stream));
  EXPECT_EQ(cu(cuStreamSynchronize)(other), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Memory, FreedAfterAnEventOfTheOtherStream) {
  CUdeviceptr address = 0;
  CUevent used = nullptr;
  ASSERT_CUDA(cu(cuEventCreate)(&used, CU_EVENT_DISABLE_TIMING));
  ASSERT_CUDA(cu(cuMemAllocAsync)(&address, 64, stream));
  ASSERT_CUDA(cu(cuStreamSynchronize)(stream));
  ASSERT_CUDA(launch(store, 1, 1, 0, other, address, 0LL, 1));
  ASSERT_CUDA(cu(cuEventRecord)(used, other));
  ASSERT_CUDA(cu(cuStreamWaitEvent)(stream, used, 0));
  ASSERT_CUDA(cu(cuMemFreeAsync)(address, stream));
  EXPECT_CUDA(cu(cuStreamSynchronize)(stream));
  EXPECT_CUDA(cu(cuStreamSynchronize)(other));
  EXPECT_EQ(cu(cuMemFreeAsync)(address, stream), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Memory, UsedBeforeItsStreamAllocatesIt) {
  CUdeviceptr address = 0;
  ASSERT_CUDA(cu(cuMemAllocAsync)(&address, 64, stream));
  ASSERT_CUDA(launch(store, 1, 1, 0, other, address, 0LL, 1));
  EXPECT_EQ(cu(cuStreamSynchronize)(other), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Memory, ACopyOfFreedMemoryFailsWhenItRuns) {
  CUdeviceptr address = 0;
  std::vector<int> host(16);
  ASSERT_CUDA(cu(cuMemAllocAsync)(&address, 64, stream));
  ASSERT_CUDA(cu(cuStreamSynchronize)(stream));
  ASSERT_CUDA(cu(cuMemFreeAsync)(address, stream));
  ASSERT_CUDA(cu(cuMemcpyHtoDAsync)(address, host.data(), 64, stream));
  EXPECT_EQ(cu(cuStreamSynchronize)(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_NE(diagnosis().find("has been freed"), std::string::npos) << diagnosis();
}

TEST_F(MemoryDeathTest, TheHostMayNotTouchIt) {
  const CUdeviceptr address = allocate(64);
  EXPECT_DEATH(*reinterpret_cast<volatile int*>(address) = 1, "the host touches device memory");
  cu(kiln_simulated_set_protection)(0);
  *reinterpret_cast<volatile int*>(address) = 1;
  EXPECT_EQ(download<int>(address, 1)[0], 1);
}

TEST_F(Memory, PointersTellWhatTheyPointTo) {
  const CUdeviceptr address = allocate(100);
  unsigned type = 0;
  CUdeviceptr start = 0;
  std::size_t bytes = 0;
  EXPECT_CUDA(cu(cuPointerGetAttribute)(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address + 50));
  EXPECT_EQ(type, static_cast<unsigned>(CU_MEMORYTYPE_DEVICE));
  EXPECT_CUDA(cu(cuPointerGetAttribute)(&start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, address + 50));
  EXPECT_CUDA(cu(cuPointerGetAttribute)(&bytes, CU_POINTER_ATTRIBUTE_RANGE_SIZE, address + 50));
  EXPECT_EQ(start, address);
  EXPECT_EQ(bytes, 100u);
  int host = 0;
  EXPECT_EQ(cu(cuPointerGetAttribute)(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(&host)),
            CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Memory, ThePoolKnowsWhatIsUsed) {
  CUmemoryPool pool = nullptr;
  cuuint64_t value = 1 << 20;
  CUdeviceptr address = 0;
  ASSERT_CUDA(cu(cuDeviceGetDefaultMemPool)(&pool, 0));
  ASSERT_CUDA(cu(cuMemPoolSetAttribute)(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value));
  ASSERT_CUDA(cu(cuMemAllocAsync)(&address, 1000, stream));
  ASSERT_CUDA(cu(cuMemPoolGetAttribute)(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &value));
  EXPECT_EQ(value, 1000u);
  ASSERT_CUDA(cu(cuMemFreeAsync)(address, stream));
  ASSERT_CUDA(cu(cuStreamSynchronize)(stream));
  ASSERT_CUDA(cu(cuMemPoolGetAttribute)(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &value));
  EXPECT_EQ(value, 0u);
  ASSERT_CUDA(cu(cuMemPoolGetAttribute)(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value));
  EXPECT_EQ(value, 1u << 20);
  EXPECT_CUDA(cu(cuMemPoolTrimTo)(pool, 0));
  EXPECT_EQ(cu(cuMemPoolTrimTo)(nullptr, 0), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
