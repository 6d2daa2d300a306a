// Black-Scholes, mandelbrot and n bodies on a GPU, against the same kernels written by hand in CUDA C++ with the same
// rounding.
#include <algorithm>
#include <cmath>

#include "bench/cuda/contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {{Target::Kind::ratio, "kiln", "native", 1.05, 0}};
  return all;
}

// ---- Black-Scholes --------------------------------------------------------------------------------------------------

template <class T>
void prepare_black_scholes(const GpuBenches& on, Work& work) {
  const std::int64_t n = work.n();
  random_input<T>(work, n, 10, 100, 1);
  random_input<T>(work, n, 10, 100, 2);
  random_input<T>(work, n, 0.2, 2, 3);
  for (int k = 0; k < 2; ++k) work.add_output(dtype_of<T>(), n);
  // The GPU's exp, log and erfc are not the CPU's to the last bit; a price is a difference of amounts up to 100.
  work.set_tolerances({32, 100, 0}, {32, 100, 0});
  const double rate = 0.02, volatility = 0.3;
  const kiln::Array spot = owned(work.input(0)), strike = owned(work.input(1)), years = owned(work.input(2));
  const auto call = [=](kiln::Device device) {
    return kernels::black_scholes.on(device)(spot, strike, years, rate, volatility);
  };
  add_references_of(work, call(kiln::cpu()));
  add_kiln_on_gpu(work, on.gpu, "kiln", 0, [=, device = on.device] { return call(device); });

  const auto arrays = std::make_shared<NativeArrays>(on.gpu, work);
  const NativeModule& module = native_module(on.gpu, "black_scholes");
  const CUfunction function = module.function("black_scholes_" + dtype_of<T>());
  const unsigned blocks = blocks_that_fill(on.gpu, function, 256);
  add_native_on_gpu(work, on.gpu, module, arrays, 0, [=, &gpu = on.gpu] {
    launch(gpu, function, blocks, 1, 256, 1, arrays->input(0), arrays->input(1), arrays->input(2), arrays->output(0),
           arrays->output(1), T(rate), T(rate + volatility * volatility / 2), T(volatility), n);
  });
}

// ---- Mandelbrot -----------------------------------------------------------------------------------------------------

template <class T>
void prepare_mandelbrot(const GpuBenches& on, Work& work) {
  const std::int64_t n = work.n();
  const T xmin = T(-2.0), xmax = T(0.5), ymin = T(-1.25), ymax = T(1.25);
  work.add_output(dtype_of<T>(), n * n);
  const auto call = [=](kiln::Device device, const kiln::Array& image) {
    kernels::mandelbrot.on(device)(xmin, xmax, ymin, ymax, image);
    return image;
  };
  const kiln::DType dtype = dtype_named(dtype_of<T>());
  add_references_of(work, call(kiln::cpu(), kiln::empty({n, n}, dtype)));
  add_kiln_on_gpu(work, on.gpu, "kiln", 0,
                  [=, device = on.device, image = kiln::empty({n, n}, dtype)] { return call(device, image); });

  const auto arrays = std::make_shared<NativeArrays>(on.gpu, work);
  const NativeModule& module = native_module(on.gpu, "mandelbrot");
  const CUfunction function = module.function("mandelbrot_" + dtype_of<T>());
  add_native_on_gpu(work, on.gpu, module, arrays, 0, [=, &gpu = on.gpu] {
    launch(gpu, function, unsigned((n + 31) / 32), unsigned((n + 7) / 8), 32, 8, arrays->output(0), xmin, xmax, ymin,
           ymax, int(n));
  });
}

// ---- N bodies -------------------------------------------------------------------------------------------------------

template <class T>
void prepare_nbody(const GpuBenches& on, Work& work) {
  const std::int64_t n = work.n();
  for (int k = 0; k < 3; ++k) random_input<T>(work, n, -1, 1, std::uint64_t(k) + 1);
  random_input<T>(work, n, 0.5, 1.5, 4);
  for (int k = 0; k < 3; ++k) work.add_output(dtype_of<T>(), n);
  const double softening = 0.01;
  std::vector<kiln::Array> v;
  for (std::size_t k = 0; k < 4; ++k) v.push_back(owned(work.input(k)));
  const auto call = [=](kiln::Device device) {
    return kernels::accelerations.on(device)(v[0], v[1], v[2], v[3], softening);
  };
  add_references_of(work, call(kiln::cpu()));
  add_kiln_on_gpu(work, on.gpu, "kiln", 0, [=, device = on.device] { return call(device); });

  // Pulls from all sides cancel: the natives' errors, whose order is another, are counted in units of the largest.
  double most = 0;
  for (const View& reference : work.references())
    for (std::int64_t i = 0; i < n; ++i)
      most = std::max(most, std::abs(double(static_cast<const T*>(reference.data)[i])));
  work.set_native_tolerance({256 + double(n) / 64, most, 0});
  const auto arrays = std::make_shared<NativeArrays>(on.gpu, work);
  const NativeModule& module = native_module(on.gpu, "nbody");
  const CUfunction function = module.function("nbody_" + dtype_of<T>());
  add_native_on_gpu(work, on.gpu, module, arrays, 0, [=, &gpu = on.gpu] {
    launch(gpu, function, unsigned((n + 255) / 256), 1, 256, 1, arrays->input(0), arrays->input(1), arrays->input(2),
           arrays->input(3), arrays->output(0), arrays->output(1), arrays->output(2), T(softening), int(n));
  });
}

template <class T>
void add_loops(Suite& suite, const GpuBenches& on) {
  const bool simulated = on.gpu.is_simulated();
  const std::int64_t options = on.elements(on.large() / 4, 3, 2, sizeof(T));
  const std::int64_t side = simulated  ? 64
                            : on.quick ? 2048
                                       : 8192,
                     bodies = simulated  ? 256
                              : on.quick ? 16384
                                         : 65536;
  add_gpu_bench(suite, on, "black_scholes", dtype_of<T>(), options, prepare_black_scholes<T>, targets());
  add_gpu_bench(suite, on, "mandelbrot", dtype_of<T>(), side, prepare_mandelbrot<T>, targets());
  add_gpu_bench(suite, on, "nbody", dtype_of<T>(), bodies, prepare_nbody<T>, targets());
}

}  // namespace

void add_gpu_loops(Suite& suite, const GpuBenches& on) {
  add_loops<float>(suite, on);
  add_loops<double>(suite, on);
}

}  // namespace bench
