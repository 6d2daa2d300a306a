// The CUDA driver and NVRTC, opened when a GPU is first asked for: a program runs with and without them.
#pragma once

#include <cuda.h>
#include <nvrtc.h>

#include <string>

namespace kiln::on_cuda {

// clang-format off
#define KILN_DRIVER_FUNCTIONS(f)                                                                                      \
  f(cuInit) f(cuDriverGetVersion) f(cuDeviceGetCount) f(cuDeviceGet) f(cuDeviceGetName) f(cuDeviceTotalMem)           \
  f(cuDeviceGetAttribute) f(cuDevicePrimaryCtxRetain) f(cuDevicePrimaryCtxGetState) f(cuCtxPushCurrent) f(cuCtxPopCurrent) f(cuStreamCreate)        \
  f(cuStreamQuery) f(cuStreamWaitEvent) f(cuEventCreate) f(cuEventRecord) f(cuEventQuery) f(cuEventSynchronize)       \
  f(cuMemHostAlloc) f(cuMemFreeHost)                                                                                  \
  f(cuStreamSynchronize) f(cuMemAllocFromPoolAsync) f(cuMemFreeAsync) f(cuMemcpyHtoDAsync) f(cuMemcpyDtoHAsync)       \
  f(cuMemcpyPeerAsync) f(cuMemsetD8Async) f(cuModuleLoadData) f(cuModuleUnload) f(cuModuleGetFunction)                \
  f(cuLaunchKernel) f(cuFuncGetAttribute) f(cuGetErrorName) f(cuGetErrorString) f(cuMemPoolCreate)                    \
  f(cuStreamIsCapturing)                                                                                              \
  f(cuMemPoolSetAttribute) f(cuMemPoolTrimTo) f(cuMemGetInfo) f(cuOccupancyMaxActiveBlocksPerMultiprocessor)
#define KILN_NVRTC_FUNCTIONS(f)                                                                                       \
  f(nvrtcVersion) f(nvrtcGetErrorString) f(nvrtcGetNumSupportedArchs) f(nvrtcGetSupportedArchs) f(nvrtcCreateProgram) \
  f(nvrtcDestroyProgram) f(nvrtcCompileProgram) f(nvrtcGetCUBINSize) f(nvrtcGetCUBIN) f(nvrtcGetPTXSize)              \
  f(nvrtcGetPTX) f(nvrtcGetProgramLogSize) f(nvrtcGetProgramLog)
// clang-format on

#define KILN_FUNCTION_POINTER(name) decltype(&::name) name = nullptr;
/// Pointers to the driver's functions, under the names that cuda.h gives them.
struct Driver {
  KILN_DRIVER_FUNCTIONS(KILN_FUNCTION_POINTER)
  std::string why_not;  // empty: all are there, and the driver is initialised
  int version = 0;      // of CUDA, 12040 for 12.4
};
struct Nvrtc {
  KILN_NVRTC_FUNCTIONS(KILN_FUNCTION_POINTER)
  std::string why_not;
  int major = 0, minor = 0;
};
#undef KILN_FUNCTION_POINTER

/// Opened at the first question, for good.
const Driver& driver();
const Nvrtc& nvrtc();

/// "CUDA_ERROR_OUT_OF_MEMORY: out of memory".
std::string describe(CUresult result);

}  // namespace kiln::on_cuda
