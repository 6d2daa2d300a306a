// Copy, triad and chain6 of large arrays on a GPU, against its own copy.
#include "bench/cuda/contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

constexpr double lowest_share = 0.92;

template <class T>
struct Stream {
  const GpuBenches& on;
  Work& work;
  int inputs;
  std::shared_ptr<NativeArrays> arrays;
  std::vector<kiln::Array> values;

  Stream(const GpuBenches& on, Work& work, int inputs) : on(on), work(work), inputs(inputs) {
    for (int k = 0; k < inputs; ++k) random_input<T>(work, work.n(), 1, 2, std::uint64_t(k) + 1);
    work.add_output(dtype_of<T>(), work.n());
    for (int k = 0; k < inputs; ++k) values.push_back(owned(work.input(std::size_t(k))));
  }

  double traffic() const { return double(inputs + 1) * double(work.n()) * sizeof(T); }

  // `call` takes a function and calls it with the arrays.
  template <class Function, class Call>
  void add_kiln(const Function& function, const Call& call) {
    add_references_of(work, call(function.on(kiln::cpu())));
    add_kiln_on_gpu(work, on.gpu, "kiln", traffic(), [f = function.on(on.device), call] { return call(f); });
    arrays = std::make_shared<NativeArrays>(on.gpu, work);
  }

  // `start` is given the kernel and so many blocks of 256 threads.
  template <class Start>
  void add_native(const std::string& kernel, Start start) {
    const NativeModule& module = native_module(on.gpu, "streams");
    const CUfunction function = module.function(kernel + "_" + dtype_of<T>());
    const unsigned blocks = blocks_that_fill(on.gpu, function, 256);
    add_native_on_gpu(work, on.gpu, module, arrays, traffic(),
                      [start, function, blocks, arrays = arrays] { start(function, blocks, *arrays); });
    add_memcpy(work, on.gpu, arrays);
  }
};

template <class T>
void prepare_copy(const GpuBenches& on, Work& work) {
  Stream<T> stream(on, work, 1);
  stream.add_kiln(kernels::copy, [b = stream.values[0]](const auto& f) { return f(b); });
  stream.add_native("copy", [&gpu = on.gpu, n = work.n()](CUfunction f, unsigned blocks, const NativeArrays& a) {
    launch(gpu, f, blocks, 1, 256, 1, a.input(0), a.output(0), n);
  });
}

template <class T>
void prepare_triad(const GpuBenches& on, Work& work) {
  Stream<T> stream(on, work, 2);
  stream.add_kiln(kernels::triad, [b = stream.values[0], c = stream.values[1]](const auto& f) { return f(b, c, 3.0); });
  stream.add_native("triad", [&gpu = on.gpu, n = work.n()](CUfunction f, unsigned blocks, const NativeArrays& a) {
    launch(gpu, f, blocks, 1, 256, 1, a.input(0), a.input(1), a.output(0), T(3), n);
  });
}

template <class T>
void prepare_chain6(const GpuBenches& on, Work& work) {
  Stream<T> stream(on, work, 4);
  stream.add_kiln(kernels::chain6, [v = stream.values](const auto& f) { return f(v[0], v[1], v[2], v[3]); });
  stream.add_native("chain6", [&gpu = on.gpu, n = work.n()](CUfunction f, unsigned blocks, const NativeArrays& a) {
    launch(gpu, f, blocks, 1, 256, 1, a.input(0), a.input(1), a.input(2), a.input(3), a.output(0), n);
  });
}

void add_stream(Suite& suite, const GpuBenches& on, const std::string& name, int inputs, const PrepareOnGpu& of_f32,
                const PrepareOnGpu& of_f64) {
  const std::vector<Target> targets = {{Target::Kind::share, "kiln", "memcpy", lowest_share, 0}};
  add_gpu_bench(suite, on, name, "f32", on.elements(on.large(), inputs, 1, 4), of_f32, targets);
  add_gpu_bench(suite, on, name, "f64", on.elements(on.large(), inputs, 1, 8), of_f64, targets);
}

}  // namespace

void add_gpu_streams(Suite& suite, const GpuBenches& on) {
  add_stream(suite, on, "copy", 1, prepare_copy<float>, prepare_copy<double>);
  add_stream(suite, on, "triad", 2, prepare_triad<float>, prepare_triad<double>);
  add_stream(suite, on, "chain6", 4, prepare_chain6<float>, prepare_chain6<double>);
}

}  // namespace bench
