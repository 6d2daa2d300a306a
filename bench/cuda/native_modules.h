// The hand-written CUDA kernels, loaded: what nvcc built beside the program, or the same text through NVRTC.
#pragma once

#include "bench/cuda/gpu.h"

namespace bench {

class NativeModule {
 public:
  // cuda-natives/NAME.fatbin beside the program, else cuda-natives/NAME.cu compiled by NVRTC with the same options.
  NativeModule(const Gpu& gpu, const std::string& name);

  CUfunction function(const std::string& name) const;
  // "native", or "native_nvrtc": the plan compares with what nvcc built.
  const std::string& variant() const { return variant_; }
  const std::string& implementation() const { return implementation_; }

 private:
  CUmodule module_ = nullptr;
  std::string variant_, implementation_;
};

// The modules live as long as the program, as its contenders do.
const NativeModule& native_module(const Gpu& gpu, const std::string& name);

// "13.0"; what Kiln finds, too.
std::string nvrtc_version();

// So many blocks fill the GPU once.
unsigned blocks_that_fill(const Gpu& gpu, CUfunction function, int threads);

template <class... Parameters>
void launch(const Gpu& gpu, CUfunction function, unsigned blocks_x, unsigned blocks_y, unsigned threads_x,
            unsigned threads_y, Parameters... parameters) {
  void* pointers[] = {static_cast<void*>(&parameters)...};
  expect_success(driver().cuLaunchKernel(function, blocks_x, blocks_y, 1, threads_x, threads_y, 1, 0, gpu.stream(),
                                         pointers, nullptr),
                 "launch a native kernel");
}

}  // namespace bench
