// What calls cost on a GPU: warm launches against a bare cuLaunchKernel, and the first calls of a process.
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "bench/cuda/contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

using kiln::Array;

// ---- Warm launches --------------------------------------------------------------------------------------------------

const auto call_4_into = kiln::jit([](Array x, Array y, Array z, Array out) { out(kiln::rest) = x + y + z; });

// A sample is the host's time of some hundred calls: fewer than the driver queues before it makes the host wait, so
// that what the GPU takes for them does not enter. It is waited for between the samples.
constexpr double sample_of_launches = 250e-6;

Contender& add_launches(Work& work, const Gpu& gpu, std::string variant, std::function<void()> call,
                        std::function<std::vector<View>()> results) {
  Contender& contender = work.add(std::move(variant), 1, std::move(call), std::move(results));
  contender.finish = [&gpu] { gpu.synchronize(); };
  return contender;
}

// Of a warp's elements, so that there is nothing but the call; one alone would be broadcast, which is another function.
constexpr std::int64_t few = 32;

// `into`: the fourth array takes the result, and none is made.
void prepare_call_4(const GpuBenches& on, Work& work, bool into) {
  const std::size_t terms = into ? 3 : 4;
  float total = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    float* const x = work.add_input("f32", few).as<float>();
    for (std::int64_t i = 0; i < few; ++i) x[i] = float(k + 1);
    if (k < terms) total += x[0];
  }
  set_reference<float>(work, few, [=](std::int64_t) { return total; });
  work.add_output("f32", few);
  std::vector<Array> v;
  for (std::size_t k = 0; k < 4; ++k) v.push_back(owned(work.input(k)));

  const auto result = std::make_shared<std::optional<Array>>();
  std::function<void()> call = [=, f = call_4_into.on(on.device)] { f(v[0], v[1], v[2], v[3]); };
  if (into)
    result->emplace(v[3]);
  else
    call = [=, f = kernels::call_4.on(on.device)] {
      result->reset();
      result->emplace(f(v[0], v[1], v[2], v[3]));
    };
  add_launches(work, on.gpu, "kiln", std::move(call), [result] { return views_of(**result); });

  const auto arrays = std::make_shared<NativeArrays>(on.gpu, work);
  const CUfunction function = native_module(on.gpu, "streams").function(into ? "add3_f32" : "add4_f32");
  const auto bare = [=, &gpu = on.gpu] {
    if (into)
      launch(gpu, function, 1, 1, 32, 1, arrays->input(0), arrays->input(1), arrays->input(2), arrays->output(0),
             static_cast<long long>(few));
    else
      launch(gpu, function, 1, 1, 32, 1, arrays->input(0), arrays->input(1), arrays->input(2), arrays->input(3),
             arrays->output(0), static_cast<long long>(few));
  };
  add_launches(work, on.gpu, "cuLaunchKernel", bare, [&work, arrays] {
    arrays->outputs[0]->copy_to(work.output(0));
    return work.outputs();
  });
}

void add_warm_calls(Suite& suite, const GpuBenches& on) {
  for (const bool into : {false, true}) {
    Bench bench;
    bench.name = into ? "call_4_into" : "call_4";
    bench.dtype = "f32";
    bench.n = few;
    bench.prepare = [&on, into](Work& work) { prepare_call_4(on, work, into); };
    bench.targets = {{Target::Kind::difference, "kiln", "cuLaunchKernel", 1.5e-6, 0}};
    bench.shortest_sample = sample_of_launches;
    suite.add_bench(std::move(bench));
  }
}

// ---- First calls ----------------------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;

// In a process whose context is made and where nothing else of Kiln has run: opening NVRTC, tracing, compiling,
// loading, copying, running. main() has seen to it that there is nothing to find on disk.
template <class Call>
double seconds_of_first(const Gpu& gpu, const Call& call) {
  const auto begin = Clock::now();
  call();
  gpu.synchronize();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void expect(double result, double right) {
  if (!(std::abs(result - right) <= 1e-5 * std::abs(right)))
    throw std::runtime_error(fmt::format("the first call gives {} where {} is right", result, right));
}

constexpr std::int64_t first_count = 1000, first_side = 32;

struct Input {
  explicit Input(float value) : numbers(first_count, value) {}
  Array array() { return borrowed({numbers.data(), "f32", first_count}); }
  std::vector<float> numbers;
};

double first_add(const GpuBenches& on) {
  Input x(2), y(3);
  const Array a = x.array(), b = y.array();
  std::optional<Array> sum;
  const double seconds = seconds_of_first(on.gpu, [&] { sum.emplace(kernels::add.on(on.device)(a, b)); });
  expect(sum->read<float>().back(), 5);
  return seconds;
}

double first_chain6(const GpuBenches& on) {
  Input x(1), y(2), z(3), w(4);
  const Array a = x.array(), b = y.array(), c = z.array(), d = w.array();
  std::optional<Array> result;
  const double seconds = seconds_of_first(on.gpu, [&] { result.emplace(kernels::chain6.on(on.device)(a, b, c, d)); });
  expect(result->read<float>().back(), ((1 + 2) * 3 - 4) * 1 + 2 * 4);
  return seconds;
}

double first_sum(const GpuBenches& on) {
  Input x(2);
  const Array a = x.array();
  float sum = 0;
  const double seconds = seconds_of_first(on.gpu, [&] { sum = float(kernels::sum.on(on.device)(a)); });
  expect(sum, 2 * double(first_count));
  return seconds;
}

double first_mandelbrot(const GpuBenches& on) {
  constexpr std::int64_t n = first_side;
  std::vector<float> pixels(n * n, -1);
  const Array image = borrowed({pixels.data(), "f32", n * n}, {n, n});
  const double seconds =
      seconds_of_first(on.gpu, [&] { kernels::mandelbrot.on(on.device)(-2.0f, 0.5f, -1.25f, 1.25f, image); });
  expect(image(n / 2, n / 2).as_double(), 200);  // -0.75 is inside the set
  expect(image(0, 0).as_double(), 1);            // the corner is not
  return seconds;
}

double first_black_scholes(const GpuBenches& on) {
  Input x(100), y(95), z(1);
  const Array spot = x.array(), strike = y.array(), years = z.array();
  std::optional<std::tuple<Array, Array>> prices;
  const double seconds = seconds_of_first(
      on.gpu, [&] { prices.emplace(kernels::black_scholes.on(on.device)(spot, strike, years, 0.02, 0.3)); });
  const double d1 = (std::log(100.0 / 95) + 0.02 + 0.045) / 0.3, d2 = d1 - 0.3;
  const auto cdf = [](double value) { return 0.5 * std::erfc(-value / std::sqrt(2.0)); };
  expect(std::get<0>(*prices).read<float>().back(), 100 * cdf(d1) - 95 * std::exp(-0.02) * cdf(d2));
  return seconds;
}

void add_first_calls(Suite& suite, const GpuBenches& on) {
  constexpr double limit = 150e-3;
  constexpr int processes = 5;
  suite.add_first_call("context", 0, 0, [&on] { return on.gpu.seconds_to_make(); }, 3);
  const auto add = [&](const char* name, std::int64_t n, double (*measure)(const GpuBenches& on)) {
    suite.add_first_call(name, n, limit, [&on, measure] { return measure(on); }, processes);
  };
  add("first_call_add", first_count, first_add);
  add("first_call_chain6", first_count, first_chain6);
  add("first_call_sum", first_count, first_sum);
  add("first_call_mandelbrot", first_side, first_mandelbrot);
  add("first_call_black_scholes", first_count, first_black_scholes);
}

}  // namespace

void add_gpu_calls(Suite& suite, const GpuBenches& on) {
  add_warm_calls(suite, on);
  add_first_calls(suite, on);
}

}  // namespace bench
