// Sums of large arrays on a GPU: of everything, of products, along each axis of square, tall and wide matrices; against
// its own copy.
#include <algorithm>

#include <fmt/format.h>

#include "bench/cuda/contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

constexpr double lowest_share = 0.85;

// ---- Of everything --------------------------------------------------------------------------------------------------

// A number that Kiln returns is read back by the call itself. The arrays are 2 GiB, so that this is a fiftieth.
template <class T>
void prepare_reduction(const GpuBenches& on, Work& work, bool dot) {
  const int inputs = dot ? 2 : 1;
  for (int k = 0; k < inputs; ++k) random_input<T>(work, work.n(), 0, 1, std::uint64_t(k) + 1);
  work.add_output(dtype_of<T>(), 1);
  work.set_native_tolerance({16 + 1e-4 * double(work.n()), 0, 0});
  const double traffic = double(inputs) * double(work.n()) * sizeof(T);
  const kiln::Array x = owned(work.input(0)), y = dot ? owned(work.input(1)) : x;
  const auto call = [=](kiln::Device device) {
    return dot ? T(kernels::dot.on(device)(x, y)) : T(kernels::sum.on(device)(x));
  };
  add_references_of(work, call(kiln::cpu()));
  add_kiln_on_gpu(work, on.gpu, "kiln", traffic, [=, device = on.device] { return call(device); });

  const auto arrays = std::make_shared<NativeArrays>(on.gpu, work);
  const NativeModule& module = native_module(on.gpu, "sums");
  const CUfunction sum = module.function("sum_" + dtype_of<T>());
  const CUfunction first = dot ? module.function("dot_" + dtype_of<T>()) : sum;
  const unsigned blocks = blocks_that_fill(on.gpu, first, 256);
  const auto partials = std::make_shared<DeviceBuffer>(on.gpu, blocks * sizeof(T));
  add_native_on_gpu(work, on.gpu, module, arrays, traffic, [=, &gpu = on.gpu, n = work.n()] {
    if (dot)
      launch(gpu, first, blocks, 1, 256, 1, arrays->input(0), arrays->input(1), partials->address(), n);
    else
      launch(gpu, first, blocks, 1, 256, 1, arrays->input(0), partials->address(), n);
    launch(gpu, sum, 1, 1, 256, 1, partials->address(), arrays->output(0), (long long)blocks);
  });
  add_memcpy(work, on.gpu, arrays);
}

// ---- Along an axis --------------------------------------------------------------------------------------------------

struct Extents {
  std::int64_t rows, columns;
};

// Rows of 16 numbers have a kernel of their own; where rows are few and long, each is cut into pieces first.
template <class T>
void add_native_rows(const GpuBenches& on, Work& work, Extents extents, double traffic,
                     const std::shared_ptr<NativeArrays>& arrays) {
  const NativeModule& module = native_module(on.gpu, "sums");
  const CUfunction rows = module.function("sum_axis1_" + dtype_of<T>());
  const CUfunction rows_of_16 = module.function("sum_axis1_16_" + dtype_of<T>());
  const unsigned blocks = blocks_that_fill(on.gpu, extents.columns == 16 ? rows_of_16 : rows, 256);
  std::int64_t pieces = 1;
  while (extents.rows * pieces < blocks && extents.columns / pieces > 4096) pieces *= 2;
  const auto partials = std::make_shared<DeviceBuffer>(on.gpu, std::size_t(extents.rows * pieces) * sizeof(T));
  add_native_on_gpu(work, on.gpu, module, arrays, traffic, [=, &gpu = on.gpu] {
    const CUdeviceptr in = arrays->input(0), out = arrays->output(0);
    if (extents.columns == 16) return launch(gpu, rows_of_16, blocks, 1, 256, 1, in, out, extents.rows);
    const std::int64_t columns = extents.columns / pieces;
    launch(gpu, rows, blocks, 1, 256, 1, in, pieces == 1 ? out : partials->address(), extents.rows * pieces, columns,
           int(columns < 4096));
    if (pieces > 1) launch(gpu, rows, blocks, 1, 256, 1, partials->address(), out, extents.rows, pieces, 1);
  });
}

// As many slices of rows as fill the GPU; the slices' sums are added up after them.
template <class T>
void add_native_columns(const GpuBenches& on, Work& work, Extents extents, double traffic,
                        const std::shared_ptr<NativeArrays>& arrays) {
  const NativeModule& module = native_module(on.gpu, "sums");
  const bool few = extents.columns == 16;
  const CUfunction columns = module.function((few ? "sum_axis0_16_" : "sum_axis0_") + dtype_of<T>());
  const CUfunction slices = module.function("sum_slices_" + dtype_of<T>());
  const unsigned filling = blocks_that_fill(on.gpu, columns, 256);
  const std::int64_t wide = (extents.columns / (16 / std::int64_t(sizeof(T))) + 255) / 256;
  std::int64_t count = few ? filling : 1;
  while (!few && wide * count < filling && extents.rows / count > 64) count *= 2;
  const auto partials = std::make_shared<DeviceBuffer>(on.gpu, std::size_t(count * extents.columns) * sizeof(T));
  add_native_on_gpu(work, on.gpu, module, arrays, traffic, [=, &gpu = on.gpu] {
    const CUdeviceptr in = arrays->input(0), out = arrays->output(0);
    if (few) {
      launch(gpu, columns, filling, 1, 256, 1, in, partials->address(), extents.rows);
      return launch(gpu, columns, 1, 1, 256, 1, partials->address(), out, count);
    }
    const std::int64_t rows_of_slice = (extents.rows + count - 1) / count;
    launch(gpu, columns, unsigned(wide), unsigned(count), 256, 1, in, count == 1 ? out : partials->address(),
           extents.rows, extents.columns, rows_of_slice);
    if (count > 1)
      launch(gpu, slices, unsigned((extents.columns + 255) / 256), 1, 256, 1, partials->address(), out, count,
             extents.columns);
  });
}

template <class T>
void prepare_axis(const GpuBenches& on, Work& work, Extents extents, int axis) {
  random_input<T>(work, work.n(), 0, 1, 1);
  work.set_extents({extents.rows, extents.columns});
  const std::int64_t results = axis == 0 ? extents.columns : extents.rows;
  work.add_output(dtype_of<T>(), results);
  work.set_native_tolerance({16 + 1e-3 * double(work.n() / results), 0, 0});
  const double traffic = double(work.n() + results) * sizeof(T);
  const kiln::Array x = owned(work.input(0), work.extents());
  const auto call = [=](kiln::Device device) {
    return axis == 0 ? kernels::sum_axis0.on(device)(x) : kernels::sum_axis1.on(device)(x);
  };
  add_references_of(work, call(kiln::cpu()));
  add_kiln_on_gpu(work, on.gpu, "kiln", traffic, [=, device = on.device] { return call(device); });
  const auto arrays = std::make_shared<NativeArrays>(on.gpu, work);
  if (axis == 0)
    add_native_columns<T>(on, work, extents, traffic, arrays);
  else
    add_native_rows<T>(on, work, extents, traffic, arrays);
  add_memcpy(work, on.gpu, arrays);
}

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {{Target::Kind::share, "kiln", "memcpy", lowest_share, 0}};
  return all;
}

template <class T>
void add_axes(Suite& suite, const GpuBenches& on) {
  const std::int64_t n = on.elements(on.large(), 1, 1, sizeof(T));
  std::int64_t rows = 1;
  while (rows * rows * 4 <= n) rows *= 2;
  for (const Extents extents : {Extents{rows, n / rows}, Extents{n / 16, 16}, Extents{16, n / 16}})
    for (const int axis : {0, 1})
      add_gpu_bench(
          suite, on, fmt::format("sum_axis{}_{}x{}", axis, extents.rows, extents.columns), dtype_of<T>(), n,
          [=](const GpuBenches& gpu, Work& work) { prepare_axis<T>(gpu, work, extents, axis); }, targets());
}

template <class T>
void add_reductions(Suite& suite, const GpuBenches& on) {
  for (const bool dot : {false, true})
    add_gpu_bench(
        suite, on, dot ? "dot" : "sum", dtype_of<T>(), on.elements(2 * on.large(), dot ? 2 : 1, 0, sizeof(T)),
        [dot](const GpuBenches& gpu, Work& work) { prepare_reduction<T>(gpu, work, dot); }, targets());
}

}  // namespace

void add_gpu_sums(Suite& suite, const GpuBenches& on) {
  add_reductions<float>(suite, on);
  add_reductions<double>(suite, on);
  add_axes<float>(suite, on);
  add_axes<double>(suite, on);
}

}  // namespace bench
