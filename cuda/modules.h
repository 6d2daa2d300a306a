// Compiled code, loaded on a device.
#pragma once

#include "cuda/device.h"

#include <map>
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

  /// A cubin with these kernels. Throws RuntimeError; where memory is short, unused memory goes back first.
  void load(const std::string& cubin, const std::vector<std::string>& kernels);
  CUfunction function(const std::string& kernel) const { return functions_.at(kernel); }

 private:
  Device& device_;
  std::vector<CUmodule> modules_;
  std::map<std::string, CUfunction> functions_;
};

}  // namespace kiln::on_cuda
