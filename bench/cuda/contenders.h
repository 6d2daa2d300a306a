// What the contenders on a GPU share: Kiln's calls there, natives with memory of their own, and the GPU's own copy.
//
// How they are timed: a launch returns before the GPU has done anything, so that a sample is a batch of calls and one
// wait for the GPU at its end, by the host's clock, and long enough (20 ms) that the wait itself, some 10 us, does not
// show. That is the same question for all: events would have to be recorded on the stream of each contender, and a
// library's stream is its own. What a call costs the host is another question, of launches (benches_calls.cpp): there
// the clock stops before the wait.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/cuda/native_modules.h"
#include "bench/kiln_contenders.h"
#include "bench/prepare.h"

namespace bench {

constexpr double sample_on_gpu = 20e-3;

// What all benches of the GPU know: the GPU, Kiln's name of it, and how much memory a bench may take.
struct GpuBenches {
  const Gpu& gpu;
  kiln::Device device;
  bool quick;

  // Elements of each of `inputs + outputs` arrays, `bytes` of each where the memories of GPU and host allow it.
  std::int64_t elements(std::int64_t bytes, int inputs, int outputs, std::size_t element_size) const;
  // Large arrays: 1 GiB each.
  std::int64_t large() const;
};

// The inputs and outputs of a bench once more on the GPU, for its natives.
struct NativeArrays {
  NativeArrays(const Gpu& gpu, const Work& work);
  CUdeviceptr input(std::size_t index) const { return inputs[index]->address(); }
  CUdeviceptr output(std::size_t index) const { return outputs[index]->address(); }
  std::vector<std::unique_ptr<DeviceBuffer>> inputs, outputs;
};

// A copy of the bench's input in memory of Kiln's own.
inline kiln::Array owned(const View& view, std::span<const std::int64_t> extents) {
  return borrowed(view, extents).copy();
}
inline kiln::Array owned(const View& view) { return borrowed(view).copy(); }

// What Kiln's function gives on the CPU is what is right: the same bits.
void add_reference_copy(Work& work, const View& result);
template <class Result>
void add_references_of(Work& work, const Result& result) {
  for (const View& view : views_of(result)) add_reference_copy(work, view);
}

template <class Call>
std::function<void(std::int64_t)> batch_of(const Gpu& gpu, Call call) {
  return [&gpu, call = std::move(call)](std::int64_t repetitions) mutable {
    for (std::int64_t repetition = 0; repetition < repetitions; ++repetition) call();
    gpu.synchronize();
  };
}

// A contender that keeps what its last call returned, as the CPU's do.
template <class Call>
Contender& add_kiln_on_gpu(Work& work, const Gpu& gpu, std::string variant, double traffic, Call call) {
  const auto result = std::make_shared<std::optional<decltype(call())>>();
  Contender contender;
  contender.variant = std::move(variant);
  contender.run = batch_of(gpu, [result, call]() mutable {
    result->reset();
    result->emplace(call());
  });
  contender.results = [result] { return views_of(**result); };
  contender.traffic = traffic;
  return work.add(std::move(contender));
}

// A contender that writes into the outputs of `arrays`.
template <class Call>
Contender& add_native_on_gpu(Work& work, const Gpu& gpu, const NativeModule& module,
                             const std::shared_ptr<NativeArrays>& arrays, double traffic, Call call) {
  Contender contender;
  contender.variant = module.variant();
  contender.implementation = module.implementation();
  contender.run = batch_of(gpu, std::move(call));
  contender.results = [&work, arrays] {
    for (std::size_t k = 0; k < arrays->outputs.size(); ++k) arrays->outputs[k]->copy_to(work.output(k));
    return work.outputs();
  };
  contender.traffic = traffic;
  return work.add(std::move(contender));
}

// cuMemcpyDtoD of the first input of `arrays`, at most 1 GiB of it: what bandwidths are compared with.
void add_memcpy(Work& work, const Gpu& gpu, const std::shared_ptr<NativeArrays>& arrays);

using PrepareOnGpu = std::function<void(const GpuBenches& on, Work& work)>;
// `on` must outlive the suite.
void add_gpu_bench(Suite& suite, const GpuBenches& on, const std::string& name, const std::string& dtype,
                   std::int64_t n, const PrepareOnGpu& prepare, const std::vector<Target>& targets);

void add_gpu_streams(Suite& suite, const GpuBenches& on);  // copy, triad, chain6
void add_gpu_sums(Suite& suite, const GpuBenches& on);     // sum, dot, sums along each axis
void add_gpu_loops(Suite& suite, const GpuBenches& on);    // Black-Scholes, mandelbrot, n bodies
void add_gpu_calls(Suite& suite, const GpuBenches& on);    // warm launches and first calls

}  // namespace bench
