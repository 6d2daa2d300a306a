// Devices: what they are called, which are there, which one a call runs on.
#include <kiln/device.h>

#include "core/backend.h"
#include "core/device.h"
#include "core/error_text.h"

#include <kiln/error.h>

namespace kiln {

constinit thread_local Device detail::scope_device{};
constinit std::atomic<Device> detail::program_device{cpu()};

using detail::program_device;
using detail::scope_device;

Text Device::name() const {
  if (!said()) return default_device().name();
  return Text(is_cpu() ? "cpu" : text("cuda:", index()).c_str());
}

Text Device::description() const {
  if (!said()) return default_device().description();
  return Text((is_cpu() ? cpu_backend().description() : cuda_device(index()).description).c_str());
}

bool Device::available() const {
  if (!said()) return default_device().available();
  return is_cpu() || cuda_device(index()).backend != nullptr;
}

std::int64_t Device::memory_bytes() const {
  if (!said()) return default_device().memory_bytes();
  return is_cpu() ? cpu_backend().memory_bytes() : cuda_device(index()).memory_bytes;
}

std::vector<Device> devices() {
  std::vector<Device> list{cpu()};
  for (int k = 0, count = cuda_device_count(); k < count; ++k)
    if (cuda(k).available()) list.push_back(cuda(k));
  return list;
}

Device default_device() { return detail::device_of_scope(); }

void set_default_device(Device device) { program_device = device.said() ? device : cpu(); }

DeviceScope::DeviceScope(Device device) : before_(scope_device) { scope_device = device; }
DeviceScope::~DeviceScope() { scope_device = before_; }

void* Backend::allocate(std::size_t) { throw InternalError("a device without memory of the host's"); }
void Backend::deallocate(void*, std::size_t) noexcept {}

namespace detail {

Backend& backend_of(Device device, const Location& where) {
  if (device.is_cpu()) return cpu_backend();
  const CudaDevice gpu = cuda_device(device.index());
  if (!gpu.backend) throw RuntimeError(text(device.name().c_str(), " is not there: ", gpu.description), where);
  return *gpu.backend;
}

}  // namespace detail

}  // namespace kiln
