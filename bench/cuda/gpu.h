// The GPU as the benchmark itself uses it, beside Kiln: the driver opened at run time, memory, waiting.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

// clang-format off
#define BENCH_DRIVER_FUNCTIONS(f)                                                                                   \
  f(cuInit) f(cuDriverGetVersion) f(cuDeviceGet) f(cuDeviceGetName) f(cuDeviceTotalMem) f(cuDeviceGetAttribute)      \
  f(cuDevicePrimaryCtxRetain) f(cuCtxSetCurrent) f(cuCtxSynchronize) f(cuStreamCreate)                               \
  f(cuMemAllocAsync) f(cuMemFreeAsync) f(cuMemcpyHtoD) f(cuMemcpyDtoH) f(cuMemcpyDtoDAsync) f(cuMemsetD8Async)      \
  f(cuModuleLoadData) f(cuModuleGetFunction) f(cuLaunchKernel) f(cuOccupancyMaxActiveBlocksPerMultiprocessor)       \
  f(cuGetErrorName)
// clang-format on

#define BENCH_FUNCTION_POINTER(name) decltype(&::name) name = nullptr;
struct Driver {
  BENCH_DRIVER_FUNCTIONS(BENCH_FUNCTION_POINTER)
};
#undef BENCH_FUNCTION_POINTER

// The library that KILN_CUDA_DRIVER names, or libcuda.so.1. Throws where it cannot be opened.
const Driver& driver();

// Throws where the driver's answer is not success.
void expect_success(CUresult result, const char* what);

// The primary context, which Kiln's calls use too, and a stream beside Kiln's. Never destroyed: contenders hold it.
class Gpu {
 public:
  explicit Gpu(int index);

  int index() const { return index_; }
  const std::string& name() const { return name_; }
  int architecture() const { return architecture_; }  // 90: sm_90
  int multiprocessors() const { return multiprocessors_; }
  std::int64_t memory_bytes() const { return memory_bytes_; }
  // "CUDA 13.0, NVIDIA UNIX ... 580.159.04".
  std::string driver_text() const;
  // No GPU, but what stands in for one where there is none: its times are those of the host.
  bool is_simulated() const { return name_.find("Simulated") != std::string::npos; }
  // How records name it: "cuda:0", or "simulated".
  std::string device_text() const;

  // Of starting the driver and making the context.
  double seconds_to_make() const { return seconds_to_make_; }

  CUstream stream() const { return stream_; }
  // Waits for all streams of the context, Kiln's among them.
  void synchronize() const { expect_success(driver().cuCtxSynchronize(), "wait for the GPU"); }

 private:
  int index_, architecture_ = 0, multiprocessors_ = 0;
  std::int64_t memory_bytes_ = 0;
  double seconds_to_make_ = 0;
  std::string name_;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
};

// Memory of a native, from the pool that Kiln's comes from: what one bench has freed is the next one's. Full of 0xff at
// first, so that a kernel that writes nothing cannot pass.
class DeviceBuffer {
 public:
  DeviceBuffer(const Gpu& gpu, std::size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(const DeviceBuffer&) = delete;

  CUdeviceptr address() const { return address_; }
  std::size_t bytes() const { return bytes_; }
  void copy_from(const void* host) const {
    expect_success(driver().cuMemcpyHtoD(address_, host, bytes_), "copy to the GPU");
  }
  void copy_to(void* host) const { expect_success(driver().cuMemcpyDtoH(host, address_, bytes_), "copy from the GPU"); }

 private:
  const Gpu& gpu_;
  std::size_t bytes_;
  CUdeviceptr address_ = 0;
};

}  // namespace bench
