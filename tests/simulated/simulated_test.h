// Loads the simulated libraries, and what their tests share: a table of functions, programs, arrays with hashed
// contents.
#pragma once

#include <cuda.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <nvrtc.h>

#include "tests/simulated/control.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace simulated_test {

#define KILN_TEXT_OF(name) #name
#define KILN_NAME_OF(name) KILN_TEXT_OF(name)  // after cuda.h's macros: cuMemAlloc_v2

// A pointer to every function used, under its name with `p` before it.
#define KILN_DRIVER_FUNCTIONS(f)                                                                                       \
  f(cuInit) f(cuDriverGetVersion) f(cuDeviceGetCount) f(cuDeviceGet) f(cuDeviceGetName) f(cuDeviceTotalMem) f(         \
      cuDeviceGetAttribute) f(cuDeviceGetUuid) f(cuDevicePrimaryCtxRetain) f(cuDevicePrimaryCtxRelease)                \
      f(cuDevicePrimaryCtxGetState) f(cuCtxSetCurrent) f(cuCtxGetCurrent) f(cuCtxPushCurrent) f(cuCtxPopCurrent) f(    \
          cuCtxSynchronize) f(cuStreamCreate) f(cuStreamDestroy) f(cuStreamSynchronize) f(cuStreamQuery)               \
          f(cuStreamWaitEvent) f(cuEventCreate) f(cuEventRecord) f(cuEventQuery) f(cuEventSynchronize) f(              \
              cuEventElapsedTime) f(cuEventDestroy) f(cuMemAlloc) f(cuMemFree) f(cuMemAllocAsync) f(cuMemFreeAsync)    \
              f(cuMemHostAlloc) f(cuMemFreeHost) f(cuMemHostRegister) f(cuMemHostUnregister) f(cuMemGetInfo) f(        \
                  cuMemcpyHtoDAsync) f(cuMemcpyDtoHAsync) f(cuMemcpyDtoDAsync) f(cuMemcpyHtoD) f(cuMemcpyDtoH)         \
                  f(cuMemsetD8Async) f(cuMemsetD32Async) f(cuModuleLoadData) f(cuModuleUnload) f(cuModuleGetFunction)  \
                      f(cuLaunchKernel) f(cuLaunchHostFunc) f(cuFuncGetAttribute) f(cuFuncSetAttribute) f(             \
                          cuOccupancyMaxPotentialBlockSize) f(cuOccupancyMaxActiveBlocksPerMultiprocessor)             \
                          f(cuGetErrorName) f(cuGetErrorString) f(cuDeviceGetDefaultMemPool) f(cuMemPoolSetAttribute)  \
                              f(cuMemPoolGetAttribute) f(cuMemPoolTrimTo) f(cuPointerGetAttribute) f(cuGetProcAddress) \
                                  f(kiln_simulated_reset) f(kiln_simulated_reset_counts) f(kiln_simulated_get_counts)  \
                                      f(kiln_simulated_fail) f(kiln_simulated_lose_device)                             \
                                          f(kiln_simulated_set_devices) f(kiln_simulated_set_driver_version)           \
                                              f(kiln_simulated_set_compute_capability)                                 \
                                                  f(kiln_simulated_set_init_result) f(kiln_simulated_set_memory)       \
                                                      f(kiln_simulated_set_order) f(kiln_simulated_set_streams)        \
                                                          f(kiln_simulated_set_protection) f(kiln_simulated_diagnosis)

#define KILN_NVRTC_FUNCTIONS(f)                                                                                       \
  f(nvrtcVersion) f(nvrtcGetErrorString) f(nvrtcGetNumSupportedArchs) f(nvrtcGetSupportedArchs) f(nvrtcCreateProgram) \
      f(nvrtcDestroyProgram) f(nvrtcCompileProgram) f(nvrtcGetCUBINSize) f(nvrtcGetCUBIN) f(nvrtcGetPTXSize)          \
          f(nvrtcGetPTX) f(nvrtcGetProgramLogSize) f(nvrtcGetProgramLog) f(kiln_simulated_compiler_runs)              \
              f(kiln_simulated_compiler_cache_hits) f(kiln_simulated_fail_compile) f(kiln_simulated_compile_collected)

struct Functions {
#define KILN_POINTER(name) decltype(&::name) p##name;
  KILN_DRIVER_FUNCTIONS(KILN_POINTER)
  KILN_NVRTC_FUNCTIONS(KILN_POINTER)
#undef KILN_POINTER

  Functions() {
    void* cuda = ::dlopen(KILN_SIMULATED_CUDA, RTLD_NOW | RTLD_LOCAL);
    void* nvrtc = ::dlopen(KILN_SIMULATED_NVRTC, RTLD_NOW | RTLD_LOCAL);
    if (cuda == nullptr || nvrtc == nullptr) throw std::runtime_error(::dlerror());
    const auto look_up = [](void* library, const char* name) {
      void* symbol = ::dlsym(library, name);
      if (symbol == nullptr) throw std::runtime_error(std::string("not exported: ") + name);
      return symbol;
    };
#define KILN_LOOK_UP(name) p##name = reinterpret_cast<decltype(&::name)>(look_up(library, KILN_NAME_OF(name)));
    void* library = cuda;
    KILN_DRIVER_FUNCTIONS(KILN_LOOK_UP)
    library = nvrtc;
    KILN_NVRTC_FUNCTIONS(KILN_LOOK_UP)
#undef KILN_LOOK_UP
  }
};

inline const Functions& functions() {
  static const Functions& all = *new Functions;
  return all;
}

// cu(cuMemAlloc)(…) calls the simulated function.
#define cu(name) (::simulated_test::functions().p##name)

inline std::uint32_t hash(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// In [0, 1).
inline float hashed(std::uint32_t i, std::uint32_t seed) {
  return static_cast<float>(hash(i * 2654435761u + seed) >> 8) * 0x1p-24f;
}

inline std::vector<float> hashed_floats(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = hashed(static_cast<std::uint32_t>(i), seed);
  return values;
}

struct Compiled {
  nvrtcResult result = NVRTC_SUCCESS;
  std::string log;
  std::string cubin;
};

inline Compiled compile(const std::string& text, std::vector<const char*> options = {"-arch=sm_90", "-fmad=false"}) {
  Compiled compiled;
  nvrtcProgram program = nullptr;
  EXPECT_EQ(cu(nvrtcCreateProgram)(&program, text.c_str(), "test.cu", 0, nullptr, nullptr), NVRTC_SUCCESS);
  compiled.result = cu(nvrtcCompileProgram)(program, static_cast<int>(options.size()), options.data());
  std::size_t size = 0;
  EXPECT_EQ(cu(nvrtcGetProgramLogSize)(program, &size), NVRTC_SUCCESS);
  compiled.log.resize(size);
  EXPECT_EQ(cu(nvrtcGetProgramLog)(program, compiled.log.data()), NVRTC_SUCCESS);
  compiled.log.resize(size - 1);
  if (compiled.result == NVRTC_SUCCESS) {
    EXPECT_EQ(cu(nvrtcGetCUBINSize)(program, &size), NVRTC_SUCCESS);
    compiled.cubin.resize(size);
    EXPECT_EQ(cu(nvrtcGetCUBIN)(program, compiled.cubin.data()), NVRTC_SUCCESS);
  }
  EXPECT_EQ(cu(nvrtcDestroyProgram)(&program), NVRTC_SUCCESS);
  return compiled;
}

#define EXPECT_CUDA(call) EXPECT_EQ((call), CUDA_SUCCESS)
#define ASSERT_CUDA(call) ASSERT_EQ((call), CUDA_SUCCESS)

// A driver as after loading, with the first device's context current.
class Simulated : public testing::Test {
 protected:
  void SetUp() override {
    cu(kiln_simulated_reset)();
    cu(kiln_simulated_set_order)(kiln_simulated_order_forward);  // whatever the environment says
    cu(kiln_simulated_set_streams)(kiln_simulated_streams_lazy);
    ASSERT_CUDA(cu(cuInit)(0));
    ASSERT_CUDA(cu(cuDevicePrimaryCtxRetain)(&context, 0));
    ASSERT_CUDA(cu(cuCtxSetCurrent)(context));
  }
  void TearDown() override { cu(kiln_simulated_reset)(); }

  CUmodule load(const std::string& text) {
    const Compiled compiled = compile(text);
    EXPECT_EQ(compiled.result, NVRTC_SUCCESS) << compiled.log;
    CUmodule module = nullptr;
    EXPECT_CUDA(cu(cuModuleLoadData)(&module, compiled.cubin.data()));
    return module;
  }
  CUfunction function(CUmodule module, const char* name) {
    CUfunction result = nullptr;
    EXPECT_CUDA(cu(cuModuleGetFunction)(&result, module, name));
    return result;
  }
  // The only kernel of a program.
  CUfunction kernel(const std::string& text, const char* name) { return function(load(text), name); }

  CUdeviceptr allocate(std::size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_CUDA(cu(cuMemAlloc)(&address, bytes));
    return address;
  }
  template <typename T>
  CUdeviceptr upload(const std::vector<T>& values) {
    const CUdeviceptr address = allocate(values.size() * sizeof(T));
    EXPECT_CUDA(cu(cuMemcpyHtoD)(address, values.data(), values.size() * sizeof(T)));
    return address;
  }
  template <typename T>
  std::vector<T> download(CUdeviceptr address, std::size_t count) {
    std::vector<T> values(count);
    EXPECT_CUDA(cu(cuMemcpyDtoH)(values.data(), address, count * sizeof(T)));
    return values;
  }

  template <typename... Arguments>
  CUresult launch(CUfunction f, unsigned grid, unsigned block, unsigned shared, CUstream stream,
                  Arguments... arguments) {
    void* values[] = {static_cast<void*>(&arguments)..., nullptr};
    return cu(cuLaunchKernel)(f, grid, 1, 1, block, 1, 1, shared, stream, values, nullptr);
  }

  kiln_simulated_counts counts() {
    kiln_simulated_counts result;
    cu(kiln_simulated_get_counts)(&result);
    return result;
  }
  std::string diagnosis() { return cu(kiln_simulated_diagnosis)(); }

  CUcontext context = nullptr;
};

}  // namespace simulated_test
