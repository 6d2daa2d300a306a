// The simulated driver's functions about memory: allocations, pinned host memory, copies, pools.
#include "tests/simulated/driver.h"

#include <cstring>
#include <new>
#include <utility>

using namespace kiln::simulated;

namespace {

using Allocation = AddressSpace::Allocation;
using State = AddressSpace::State;

std::size_t& bytes_in_use(Driver& driver, int device) { return driver.bytes_in_use[static_cast<std::size_t>(device)]; }

bool has_room(const Call& call, std::size_t bytes) {
  const std::size_t used = bytes_in_use(call.driver, call.context->device);
  return used <= call.driver.settings.memory && bytes <= call.driver.settings.memory - used;
}

// 0 where there is no room.
std::uintptr_t allocate(Call& call, std::size_t bytes, bool stream_ordered) {
  if (!has_room(call, bytes)) return 0;
  const std::uintptr_t address = call.driver.memory.reserve(bytes, call.context->device, stream_ordered);
  if (address == 0) return 0;
  bytes_in_use(call.driver, call.context->device) += bytes;
  kiln_simulated_counts& counts = call.driver.counts;
  ++counts.allocations;
  ++counts.live_allocations;
  counts.live_bytes += bytes;
  counts.peak_bytes = std::max(counts.peak_bytes, counts.live_bytes);
  return address;
}

void release(Driver& driver, Allocation& allocation) {
  bytes_in_use(driver, allocation.device) -= allocation.bytes;
  --driver.counts.live_allocations;
  driver.counts.live_bytes -= allocation.bytes;
  if (allocation.stream_ordered)
    driver.contexts[static_cast<std::size_t>(allocation.device)]->pool_bytes -= allocation.bytes;
  driver.memory.free(allocation.begin);
}

// The allocation that begins there and that nobody has freed or asked to free.
Allocation* allocation_at(Driver& driver, CUdeviceptr address) {
  Allocation* allocation = driver.memory.find(address);
  const bool usable = allocation != nullptr && allocation->begin == address && allocation->state != State::freed &&
                      !allocation->free_queued;
  return usable ? allocation : nullptr;
}

// --- copies ---

struct Range {
  std::uintptr_t address = 0;
  bool on_device = false;
};

Range device(CUdeviceptr address) { return {address, true}; }
Range host(const void* address) { return {reinterpret_cast<std::uintptr_t>(address), false}; }

// What a copy does once its stream gets there.
CUresult run_copy(Driver& driver, Context& context, Range destination, Range source, std::size_t bytes) {
  const CUresult fault = driver.fault(kiln_simulated_fault_copy_run, CUDA_ERROR_ILLEGAL_ADDRESS);
  if (fault != CUDA_SUCCESS) return break_context(context, fault, "a copy with an injected fault");
  std::string diagnosis;
  const auto open = [&](Range range) {
    return range.on_device ? driver.memory.open(range.address, bytes, diagnosis)
                           : reinterpret_cast<void*>(range.address);
  };
  void* to = open(destination);
  void* from = to == nullptr ? nullptr : open(source);
  if (from != nullptr) std::memmove(to, from, bytes);
  std::string ignored;
  driver.memory.close(ignored);
  if (from != nullptr) return CUDA_SUCCESS;
  return break_context(context, CUDA_ERROR_ILLEGAL_ADDRESS, "a copy of " + diagnosis);
}

bool lies_in(CUdeviceptr address, CUcontext handle) {
  Driver& driver = kiln::simulated::driver();
  const Lock lock(driver.mutex);
  const Context* const context = driver.context_of(handle);
  const Allocation* const allocation = driver.memory.find(address);
  return context != nullptr && allocation != nullptr && allocation->device == context->device;
}

CUresult check_range(Driver& driver, Range range, std::size_t bytes) {
  if (range.address == 0) return CUDA_ERROR_INVALID_VALUE;
  return !range.on_device || driver.memory.contains(range.address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void count_copy(kiln_simulated_counts& counts, Range destination, Range source, std::size_t bytes) {
  const bool to_host = !destination.on_device;
  const bool to_device = !source.on_device;
  ++(to_host ? counts.copies_to_host : to_device ? counts.copies_to_device : counts.copies_on_device);
  (to_host ? counts.bytes_to_host : to_device ? counts.bytes_to_device : counts.bytes_on_device) += bytes;
}

CUresult copy(Range destination, Range source, std::size_t bytes, CUstream handle, bool asynchronous) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  Driver& driver = call.driver;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (bytes == 0) return CUDA_SUCCESS;
  for (const Range& range : {destination, source}) {
    if (const CUresult bad = check_range(driver, range, bytes); bad != CUDA_SUCCESS) return bad;
  }
  const CUresult fault = driver.fault(kiln_simulated_fault_copy, CUDA_ERROR_INVALID_VALUE);
  if (fault != CUDA_SUCCESS) return fault;
  count_copy(driver.counts, destination, source, bytes);

  const bool host_to_device = !source.on_device;
  const Range& on_host = host_to_device ? source : destination;
  const bool pageable = !on_host.on_device && !driver.pinned_contains(on_host.address, bytes);
  if (asynchronous && pageable) ++driver.counts.pageable_copies;
  Context& context = *call.context;
  Operation operation;
  if (host_to_device && pageable) {
    // The driver stages such memory before it returns.
    const auto* from = reinterpret_cast<const unsigned char*>(source.address);
    auto staged = std::make_shared<std::vector<unsigned char>>(from, from + bytes);
    operation.run = [&driver, &context, destination, staged, bytes](Lock&) {
      return run_copy(driver, context, destination, host(staged->data()), bytes);
    };
  } else {
    operation.run = [&driver, &context, destination, source, bytes](Lock&) {
      return run_copy(driver, context, destination, source, bytes);
    };
  }
  enqueue(call, stream, std::move(operation));
  // A copy to pageable memory returns when it has been made, though it is called asynchronous.
  const bool waits = !asynchronous || (!host_to_device && pageable);
  return waits ? synchronize(call, stream) : CUDA_SUCCESS;
}

template <typename Value>
CUresult fill(CUdeviceptr address, Value value, std::size_t count, CUstream handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  Driver& driver = call.driver;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (count == 0) return CUDA_SUCCESS;
  const bool in_range = count <= SIZE_MAX / sizeof(Value) && driver.memory.contains(address, count * sizeof(Value));
  if (!in_range || address % sizeof(Value) != 0) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = driver.fault(kiln_simulated_fault_copy, CUDA_ERROR_INVALID_VALUE);
  if (fault != CUDA_SUCCESS) return fault;
  ++driver.counts.memsets;
  Context& context = *call.context;
  Operation operation;
  operation.run = [&driver, &context, address, value, count](Lock&) {
    std::string diagnosis;
    void* to = driver.memory.open(address, count * sizeof(Value), diagnosis);
    if (to != nullptr) std::fill_n(static_cast<Value*>(to), count, value);
    std::string ignored;
    driver.memory.close(ignored);
    if (to != nullptr) return CUDA_SUCCESS;
    return break_context(context, CUDA_ERROR_ILLEGAL_ADDRESS, "a memset of " + diagnosis);
  };
  enqueue(call, stream, std::move(operation));
  return CUDA_SUCCESS;
}

// The handle of a device's default pool is its context's, told apart by its low bit.
CUmemoryPool pool_of(Driver& driver, CUdevice device) {
  return reinterpret_cast<CUmemoryPool>(
      reinterpret_cast<std::uintptr_t>(driver.contexts[static_cast<std::size_t>(device)].get()) | 1u);
}

Context* context_of(Driver& driver, CUmemoryPool pool) {
  for (std::size_t i = 0; i < driver.contexts.size(); ++i) {
    if (pool_of(driver, static_cast<CUdevice>(i)) == pool) return driver.contexts[i].get();
  }
  return nullptr;
}

}  // namespace

extern "C" {

// --- allocations ---

CUresult cuMemAlloc(CUdeviceptr* address, std::size_t bytes) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (address == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_allocation, CUDA_ERROR_OUT_OF_MEMORY);
  if (fault != CUDA_SUCCESS) return fault;
  const std::uintptr_t begin = allocate(call, bytes, false);
  if (begin == 0 || !call.driver.memory.make_live(begin)) return CUDA_ERROR_OUT_OF_MEMORY;
  *address = begin;
  return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr address) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (address == 0) return CUDA_SUCCESS;
  Allocation* allocation = allocation_at(call.driver, address);
  if (allocation == nullptr) return CUDA_ERROR_INVALID_VALUE;
  // Waits for the device, but not where the memory came from cuMemAllocAsync: there the caller has to have waited.
  CUresult result = CUDA_SUCCESS;
  if (!allocation->stream_ordered) result = synchronize_context(call, *call.context);
  ++call.driver.counts.frees;
  release(call.driver, *allocation);
  return result;
}

CUresult cuMemAllocAsync(CUdeviceptr* address, std::size_t bytes, CUstream handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (address == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_allocation, CUDA_ERROR_OUT_OF_MEMORY);
  if (fault != CUDA_SUCCESS) return fault;
  // Memory whose freeing is queued is used again by the driver, which then waits for it.
  if (!has_room(call, bytes)) synchronize_context(call, *call.context);
  const std::uintptr_t begin = allocate(call, bytes, true);
  if (begin == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  Context& context = *call.context;
  context.pool_bytes += bytes;
  context.pool_peak = std::max(context.pool_peak, context.pool_bytes);
  Driver& driver = call.driver;
  Operation operation;
  operation.run = [&driver, &context, begin](Lock&) {
    if (driver.memory.make_live(begin)) return CUDA_SUCCESS;
    return break_context(context, CUDA_ERROR_OUT_OF_MEMORY, "the host of the simulation has no memory left");
  };
  enqueue(call, stream, std::move(operation));
  *address = begin;
  return CUDA_SUCCESS;
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const std::shared_ptr<Stream> stream = stream_of(call, handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  Driver& driver = call.driver;
  Allocation* allocation = allocation_at(driver, address);
  if (allocation == nullptr || !allocation->stream_ordered) return CUDA_ERROR_INVALID_VALUE;
  allocation->free_queued = true;
  ++driver.counts.frees;
  Context& context = *call.context;
  Operation operation;
  operation.run = [&driver, &context, address](Lock&) {
    Allocation* freed = driver.memory.find(address);
    if (freed == nullptr || freed->state != State::live) {
      return break_context(context, CUDA_ERROR_ILLEGAL_ADDRESS, "memory is freed before its stream has allocated it");
    }
    release(driver, *freed);
    return CUDA_SUCCESS;
  };
  enqueue(call, stream, std::move(operation));
  return CUDA_SUCCESS;
}

CUresult cuMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (free_bytes == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::size_t used = bytes_in_use(call.driver, call.context->device);
  *total = call.driver.settings.memory;
  *free_bytes = *total - std::min(used, *total);
  return CUDA_SUCCESS;
}

// --- host memory ---

CUresult cuMemHostAlloc(void** address, std::size_t bytes, unsigned flags) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (address == nullptr || bytes == 0 || flags > 7) return CUDA_ERROR_INVALID_VALUE;
  const CUresult fault = call.driver.fault(kiln_simulated_fault_host_allocation, CUDA_ERROR_OUT_OF_MEMORY);
  if (fault != CUDA_SUCCESS) return fault;
  void* memory = ::operator new(bytes, std::align_val_t{4096}, std::nothrow);
  if (memory == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  std::memset(memory, allocated_pattern, bytes);
  call.driver.pinned.emplace(reinterpret_cast<std::uintptr_t>(memory), bytes);
  ++call.driver.counts.live_host_allocations;
  *address = memory;
  return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void* memory) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  if (call.driver.pinned.count(address) == 0 || call.driver.registered.count(address) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  const CUresult result = synchronize_context(call, *call.context);
  call.driver.pinned.erase(address);
  --call.driver.counts.live_host_allocations;
  ::operator delete(memory, std::align_val_t{4096});
  return result;
}

CUresult cuMemHostRegister(void* memory, std::size_t bytes, unsigned) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (memory == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const auto after = call.driver.pinned.lower_bound(address);
  const bool overlaps =
      call.driver.pinned_contains(address, 0) || (after != call.driver.pinned.end() && after->first - address < bytes);
  if (overlaps) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  call.driver.pinned.emplace(address, bytes);
  call.driver.registered.insert(address);
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void* memory) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  if (call.driver.registered.erase(address) == 0) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  const CUresult result = synchronize_context(call, *call.context);
  call.driver.pinned.erase(address);
  return result;
}

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  Call call(Call::Needs::context);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Allocation* allocation = call.driver.memory.find(address);
  const bool on_device = allocation != nullptr && allocation->state != State::freed && !allocation->free_queued;
  const bool on_host = call.driver.pinned_contains(address, 1);
  if (!on_device && !on_host) return CUDA_ERROR_INVALID_VALUE;
  const int ordinal = on_device ? allocation->device : call.context->device;
  auto pinned = call.driver.pinned.upper_bound(address);
  if (on_host) --pinned;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      *static_cast<CUcontext*>(data) = Driver::handle_of(call.driver.contexts[static_cast<std::size_t>(ordinal)].get());
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *static_cast<unsigned*>(data) = on_device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *static_cast<CUdeviceptr*>(data) = address; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (on_device) return CUDA_ERROR_INVALID_VALUE;
      *static_cast<void**>(data) = reinterpret_cast<void*>(address);
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: *static_cast<unsigned char*>(data) = 0; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: *static_cast<int*>(data) = ordinal; return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *static_cast<CUdeviceptr*>(data) = on_device ? allocation->begin : pinned->first;
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *static_cast<std::size_t*>(data) = on_device ? allocation->bytes : pinned->second;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// --- copies ---

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
  return copy(device(to), host(from), bytes, stream, true);
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy(host(to), device(from), bytes, stream, true);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy(device(to), device(from), bytes, stream, true);
}
CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
                           std::size_t bytes, CUstream stream) {
  if (!lies_in(to, to_context) || !lies_in(from, from_context)) return CUDA_ERROR_INVALID_VALUE;
  return copy(device(to), device(from), bytes, stream, true);
}
CUresult cuMemcpyHtoD(CUdeviceptr to, const void* from, std::size_t bytes) {
  return copy(device(to), host(from), bytes, nullptr, false);
}
CUresult cuMemcpyDtoH(void* to, CUdeviceptr from, std::size_t bytes) {
  return copy(host(to), device(from), bytes, nullptr, false);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t count, CUstream stream) {
  return fill(to, value, count, stream);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, std::size_t count, CUstream stream) {
  return fill(to, value, count, stream);
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, std::size_t count, CUstream stream) {
  return fill(to, value, count, stream);
}

// --- pools ---

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice ordinal) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  if (pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (ordinal < 0 || ordinal >= call.driver.settings.devices) return CUDA_ERROR_INVALID_DEVICE;
  *pool = pool_of(call.driver, ordinal);
  return CUDA_SUCCESS;
}

// The simulation has one pool on each device.
CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* properties) {
  if (properties == nullptr || properties->allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
      properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  return cuDeviceGetDefaultMemPool(pool, properties->location.id);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr* address, std::size_t bytes, CUmemoryPool pool, CUstream stream) {
  {
    Call call(Call::Needs::context);
    if (call.result != CUDA_SUCCESS) return call.result;
    if (context_of(call.driver, pool) != call.context) return CUDA_ERROR_INVALID_VALUE;
  }
  return cuMemAllocAsync(address, bytes, stream);
}

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  Context* context = context_of(call.driver, pool);
  if (context == nullptr || value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const bool wide = attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD || attribute == CU_MEMPOOL_ATTR_USED_MEM_HIGH ||
                    attribute == CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH;
  if (attribute == CU_MEMPOOL_ATTR_USED_MEM_HIGH) context->pool_peak = context->pool_bytes;
  context->pool_attributes[attribute] =
      wide ? *static_cast<cuuint64_t*>(value) : static_cast<std::uint64_t>(*static_cast<int*>(value));
  return CUDA_SUCCESS;
}

CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  Context* context = context_of(call.driver, pool);
  if (context == nullptr || value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: *static_cast<cuuint64_t*>(value) = context->pool_bytes; break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: *static_cast<cuuint64_t*>(value) = context->pool_peak; break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      *static_cast<cuuint64_t*>(value) = context->pool_attributes[attribute];
      break;
    default:
      *static_cast<int*>(value) = context->pool_attributes.count(attribute) == 0
                                      ? 1  // reuse is allowed until it is forbidden
                                      : static_cast<int>(context->pool_attributes[attribute]);
  }
  return CUDA_SUCCESS;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, std::size_t) {
  Call call(Call::Needs::driver);
  if (call.result != CUDA_SUCCESS) return call.result;
  return context_of(call.driver, pool) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

}  // extern "C"
