// Kiln's warm calls on arrays of one element, and the first calls of a process.
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "bench/kiln_contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

using kiln::Array;

const auto call_1 = kiln::jit([](Array x) { return x + 1; });
const auto call_2 = kiln::jit([](Array x, Array y) { return x + y; });

// As a user calls: every thread allowed, the runtime to find that one is enough. With one element in one axis and one
// element in two by turns, so that remembering the last call is not enough.
template <class Function, class... Inputs>
void add_call(Work& work, const Function& function, const Inputs&... inputs) {
  const auto first = std::tuple(borrowed(inputs, {1})...), second = std::tuple(borrowed(inputs, {1, 1})...);
  add_kiln(work, "kiln", work.threads(),
           [=, turn = 0u]() mutable { return std::apply(function, ++turn % 2 ? first : second); });
}

using Clock = std::chrono::steady_clock;

// The first call of this process; main() has seen to it that there is nothing to find on disk.
template <class Call>
double seconds_of_first(const Call& call) {
  const auto begin = Clock::now();
  call();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void expect(double result, double right) {
  if (!(std::abs(result - right) <= 1e-5 * std::abs(right)))
    throw std::runtime_error(fmt::format("the first call gives {} where {} is right", result, right));
}

constexpr std::int64_t first_count = 1000, first_side = 32;

// Memory of this program's: Kiln's own is untouched before the call.
struct Input {
  explicit Input(float value) : numbers(first_count, value) {}
  Array array() { return borrowed({numbers.data(), "f32", first_count}); }
  std::vector<float> numbers;
};

double first_add() {
  Input x(2), y(3);
  const Array a = x.array(), b = y.array();
  std::optional<Array> sum;
  const double seconds = seconds_of_first([&] { sum.emplace(kernels::add(a, b)); });
  expect(sum->read<float>().back(), 5);
  return seconds;
}

double first_chain6() {
  Input x(1), y(2), z(3), w(4);
  const Array a = x.array(), b = y.array(), c = z.array(), d = w.array();
  std::optional<Array> result;
  const double seconds = seconds_of_first([&] { result.emplace(kernels::chain6(a, b, c, d)); });
  expect(result->read<float>().back(), ((1 + 2) * 3 - 4) * 1 + 2 * 4);
  return seconds;
}

double first_mandelbrot() {
  constexpr std::int64_t n = first_side;
  std::vector<float> pixels(n * n, -1);
  const Array image = borrowed({pixels.data(), "f32", n * n}, {n, n});
  const double seconds = seconds_of_first([&] { kernels::mandelbrot(-2.0f, 0.5f, -1.25f, 1.25f, image); });
  expect(pixels[n / 2 * n + n / 2], 200);  // -0.75 is inside the set
  expect(pixels[0], 1);                    // the corner is not
  return seconds;
}

double first_black_scholes() {
  Input x(100), y(95), z(1);
  const Array spot = x.array(), strike = y.array(), years = z.array();
  std::optional<std::tuple<Array, Array>> prices;
  const double seconds =
      seconds_of_first([&] { prices.emplace(kernels::black_scholes(spot, strike, years, 0.02, 0.3)); });
  const double d1 = (std::log(100.0 / 95) + 0.02 + 0.045) / 0.3, d2 = d1 - 0.3;
  const auto cdf = [](double value) { return 0.5 * std::erfc(-value / std::sqrt(2.0)); };
  expect(std::get<0>(*prices).read<float>().back(), 100 * cdf(d1) - 95 * std::exp(-0.02) * cdf(d2));
  return seconds;
}

}  // namespace

void register_kiln_calls(Suite& suite) {
  suite.extend("call_1", [](Work& work) { add_call(work, call_1, work.input(0)); });
  suite.extend("call_2", [](Work& work) { add_call(work, call_2, work.input(0), work.input(1)); });
  suite.extend("call_4", [](Work& work) {
    add_call(work, kernels::call_4, work.input(0), work.input(1), work.input(2), work.input(3));
  });
  suite.add_first_call("first_call_add", first_count, 15e-3, first_add);
  suite.add_first_call("first_call_chain6", first_count, 17e-3, first_chain6);
  suite.add_first_call("first_call_mandelbrot", first_side, 25e-3, first_mandelbrot);
  suite.add_first_call("first_call_black_scholes", first_count, 30e-3, first_black_scholes);
}

}  // namespace bench
