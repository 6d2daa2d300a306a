// The benches of a GPU: all of them, and what the header says of it.
#include <stdexcept>

#include "bench/cuda/contenders.h"

namespace bench {
namespace {

void add_headers(Suite& suite, const GpuBenches& on) {
  suite.add_header("kiln", kiln::version());
  suite.add_header("gpu", [&on] {
    if (!on.device.available())
      throw std::runtime_error(fmt::format("{}: {}", on.device.name().c_str(), on.device.description().c_str()));
    return fmt::format("{}, sm_{}, {} multiprocessors, {:.0f} GiB", on.gpu.name(), on.gpu.architecture(),
                       on.gpu.multiprocessors(), double(on.gpu.memory_bytes()) / double(1 << 30));
  });
  suite.add_header("gpu_driver", [&on] { return on.gpu.driver_text(); });
  suite.add_header("nvrtc", [] { return nvrtc_version(); });
  if (on.gpu.is_simulated()) suite.add_header("simulated", "the times are those of the host, not of a GPU");
}

}  // namespace

std::string register_gpu_benches(Suite& suite, int gpu, bool quick) {
  static const Gpu the_gpu(gpu);
  static const GpuBenches on{the_gpu, kiln::cuda(gpu), quick};
  add_headers(suite, on);
  add_gpu_calls(suite, on);
  add_gpu_streams(suite, on);
  add_gpu_sums(suite, on);
  add_gpu_loops(suite, on);
  return the_gpu.device_text();
}

}  // namespace bench
