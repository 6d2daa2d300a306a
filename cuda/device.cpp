// A GPU's context, streams and state.
#include "cuda/device.h"

#include "backends/quiet_threads.h"
#include "core/config.h"
#include "core/error_text.h"
#include "cuda/compile.h"

#include <kiln/error.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace kiln::on_cuda {

namespace {

constinit thread_local const Device* current_device = nullptr;

// The context is of no use after these: CUDA_ERROR_ILLEGAL_ADDRESS and its kin, which every later call repeats.
bool loses_device(CUresult result) {
  switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_DEINITIALIZED:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ASSERT: return true;
    default: break;
  }
  // Of newer versions of cuda.h than Kiln needs: CONTAINED, TENSOR_MEMORY_LEAK, MPS_CLIENT_TERMINATED, EXTERNAL_DEVICE.
  const int number = static_cast<int>(result);
  return number == 226 || number == 721 || number == 810 || number == 911;
}

// Warps' threads go on independently from 7.0 on, which a kernel's lock needs.
constexpr int least_architecture = 70;

}  // namespace

Device::Current::Current(const Device& device) : before_(current_device), pushed_(current_device != &device) {
  if (!pushed_) return;
  const CUresult result = driver().cuCtxPushCurrent(device.context_);
  if (result != CUDA_SUCCESS) throw RuntimeError(text("cannot make a context current: ", describe(result)));
  current_device = &device;
}

Device::Current::~Current() {
  if (!pushed_) return;
  CUcontext popped;
  driver().cuCtxPopCurrent(&popped);
  current_device = before_;
}

Device::Device(int index, bool is_first) : index_(index), name_(text("cuda:", index)) {
  CUdevice device = 0;
  check(driver().cuDeviceGet(&device, index), "find the GPU");
  char product[200] = "";
  check(driver().cuDeviceGetName(product, sizeof product, device), "ask for the GPU's name");
  product_ = product;
  const auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    check(driver().cuDeviceGetAttribute(&value, which, device), "ask for an attribute of the GPU");
    return value;
  };
  architecture_ = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                  attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  multiprocessors_ = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  if (architecture_ < least_architecture)
    throw RuntimeError(text(product_, " is of compute capability ", architecture_ / 10, ".", architecture_ % 10,
                            "; Kiln needs ", least_architecture / 10, ".0 or newer"));
  if (attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) == 0)
    throw RuntimeError(text(product_,
                            " has no memory pools here (as some virtual GPUs have none), from which Kiln's memory "
                            "there is"));
  std::size_t bytes = 0;
  check(driver().cuDeviceTotalMem(&bytes, device), "ask for the GPU's memory");
  memory_bytes_ = static_cast<std::int64_t>(bytes);
  // Both take their time once in a process, and neither needs the other.
  unsigned flags = 0;
  int is_there = 0;
  driver().cuDevicePrimaryCtxGetState(device, &flags, &is_there);
  std::jthread starts_compiler;
  try {
    const backends::StartsQuietThreads quiet;
    if (is_first && is_there == 0 && std::thread::hardware_concurrency() > 1)
      starts_compiler = std::jthread(start_compiler);
  } catch (const std::system_error&) {
    // No thread is to be had.
  }
  check(driver().cuDevicePrimaryCtxRetain(&context_, device), "make a context");
  const Current current(*this);
  default_stream_ = &streams_.emplace_back(*this, Stream::Kind::of_device);
  legacy_stream_ = &streams_.emplace_back(*this, Stream::Kind::legacy);
  // A pool of its own: what it keeps other code's allocations cannot have.
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, index};
  check(driver().cuMemPoolCreate(&pool_, &properties), "make a memory pool");
  cuuint64_t keep = ~cuuint64_t{0};  // until it is trimmed
  check(driver().cuMemPoolSetAttribute(pool_, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep), "set up the memory pool");
}

std::string Device::description() const {
  if (is_lost()) return why_lost_;
  return text(product_, ", sm_", architecture_);
}

// ---- Errors ---------------------------------------------------------------------------------------------------------

void Device::check_alive() const {
  if (is_lost()) throw RuntimeError(why_lost_);
}

void Device::lose(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (!lost_) why_lost_ = why;
    lost_.store(true, std::memory_order_release);
  }
  throw RuntimeError(why_lost_);
}

void Device::check(CUresult result, const char* what, Stream* stream) {
  if (result == CUDA_SUCCESS) return;
  check_alive();
  std::string message = text("cannot ", what, ": ", describe(result),
                             result == CUDA_ERROR_NOT_INITIALIZED ? " (after fork() a child has no GPU)" : "");
  if (!loses_device(result)) throw RuntimeError(message);
  const std::string suspects = stream ? stream->suspects() : std::string();
  lose(
      text(name_, " is lost: ", describe(result), suspects.empty() ? "" : ", ", suspects,
           "; what was newest there is gone, the CPU goes on working, and the GPU does once the program starts again"));
}

// ---- Streams --------------------------------------------------------------------------------------------------------

DeviceStream& Device::make_stream() {
  check_alive();
  const Current current(*this);
  const std::lock_guard lock(mutex_);
  if (free_streams_.empty()) return streams_.emplace_back(*this, Stream::Kind::own);
  Stream& again = *free_streams_.back();
  free_streams_.pop_back();
  again.reuse();
  return again;
}

DeviceStream& Device::borrow_stream(void* handle, const Location& where) {
  check_alive();
  const auto stream = static_cast<CUstream>(handle);
  if (stream == nullptr || stream == CU_STREAM_LEGACY) {
    legacy_is_used_ = true;
    return *legacy_stream_;
  }
  if (stream == CU_STREAM_PER_THREAD)
    throw UsageError("CUDA's default stream per thread is another one on each thread: borrow one that was made", where);
  for (Stream* const each : streams())
    if (each->reuse(stream)) return *each;
  const std::lock_guard lock(mutex_);
  return streams_.emplace_back(*this, Stream::Kind::borrowed, stream);
}

void Device::retired(Stream& stream) noexcept {
  if (stream.kind() != Stream::Kind::own) return;  // a borrowed one's event is what is left of it
  const std::lock_guard lock(mutex_);
  free_streams_.push_back(&stream);
}

std::vector<Stream*> Device::streams() {
  std::vector<Stream*> all;
  const std::lock_guard lock(mutex_);
  for (Stream& each : streams_) all.push_back(&each);
  return all;
}

// Of the legacy stream only where it was borrowed: other code's work is nobody's business.
void Device::synchronize() {
  check_alive();
  for (Stream* const each : streams())
    if (each != legacy_stream_ || legacy_is_used_) each->synchronize();
}

}  // namespace kiln::on_cuda
