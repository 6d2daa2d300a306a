// Loads, finds, unloads.
#include "cuda/modules.h"

#include <kiln/error.h>

namespace kiln::on_cuda {

Modules::~Modules() {
  if (modules_.empty() || device_.is_lost()) return;
  try {
    device_.synchronize();  // kernels that have not run yet are code of these modules
    const Device::Current current(device_);
    for (CUmodule module : modules_) driver().cuModuleUnload(module);
  } catch (const RuntimeError&) {
    // The device is lost, as the next call on it says.
  }
}

void Modules::load(const std::string& cubin, const std::vector<std::string>& kernels) {
  CUmodule module = nullptr;
  CUresult result = driver().cuModuleLoadData(&module, cubin.data());
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    device_.trim();
    result = driver().cuModuleLoadData(&module, cubin.data());
  }
  device_.check(result, "load compiled code");
  modules_.push_back(module);
  for (const std::string& kernel : kernels)
    device_.check(driver().cuModuleGetFunction(&functions_[kernel], module, kernel.c_str()), "find a kernel");
}

}  // namespace kiln::on_cuda
