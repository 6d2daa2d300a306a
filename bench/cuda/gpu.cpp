// The GPU as the benchmark itself uses it: opening the driver, asking for properties.
#include "bench/cuda/gpu.h"

#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {
namespace {

#define BENCH_TEXT_OF(x) #x
#define BENCH_NAME_OF(x) BENCH_TEXT_OF(x)  // cuda.h names versions of functions by macros

Driver open_driver() {
  const char* const named = std::getenv("KILN_CUDA_DRIVER");
  const std::string file = named ? named : "libcuda.so.1";
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error("no NVIDIA driver: " + file + " is not found");
  Driver into;
#define BENCH_LOOK_UP(function)                                                                         \
  into.function = reinterpret_cast<decltype(into.function)>(::dlsym(library, BENCH_NAME_OF(function))); \
  if (!into.function) throw std::runtime_error(fmt::format("{} has no {}", file, BENCH_NAME_OF(function)));
  BENCH_DRIVER_FUNCTIONS(BENCH_LOOK_UP)
  return into;
}

}  // namespace

const Driver& driver() {
  static const Driver opened = open_driver();
  return opened;
}

void expect_success(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  const char* name = nullptr;
  driver().cuGetErrorName(result, &name);
  throw std::runtime_error(fmt::format("cannot {}: {}", what, name ? name : "an unknown error"));
}

Gpu::Gpu(int index) : index_(index) {
  const auto begin = std::chrono::steady_clock::now();
  expect_success(driver().cuInit(0), "start the driver");
  CUdevice device = 0;
  expect_success(driver().cuDeviceGet(&device, index), "find the GPU");
  expect_success(driver().cuDevicePrimaryCtxRetain(&context_, device), "make a context");
  seconds_to_make_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  char name[256] = "";
  expect_success(driver().cuDeviceGetName(name, sizeof name, device), "ask for the GPU's name");
  name_ = name;
  const auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    expect_success(driver().cuDeviceGetAttribute(&value, which, device), "ask for an attribute of the GPU");
    return value;
  };
  architecture_ = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                  attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  multiprocessors_ = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  std::size_t bytes = 0;
  expect_success(driver().cuDeviceTotalMem(&bytes, device), "ask for the GPU's memory");
  memory_bytes_ = std::int64_t(bytes);
  expect_success(driver().cuCtxSetCurrent(context_), "make the context current");
  expect_success(driver().cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "make a stream");
}

std::string Gpu::driver_text() const {
  int version = 0;
  driver().cuDriverGetVersion(&version);
  std::string text = fmt::format("CUDA {}.{}", version / 1000, version % 1000 / 10);
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  if (!is_simulated() && std::getline(file, line)) {
    const auto at = line.find("Kernel Module");
    if (at != std::string::npos) text += ", " + line.substr(at, line.find("  ", at + 20) - at);
  }
  return text;
}

DeviceBuffer::DeviceBuffer(const Gpu& gpu, std::size_t bytes) : gpu_(gpu), bytes_(bytes) {
  expect_success(driver().cuMemAllocAsync(&address_, bytes == 0 ? 1 : bytes, gpu.stream()),
                 "allocate memory for a native");
  expect_success(driver().cuMemsetD8Async(address_, 0xff, bytes, gpu.stream()), "fill memory of a native");
  gpu.synchronize();
}

DeviceBuffer::~DeviceBuffer() {
  driver().cuMemFreeAsync(address_, gpu_.stream());
  driver().cuCtxSynchronize();
}

std::string Gpu::device_text() const { return is_simulated() ? "simulated" : fmt::format("cuda:{}", index_); }

}  // namespace bench
