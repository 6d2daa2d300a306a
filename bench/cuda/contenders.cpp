// What the contenders on a GPU share: sizes, references, memory of natives, and the GPU's own copy.
#include "bench/cuda/contenders.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace bench {

std::int64_t GpuBenches::large() const {
  if (gpu.is_simulated()) return std::int64_t{1} << 16;
  return std::int64_t{1} << (quick ? 27 : 30);
}

// On the GPU Kiln's arrays and the natives', and one more that memcpy writes; on the host the bench's inputs and
// Kiln's, references, outputs and results.
std::int64_t GpuBenches::elements(std::int64_t bytes, int inputs, int outputs, std::size_t element_size) const {
  const double host = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGESIZE));
  const double on_gpu = 0.8 * double(gpu.memory_bytes()) / (2 * (inputs + outputs) + 1);
  const double on_host = 0.6 * host / (2 * inputs + 3 * outputs);
  const auto fitting = std::int64_t(std::min({double(bytes), on_gpu, on_host}));
  std::int64_t count = 1;
  while (count * 2 * std::int64_t(element_size) <= fitting) count *= 2;
  return count;
}

NativeArrays::NativeArrays(const Gpu& gpu, const Work& work) {
  for (std::size_t k = 0; k < work.input_count(); ++k) {
    const View& view = work.input(k);
    inputs.push_back(std::make_unique<DeviceBuffer>(gpu, std::size_t(view.count) * size_of_dtype(view.dtype)));
    inputs.back()->copy_from(view.data);
  }
  for (const View& view : work.outputs())
    outputs.push_back(std::make_unique<DeviceBuffer>(gpu, std::size_t(view.count) * size_of_dtype(view.dtype)));
}

void add_reference_copy(Work& work, const View& view) {
  const auto size = std::int64_t(size_of_dtype(view.dtype));
  char* const to = work.add_reference(view.dtype, view.count).as<char>();
  on_all_cores(view.count * size, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to + begin, static_cast<const char*>(view.data) + begin, std::size_t(end - begin));
  });
}

void add_gpu_bench(Suite& suite, const GpuBenches& on, const std::string& name, const std::string& dtype,
                   std::int64_t n, const PrepareOnGpu& prepare, const std::vector<Target>& targets) {
  Bench bench;
  bench.name = name;
  bench.dtype = dtype;
  bench.n = n;
  bench.prepare = [&on, prepare](Work& work) { prepare(on, work); };
  bench.targets = targets;
  bench.shortest_sample = on.gpu.is_simulated() ? 1e-3 : sample_on_gpu;
  suite.add_bench(std::move(bench));
}

void add_memcpy(Work& work, const Gpu& gpu, const std::shared_ptr<NativeArrays>& arrays) {
  const DeviceBuffer& from = *arrays->inputs.front();
  const std::size_t bytes = std::min(from.bytes(), std::size_t{1} << 30);
  const auto to = std::make_shared<DeviceBuffer>(gpu, bytes);
  const auto copied = std::make_shared<std::vector<char>>();
  Contender contender;
  contender.variant = "memcpy";
  contender.implementation = "cuMemcpyDtoD";
  contender.run = batch_of(gpu, [&gpu, arrays, to, &from, bytes] {
    expect_success(driver().cuMemcpyDtoDAsync(to->address(), from.address(), bytes, gpu.stream()), "copy on the GPU");
  });
  // Its result is none of the bench's: what it must be is compared here, and the references pass.
  contender.results = [&work, to, bytes, copied] {
    copied->resize(bytes);
    to->copy_to(copied->data());
    const bool same = std::memcmp(copied->data(), work.input(0).data, bytes) == 0;
    return same ? work.references() : std::vector<View>{};
  };
  contender.traffic = 2 * double(bytes);
  work.add(std::move(contender));
}

}  // namespace bench
