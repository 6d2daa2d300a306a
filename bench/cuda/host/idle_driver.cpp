// A CUDA driver that does nothing and returns at once: what is left of a call's time is Kiln's own. It counts its
// calls.
#include <cuda.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

std::size_t calls = 0;
std::uintptr_t last_handle = 1 << 20;  // of what is made, one after the other
thread_local CUcontext current = nullptr;

CUresult done() {
  ++calls;
  return CUDA_SUCCESS;
}
template <class Handle>
CUresult make(Handle* handle, std::size_t bytes = 64) {
  *handle = reinterpret_cast<Handle>(last_handle);
  last_handle += (bytes + 511) & ~std::size_t{511};
  return done();
}
template <>
CUresult make(CUdeviceptr* address, std::size_t bytes) {
  *address = last_handle;
  last_handle += (bytes + 511) & ~std::size_t{511};
  return done();
}
template <class T>
CUresult answer(T* to, T value) {
  *to = value;
  return done();
}
constexpr std::size_t memory = std::size_t{16} << 30;

}  // namespace

extern "C" __attribute__((visibility("default"))) std::size_t kiln_idle_calls() { return calls; }

// clang-format off
#define KILN_IDLE(name, parameters, result) \
  extern "C" __attribute__((visibility("default"))) CUresult name parameters { return result; }

KILN_IDLE(cuInit, (unsigned), done())
KILN_IDLE(cuDriverGetVersion, (int* version), answer(version, CUDA_VERSION))
KILN_IDLE(cuDeviceGetCount, (int* count), answer(count, 1))
KILN_IDLE(cuDeviceGet, (CUdevice* device, int), answer(device, 0))
KILN_IDLE(cuDeviceGetName, (char* name, int size, CUdevice), (std::strncpy(name, "idle", std::size_t(size)), done()))
KILN_IDLE(cuDeviceTotalMem, (std::size_t* bytes, CUdevice), answer(bytes, memory))
KILN_IDLE(cuDeviceGetAttribute, (int* value, CUdevice_attribute attribute, CUdevice),
          answer(value, attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR   ? 9
                        : attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR ? 0
                        : attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT     ? 132 : 1))
KILN_IDLE(cuDevicePrimaryCtxRetain, (CUcontext* context, CUdevice), make(context))
KILN_IDLE(cuCtxPushCurrent, (CUcontext context), (current = context, done()))
KILN_IDLE(cuCtxPopCurrent, (CUcontext* context), answer(context, current))
KILN_IDLE(cuStreamCreate, (CUstream* stream, unsigned), make(stream))
KILN_IDLE(cuStreamQuery, (CUstream), done())
KILN_IDLE(cuStreamWaitEvent, (CUstream, CUevent, unsigned), done())
KILN_IDLE(cuStreamSynchronize, (CUstream), done())
KILN_IDLE(cuStreamIsCapturing, (CUstream, CUstreamCaptureStatus* status), answer(status, CU_STREAM_CAPTURE_STATUS_NONE))
KILN_IDLE(cuEventCreate, (CUevent* event, unsigned), make(event))
KILN_IDLE(cuEventRecord, (CUevent, CUstream), done())
KILN_IDLE(cuEventQuery, (CUevent), done())
KILN_IDLE(cuEventSynchronize, (CUevent), done())
KILN_IDLE(cuMemHostAlloc, (void** pinned, std::size_t bytes, unsigned), answer(pinned, std::calloc(bytes, 1)))
KILN_IDLE(cuMemFreeHost, (void* pinned), (std::free(pinned), done()))
KILN_IDLE(cuMemPoolCreate, (CUmemoryPool* pool, const CUmemPoolProps*), make(pool))
KILN_IDLE(cuMemPoolSetAttribute, (CUmemoryPool, CUmemPool_attribute, void*), done())
KILN_IDLE(cuMemPoolTrimTo, (CUmemoryPool, std::size_t), done())
KILN_IDLE(cuMemGetInfo, (std::size_t* free, std::size_t* total), (*free = memory, answer(total, memory)))
KILN_IDLE(cuMemAllocFromPoolAsync, (CUdeviceptr* address, std::size_t bytes, CUmemoryPool, CUstream), make(address, bytes))
KILN_IDLE(cuMemFreeAsync, (CUdeviceptr, CUstream), done())
KILN_IDLE(cuMemcpyHtoDAsync, (CUdeviceptr, const void*, std::size_t, CUstream), done())
KILN_IDLE(cuMemcpyDtoHAsync, (void* to, CUdeviceptr, std::size_t bytes, CUstream), (std::memset(to, 0, bytes), done()))
KILN_IDLE(cuMemcpyPeerAsync, (CUdeviceptr, CUcontext, CUdeviceptr, CUcontext, std::size_t, CUstream), done())
KILN_IDLE(cuMemsetD8Async, (CUdeviceptr, unsigned char, std::size_t, CUstream), done())
KILN_IDLE(cuModuleLoadData, (CUmodule* module, const void*), make(module))
KILN_IDLE(cuModuleUnload, (CUmodule), done())
KILN_IDLE(cuModuleGetFunction, (CUfunction* function, CUmodule, const char*), make(function))
KILN_IDLE(cuFuncGetAttribute, (int* value, CUfunction_attribute, CUfunction), answer(value, 32))
KILN_IDLE(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int* blocks, CUfunction, int, std::size_t), answer(blocks, 8))
KILN_IDLE(cuLaunchKernel, (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**, void**), done())
KILN_IDLE(cuGetErrorName, (CUresult, const char** name), answer(name, "CUDA_ERROR_IDLE"))
KILN_IDLE(cuGetErrorString, (CUresult, const char** text), answer(text, "idle"))
// clang-format on
