// Loads, finds, unloads.
#include "cuda/modules.h"

#include <kiln/error.h>

namespace kiln::on_cuda {

Modules::~Modules() {
  if (device_.is_lost()) return;
  try {
    device_.synchronize();  // kernels that have not run yet are code of these modules
  } catch (const RuntimeError&) {
    return;  // the device is lost, as the next call on it says
  }
  const Device::Current current(device_);
  for (CUmodule module : modules_) driver().cuModuleUnload(module);
}

void Modules::load(const std::string& cubin) {
  CUmodule module = nullptr;
  CUresult result = driver().cuModuleLoadData(&module, cubin.data());
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    device_.trim();
    result = driver().cuModuleLoadData(&module, cubin.data());
  }
  device_.check(result, "load compiled code");
  modules_.push_back(module);
}

CUfunction Modules::function(const std::string& name) const {
  CUfunction found = nullptr;
  CUresult result = CUDA_ERROR_NOT_FOUND;
  for (std::size_t k = 0; k < modules_.size() && result == CUDA_ERROR_NOT_FOUND; ++k)
    result = driver().cuModuleGetFunction(&found, modules_[k], name.c_str());
  device_.check(result, "find a kernel");
  return found;
}

}  // namespace kiln::on_cuda
