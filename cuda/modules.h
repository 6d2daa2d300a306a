// Compiled code, loaded on a device.
#pragma once

#include "cuda/device.h"

#include <string>
#include <vector>

namespace kiln::on_cuda {

/// The modules that a plan's kernels were compiled into. The device is current where one is loaded or asked for a
/// kernel.
class Modules {
 public:
  explicit Modules(Device& device) : device_(device) {}
  ~Modules();
  Modules(const Modules&) = delete;

  /// Throws RuntimeError; where memory is short, unused memory goes back first.
  void load(const std::string& cubin);
  CUfunction function(const std::string& name) const;

 private:
  Device& device_;
  std::vector<CUmodule> modules_;
};

}  // namespace kiln::on_cuda
