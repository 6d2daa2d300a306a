// A GPU's context and stream, and memory from the driver's stream-ordered pool.
#include "cuda/device.h"

#include "core/error_text.h"

#include <kiln/error.h>

namespace kiln::on_cuda {

void check(CUresult result, const char* what) {
  if (result != CUDA_SUCCESS) throw RuntimeError(text("cannot ", what, ": ", describe(result)));
}

Device::Device(int index) : index_(index) {
  CUdevice device = 0;
  check(driver().cuDeviceGet(&device, index), "find the GPU");
  char name[200] = "";
  check(driver().cuDeviceGetName(name, sizeof name, device), "ask for the GPU's name");
  name_ = name;
  const auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    check(driver().cuDeviceGetAttribute(&value, which, device), "ask for an attribute of the GPU");
    return value;
  };
  architecture_ = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                  attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  multiprocessors_ = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  std::size_t bytes = 0;
  check(driver().cuDeviceTotalMem(&bytes, device), "ask for the GPU's memory");
  memory_bytes_ = static_cast<std::int64_t>(bytes);
  check(driver().cuDevicePrimaryCtxRetain(&context_, device), "make a context");
  const Current current(*this);
  check(driver().cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "make a stream");
  check(driver().cuDeviceGetDefaultMemPool(&pool_, device), "find the memory pool");
  cuuint64_t keep = ~cuuint64_t{0};  // until it is trimmed
  check(driver().cuMemPoolSetAttribute(pool_, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep), "set up the memory pool");
}

std::string Device::description() const { return text(name_, ", sm_", architecture_); }

std::uint64_t Device::allocate(std::size_t bytes) {
  if (bytes == 0) bytes = 1;
  const Current current(*this);
  CUdeviceptr address = 0;
  CUresult result = driver().cuMemAllocAsync(&address, bytes, stream_);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    // What was freed and kept may be in pieces of other sizes.
    check(driver().cuStreamSynchronize(stream_), "wait for the GPU");
    check(driver().cuMemPoolTrimTo(pool_, 0), "trim the memory pool");
    result = driver().cuMemAllocAsync(&address, bytes, stream_);
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    std::size_t free = 0, total = 0;
    driver().cuMemGetInfo(&free, &total);
    throw RuntimeError(text("no memory for ", bytes, " bytes on cuda:", index_, ", where ", free, " of ", total,
                            " bytes are free; work on fewer elements at a time, or free arrays"));
  }
  check(result, "allocate memory on the GPU");
  return address;
}

void Device::deallocate(std::uint64_t address, std::size_t) noexcept {
  CUcontext popped;
  if (driver().cuCtxPushCurrent(context_) != CUDA_SUCCESS) return;
  driver().cuMemFreeAsync(address, stream_);
  driver().cuCtxPopCurrent(&popped);
}

void Device::copy_to_device(std::uint64_t to, const std::byte* from, std::size_t bytes) {
  if (bytes == 0) return;
  const Current current(*this);
  check(driver().cuMemcpyHtoDAsync(to, from, bytes, stream_), "copy to the GPU");
}

void Device::copy_to_host(std::byte* to, std::uint64_t from, std::size_t bytes) {
  if (bytes == 0) return;
  const Current current(*this);
  check(driver().cuMemcpyDtoHAsync(to, from, bytes, stream_), "copy from the GPU");
  check(driver().cuStreamSynchronize(stream_), "wait for the GPU");
}

}  // namespace kiln::on_cuda
