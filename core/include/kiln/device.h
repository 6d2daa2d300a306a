// Devices: where a call runs, said per call, per scope or for the program.
#pragma once

#include <kiln/export.h>
#include <kiln/inspect.h>
#include <kiln/location.h>

#include <cstdint>
#include <vector>

namespace kiln {

/// The CPU or a GPU. A plain value: naming a GPU that is not there is no error, running on it is one.
class KILN_API Device {
 public:
  /// No device said: the default one.
  constexpr Device() = default;

  constexpr bool is_cpu() const { return code_ == cpu_code; }
  constexpr bool is_cuda() const { return code_ >= 0; }
  /// Whether a device was said at all.
  constexpr bool said() const { return code_ != unsaid; }
  /// Of a GPU: which one.
  constexpr int index() const { return code_; }

  /// "cpu", "cuda:0".
  Text name() const;
  /// "x86-64, avx2" or "NVIDIA H100, sm_90"; of a GPU that is not there why, and what to do.
  Text description() const;
  /// Whether calls can run there.
  bool available() const;
  /// Memory of the device in bytes; 0 if it is not there.
  std::int64_t memory_bytes() const;

  friend constexpr bool operator==(Device, Device) = default;
  friend constexpr Device cpu();
  friend constexpr Device cuda(int index);

 private:
  static constexpr std::int8_t unsaid = -2, cpu_code = -1;
  constexpr explicit Device(std::int8_t code) : code_(code) {}

  std::int8_t code_ = unsaid;
};

constexpr Device cpu() { return Device(Device::cpu_code); }
/// The GPU of this number, as CUDA counts them.
constexpr Device cuda(int index = 0) {
  return Device(static_cast<std::int8_t>(index < 0 || index > 100 ? 100 : index));
}

/// The devices that calls can run on, the CPU first.
KILN_API std::vector<Device> devices();

/// Where calls of this thread run that do not say: what the innermost DeviceScope says, else what set_default_device
/// said, else the CPU.
KILN_API Device default_device();
KILN_API void set_default_device(Device device);

/// While it lives, calls of this thread that do not say run on this device.
class KILN_API DeviceScope {
 public:
  explicit DeviceScope(Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  Device before_;
};

/// f(), its calls that do not say running on this device: array operations outside a compiled function, too.
template <class F>
decltype(auto) with_device(Device device, F&& f) {
  const DeviceScope scope(device);
  return f();
}

}  // namespace kiln
