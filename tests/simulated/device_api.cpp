// The simulated driver's functions about itself, devices and contexts.
#include "tests/simulated/driver.h"

#include <dlfcn.h>

#include <cstring>
#include <set>
#include <string>

using namespace kiln::simulated;

namespace {

bool is_device(const Call& call, CUdevice device) { return device >= 0 && device < call.driver.settings.devices; }

struct ErrorText {
  CUresult code;
  const char* name;
  const char* text;
};

constexpr ErrorText error_texts[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_DEINITIALIZED, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {CUDA_ERROR_DEVICE_UNAVAILABLE, "CUDA_ERROR_DEVICE_UNAVAILABLE",
     "CUDA-capable device(s) is/are busy or unavailable"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {CUDA_ERROR_ECC_UNCORRECTABLE, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {CUDA_ERROR_INVALID_SOURCE, "CUDA_ERROR_INVALID_SOURCE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {CUDA_ERROR_CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {CUDA_ERROR_ASSERT, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {CUDA_ERROR_HARDWARE_STACK_ERROR, "CUDA_ERROR_HARDWARE_STACK_ERROR", "hardware stack error"},
    {CUDA_ERROR_ILLEGAL_INSTRUCTION, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
    {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_NOT_PERMITTED, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_SYSTEM_NOT_READY, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
     "system has unsupported display driver / cuda driver combination"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText* text_of(CUresult error) {
  for (const ErrorText& entry : error_texts) {
    if (entry.code == error) return &entry;
  }
  return nullptr;
}

// An H100's, where a client may ask. 0 is the answer to every other attribute.
int attribute_of(const Settings& settings, CUdevice_attribute attribute) {
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X: return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: return 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: return 64;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: return 0x7fffffff;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y: return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: return 65535;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: return 48 * 1024;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: return static_cast<int>(most_dynamic_shared_bytes);
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return 228 * 1024;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK: return 1024;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY: return 65536;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH: return 0x7fffffff;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK: return 65536;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return 1980000;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: return 2619000;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: return 5120;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: return 50 << 20;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT: return 512;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return 132;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: return 2048;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: return 32;
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS: return 1;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: return 3;
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP: return 1;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: return 1;
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY: return 1;
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: return settings.pools;
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED: return 1;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED: return 1;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return settings.major;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return settings.minor;
    default: return 0;
  }
}

CUresult uuid_of(CUuuid* uuid, CUdevice device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (uuid == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  std::memcpy(uuid->bytes, "kiln-simulated-0", sizeof uuid->bytes);
  uuid->bytes[sizeof uuid->bytes - 1] = static_cast<char>('0' + device);
  return CUDA_SUCCESS;
}

// A function of this library under the name cuda.h gives it, newest first.
void* exported(const std::string& name) {
  static void* const self = [] {
    Dl_info info{};
    ::dladdr(reinterpret_cast<void*>(&cuInit), &info);
    return ::dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  }();
  for (const char* suffix : {"_v3", "_v2", ""}) {
    if (void* symbol = ::dlsym(self, (name + suffix).c_str())) return symbol;
  }
  return nullptr;
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned flags) {
  Call call(Call::Needs::nothing);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (call.driver.settings.init_result != CUDA_SUCCESS) return call.driver.settings.init_result;
  if (call.driver.settings.devices == 0) return CUDA_ERROR_NO_DEVICE;
  call.driver.make_contexts();
  install_signal_handlers();
  call.driver.initialized = true;
  return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int* version) {
  Call call(Call::Needs::nothing);
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = call.driver.settings.driver_version;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  const ErrorText* text = text_of(error);
  if (name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *name = text == nullptr ? nullptr : text->name;
  return text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

// For an error that broke a context, the simulation's diagnosis follows CUDA's text.
CUresult cuGetErrorString(CUresult error, const char** result) {
  const ErrorText* text = text_of(error);
  if (result == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *result = text == nullptr ? nullptr : text->text;
  if (text == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Call call(Call::Needs::nothing);
  for (const std::unique_ptr<Context>& context : call.driver.contexts) {
    if (error == CUDA_SUCCESS || context->sticky != error || call.driver.diagnosis.empty()) continue;
    static auto& texts = *new std::set<std::string>;  // as callers keep the pointer
    *result = texts.insert(std::string(text->text) + ": " + call.driver.diagnosis).first->c_str();
    break;
  }
  return CUDA_SUCCESS;
}

CUresult cuGetProcAddress(const char* symbol, void** function, int version, cuuint64_t,
                          CUdriverProcAddressQueryResult* status) {
  if (symbol == nullptr || function == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Call call(Call::Needs::nothing);
  *function = exported(symbol);
  const bool too_new = version > call.driver.settings.driver_version;
  if (status != nullptr) {
    *status = *function == nullptr ? CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
              : too_new            ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                   : CU_GET_PROC_ADDRESS_SUCCESS;
  }
  if (*function != nullptr && !too_new) return CUDA_SUCCESS;
  *function = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

// --- devices ---

CUresult cuDeviceGetCount(int* count) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *count = call.driver.settings.devices;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (name == nullptr || length <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  std::strncpy(name, "Simulated GPU", static_cast<std::size_t>(length));
  name[length - 1] = '\0';
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(std::size_t* bytes, CUdevice device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = call.driver.settings.memory;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (value == nullptr || attribute <= 0 || attribute >= CU_DEVICE_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  *value = attribute == CU_DEVICE_ATTRIBUTE_PCI_BUS_ID ? device + 1 : attribute_of(call.driver.settings, attribute);
  return CUDA_SUCCESS;
}

#undef cuDeviceGetUuid
__attribute__((visibility("default"))) CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return uuid_of(uuid, device);
}
__attribute__((visibility("default"))) CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  return uuid_of(uuid, device);
}

// --- contexts ---

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  const auto ordinal = static_cast<std::size_t>(device);
  if (call.driver.lost[ordinal] != CUDA_SUCCESS) return call.driver.lost[ordinal];
  Context& primary = *call.driver.contexts[ordinal];
  ++primary.retained;
  *context = Driver::handle_of(&primary);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  Context& primary = *call.driver.contexts[static_cast<std::size_t>(device)];
  if (primary.retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--primary.retained == 0) call.driver.destroy(primary);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(call, device)) return CUDA_ERROR_INVALID_DEVICE;
  *flags = 0;
  *active = call.driver.contexts[static_cast<std::size_t>(device)]->retained > 0 ? 1 : 0;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext handle) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  ContextStack& stack = context_stack(call.driver);
  if (handle == nullptr) {
    if (!stack.empty()) stack.pop_back();
    return CUDA_SUCCESS;
  }
  Context* context = call.driver.context_of(handle);
  if (context == nullptr || context->retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (stack.empty()) stack.push_back(nullptr);
  stack.back() = context;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* handle) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *handle = Driver::handle_of(call.context);
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext handle) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  Context* context = call.driver.context_of(handle);
  if (context == nullptr || context->retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  return context_stack(call.driver).push_back(context) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuCtxPopCurrent(CUcontext* handle) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  ContextStack& stack = context_stack(call.driver);
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (handle != nullptr) *handle = Driver::handle_of(stack.back());
  stack.pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* device) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (call.context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  *device = call.context->device;
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  ++call.driver.counts.synchronizations;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_synchronize, CUDA_ERROR_LAUNCH_FAILED);
  if (fault != CUDA_SUCCESS) return fault;
  return synchronize_context(call, *call.context);
}

}  // extern "C"
