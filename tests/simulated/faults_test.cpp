// Handles and contexts that are not valid, launches beyond the limits, injected faults, devices that are lost.
#include "tests/simulated/simulated_test.h"

#include <atomic>
#include <cstring>
#include <thread>

namespace {

using namespace simulated_test;

constexpr const char* program = R"(
  extern "C" __global__ void __launch_bounds__(128) set(int* p, int value) { p[threadIdx.x] = value; }
  struct Large { int values[1100]; };
  extern "C" __global__ void large(Large l, int* p) { *p = l.values[7]; }
)";

class Faults : public Simulated {
 protected:
  void SetUp() override {
    Simulated::SetUp();
    module = load(program);
    set = function(module, "set");
    memory = allocate(4096);
  }
  CUresult start() { return launch(set, 1, 128, 0, nullptr, memory, 1); }

  CUmodule module = nullptr;
  CUfunction set = nullptr;
  CUdeviceptr memory = 0;
};

TEST(Initialization, WhatADriverSaysBeforeIt) {
  cu(kiln_simulated_reset)();
  int count = 0;
  EXPECT_EQ(cu(cuDeviceGetCount)(&count), CUDA_ERROR_NOT_INITIALIZED);
  EXPECT_CUDA(cu(cuDriverGetVersion)(&count));
  EXPECT_EQ(count, 13000);
  cu(kiln_simulated_set_driver_version)(11080);
  EXPECT_CUDA(cu(cuDriverGetVersion)(&count));
  EXPECT_EQ(count, 11080);
  EXPECT_EQ(cu(cuInit)(1), CUDA_ERROR_INVALID_VALUE);
  cu(kiln_simulated_set_devices)(0);
  EXPECT_EQ(cu(cuInit)(0), CUDA_ERROR_NO_DEVICE);
  cu(kiln_simulated_set_devices)(2);
  cu(kiln_simulated_set_init_result)(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  EXPECT_EQ(cu(cuInit)(0), CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  cu(kiln_simulated_set_init_result)(CUDA_SUCCESS);
  EXPECT_CUDA(cu(cuInit)(0));
  EXPECT_CUDA(cu(cuDeviceGetCount)(&count));
  EXPECT_EQ(count, 2);
  CUdeviceptr address = 0;
  EXPECT_EQ(cu(cuMemAlloc)(&address, 4), CUDA_ERROR_INVALID_CONTEXT);
  cu(kiln_simulated_reset)();
}

TEST_F(Faults, DevicesHaveProperties) {
  CUdevice device = -1;
  EXPECT_EQ(cu(cuDeviceGet)(&device, 1), CUDA_ERROR_INVALID_DEVICE);
  ASSERT_CUDA(cu(cuDeviceGet)(&device, 0));
  char name[64];
  ASSERT_CUDA(cu(cuDeviceGetName)(name, sizeof name, device));
  EXPECT_STREQ(name, "Simulated GPU");
  const auto attribute = [&](CUdevice_attribute which) {
    int value = -1;
    EXPECT_CUDA(cu(cuDeviceGetAttribute)(&value, which, device));
    return value;
  };
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), 9);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE), 32);
  EXPECT_EQ(attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED), 1);
  EXPECT_GT(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), 0);
  int least_grid = 0;
  int block = 0;
  int blocks = 0;
  ASSERT_CUDA(cu(cuOccupancyMaxPotentialBlockSize)(&least_grid, &block, set, nullptr, 0, 0));
  EXPECT_EQ(block, 128);
  ASSERT_CUDA(cu(cuOccupancyMaxActiveBlocksPerMultiprocessor)(&blocks, set, 128, 0));
  EXPECT_EQ(blocks, 16);
  EXPECT_EQ(least_grid, 16 * 132);
}

TEST_F(Faults, HandlesThatAreNotValid) {
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CUfunction f = nullptr;
  ASSERT_CUDA(cu(cuStreamCreate)(&stream, CU_STREAM_DEFAULT));
  ASSERT_CUDA(cu(cuEventCreate)(&event, 0));
  ASSERT_CUDA(cu(cuStreamDestroy)(stream));
  ASSERT_CUDA(cu(cuEventDestroy)(event));
  EXPECT_EQ(cu(cuStreamDestroy)(stream), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cu(cuEventDestroy)(event), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cu(cuEventDestroy)(nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cu(cuEventRecord)(event, nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(launch(set, 1, 1, 0, stream, memory, 1), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(launch(nullptr, 1, 1, 0, nullptr, memory, 1), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cu(cuModuleGetFunction)(&f, module, "none"), CUDA_ERROR_NOT_FOUND);
  ASSERT_CUDA(cu(cuModuleUnload)(module));
  EXPECT_EQ(cu(cuModuleGetFunction)(&f, module, "set"), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(start(), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cu(cuModuleLoadData)(&module, "no image at all, this is"), CUDA_ERROR_INVALID_IMAGE);
}

TEST_F(Faults, AModuleUnloadedBeforeItsKernelRuns) {
  ASSERT_CUDA(start());
  ASSERT_CUDA(cu(cuModuleUnload)(module));
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Faults, ModulesWithKernelsOfOneName) {
  const CUfunction one = kernel("extern \"C\" __global__ void k(int* p) { *p = 1; }", "k");
  const CUfunction two = kernel("extern \"C\" __global__ void k(int* p) { *p = 2; }", "k");
  ASSERT_CUDA(launch(one, 1, 1, 0, nullptr, memory));
  EXPECT_EQ(download<int>(memory, 1)[0], 1);
  ASSERT_CUDA(launch(two, 1, 1, 0, nullptr, memory));
  EXPECT_EQ(download<int>(memory, 1)[0], 2);
}

TEST_F(Faults, LaunchesBeyondTheLimits) {
  EXPECT_EQ(launch(set, 0, 1, 0, nullptr, memory, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(set, 1, 0, 0, nullptr, memory, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(set, 1, 129, 0, nullptr, memory, 1), CUDA_ERROR_INVALID_VALUE);  // __launch_bounds__(128)
  EXPECT_NE(diagnosis().find("a block of 129 threads, where 128 can be"), std::string::npos) << diagnosis();
  EXPECT_EQ(launch(set, 1, 1, 48 * 1024 + 1, nullptr, memory, 1), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CUDA(cu(cuFuncSetAttribute)(set, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 * 1024));
  EXPECT_CUDA(launch(set, 1, 1, 100 * 1024, nullptr, memory, 1));
  EXPECT_EQ(cu(cuFuncSetAttribute)(set, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300 * 1024),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu(cuLaunchKernel)(set, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
  struct Large {
    int values[1100];
  };
  EXPECT_EQ(launch(function(module, "large"), 1, 1, 0, nullptr, Large{}, memory), CUDA_ERROR_INVALID_VALUE);
  int value = 0;
  EXPECT_CUDA(cu(cuFuncGetAttribute)(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, set));
  EXPECT_EQ(value, 128);
}

TEST_F(Faults, ParametersInABuffer) {
  struct {
    CUdeviceptr p;
    int value;
  } buffer{memory, 9};
  std::size_t bytes = sizeof buffer;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  ASSERT_CUDA(cu(cuLaunchKernel)(set, 1, 1, 1, 2, 1, 1, 0, nullptr, nullptr, extra));
  EXPECT_EQ(download<int>(memory, 2), std::vector<int>(2, 9));
}

TEST_F(Faults, EachInjectedFault) {
  CUdeviceptr address = 0;
  int host = 0;
  CUstream stream = nullptr;
  CUevent event = nullptr;
  void* pinned = nullptr;
  const auto fail = [](kiln_simulated_fault fault, unsigned long long kth = 1, int result = 0) {
    cu(kiln_simulated_fail)(fault, kth, result);
  };
  fail(kiln_simulated_fault_allocation, 2);
  EXPECT_CUDA(cu(cuMemAlloc)(&address, 4));
  EXPECT_EQ(cu(cuMemAlloc)(&address, 4), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_CUDA(cu(cuMemAlloc)(&address, 4));
  fail(kiln_simulated_fault_host_allocation);
  EXPECT_EQ(cu(cuMemHostAlloc)(&pinned, 4, 0), CUDA_ERROR_OUT_OF_MEMORY);
  fail(kiln_simulated_fault_launch);
  EXPECT_EQ(start(), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  EXPECT_CUDA(start());
  fail(kiln_simulated_fault_copy, 1, CUDA_ERROR_UNKNOWN);
  EXPECT_EQ(cu(cuMemcpyDtoH)(&host, memory, 4), CUDA_ERROR_UNKNOWN);
  fail(kiln_simulated_fault_module);
  EXPECT_EQ(cu(cuModuleLoadData)(&module, compile(program).cubin.data()), CUDA_ERROR_OUT_OF_MEMORY);
  fail(kiln_simulated_fault_stream);
  EXPECT_EQ(cu(cuStreamCreate)(&stream, 0), CUDA_ERROR_OUT_OF_MEMORY);
  fail(kiln_simulated_fault_event);
  EXPECT_EQ(cu(cuEventCreate)(&event, 0), CUDA_ERROR_OUT_OF_MEMORY);
  fail(kiln_simulated_fault_synchronize);
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_CUDA(cu(cuCtxSynchronize)());
  fail(kiln_simulated_fault_copy);
  fail(kiln_simulated_fault_copy, 0);  // taken back
  EXPECT_CUDA(cu(cuMemcpyDtoH)(&host, memory, 4));
  fail(kiln_simulated_fault_kernel);
  EXPECT_CUDA(start());
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(start(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Faults, ACopyThatFailsWhenItRuns) {
  int host = 0;
  cu(kiln_simulated_fail)(kiln_simulated_fault_copy_run, 1, 0);
  ASSERT_CUDA(cu(cuMemcpyHtoDAsync)(memory, &host, 4, nullptr));
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Faults, ALostDevice) {
  ASSERT_CUDA(start());
  cu(kiln_simulated_lose_device)(0, CUDA_ERROR_DEVICE_UNAVAILABLE);
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_DEVICE_UNAVAILABLE);
  EXPECT_EQ(start(), CUDA_ERROR_DEVICE_UNAVAILABLE);
  EXPECT_EQ(cu(cuMemFree)(memory), CUDA_ERROR_DEVICE_UNAVAILABLE);
  CUcontext again = nullptr;
  EXPECT_EQ(cu(cuDevicePrimaryCtxRetain)(&again, 0), CUDA_ERROR_DEVICE_UNAVAILABLE);
}

TEST(Contexts, OfTwoDevices) {
  cu(kiln_simulated_reset)();
  cu(kiln_simulated_set_devices)(2);
  ASSERT_CUDA(cu(cuInit)(0));
  CUcontext contexts[2];
  CUstream streams[2];
  for (int i = 0; i < 2; ++i) {
    ASSERT_CUDA(cu(cuDevicePrimaryCtxRetain)(&contexts[i], i));
    ASSERT_CUDA(cu(cuCtxPushCurrent)(contexts[i]));
    ASSERT_CUDA(cu(cuStreamCreate)(&streams[i], 0));
  }
  CUcontext current = nullptr;
  ASSERT_CUDA(cu(cuCtxGetCurrent)(&current));
  EXPECT_EQ(current, contexts[1]);
  CUdeviceptr address = 0;
  EXPECT_EQ(cu(cuMemAllocAsync)(&address, 4, streams[0]), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CUDA(cu(cuMemAllocAsync)(&address, 4, streams[1]));
  ASSERT_CUDA(cu(cuCtxPopCurrent)(&current));
  EXPECT_EQ(current, contexts[1]);
  ASSERT_CUDA(cu(cuDevicePrimaryCtxRelease)(1));
  unsigned flags = 0;
  int active = 1;
  ASSERT_CUDA(cu(cuDevicePrimaryCtxGetState)(1, &flags, &active));
  EXPECT_EQ(active, 0);
  EXPECT_EQ(cu(cuCtxSetCurrent)(contexts[1]), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_CUDA(cu(cuCtxSynchronize)());
  ASSERT_CUDA(cu(cuDevicePrimaryCtxRelease)(0));
  EXPECT_EQ(cu(cuCtxSynchronize)(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  EXPECT_EQ(cu(cuDevicePrimaryCtxRelease)(0), CUDA_ERROR_INVALID_CONTEXT);
  cu(kiln_simulated_reset)();
}

TEST_F(Faults, ACubinForAnotherDevice) {
  const Compiled compiled = compile("extern \"C\" __global__ void k() {}", {"-arch=sm_80"});
  EXPECT_EQ(cu(cuModuleLoadData)(&module, compiled.cubin.data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  cu(kiln_simulated_set_compute_capability)(8, 6);
  EXPECT_CUDA(cu(cuModuleLoadData)(&module, compiled.cubin.data()));
}

TEST_F(Faults, FunctionsAreFoundByName) {
  void* symbol = nullptr;
  CUdriverProcAddressQueryResult status{};
  ASSERT_CUDA(cu(cuGetProcAddress)("cuMemAlloc", &symbol, 12000, 0, &status));
  EXPECT_EQ(symbol, reinterpret_cast<void*>(cu(cuMemAlloc)));
  EXPECT_EQ(cu(cuGetProcAddress)("cuNothing", &symbol, 12000, 0, &status), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  const char* text = nullptr;
  EXPECT_CUDA(cu(cuGetErrorName)(CUDA_ERROR_OUT_OF_MEMORY, &text));
  EXPECT_STREQ(text, "CUDA_ERROR_OUT_OF_MEMORY");
  EXPECT_EQ(cu(cuGetErrorName)(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Faults, ThreadsMayCallAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      EXPECT_CUDA(cu(cuCtxSetCurrent)(context));
      CUstream stream = nullptr;
      EXPECT_CUDA(cu(cuStreamCreate)(&stream, CU_STREAM_NON_BLOCKING));
      for (int i = 0; i < 50; ++i) {
        CUdeviceptr address = 0;
        std::vector<int> host(128);
        EXPECT_CUDA(cu(cuMemAllocAsync)(&address, 512, stream));
        EXPECT_CUDA(launch(set, 1, 128, 0, stream, address, 1000 * t + i));
        EXPECT_CUDA(cu(cuLaunchHostFunc)(stream, [](void*) { std::this_thread::yield(); }, nullptr));
        EXPECT_CUDA(cu(cuMemcpyDtoHAsync)(host.data(), address, 512, stream));
        EXPECT_CUDA(cu(cuMemFreeAsync)(address, stream));
        wrong += host == std::vector<int>(128, 1000 * t + i) ? 0 : 1;
      }
      EXPECT_CUDA(cu(cuStreamSynchronize)(stream));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(counts().live_allocations, 1u);
  EXPECT_EQ(counts().kernels_run, 200u);
}

}  // namespace
