// Kiln's contenders that are array expressions: elementwise functions, streams, reductions, and their crossovers.
#include "bench/kiln_contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

using kiln::Array;

const auto exp_of = kiln::jit([](Array x) { return exp(x); });
const auto log_of = kiln::jit([](Array x) { return log(x); });
const auto sin_of = kiln::jit([](Array x) { return sin(x); });
const auto tanh_of = kiln::jit([](Array x) { return tanh(x); });
const auto erf_of = kiln::jit([](Array x) { return erf(x); });
const auto pow_of = kiln::jit([](Array x, Array y) { return pow(x, y); });
const auto where_sum_of = kiln::jit([](Array a, Array b) { return sum(where(a > 0, a * b, 0)); });

const auto argmin_of = kiln::jit([](Array x) { return argmin(x); });

// Interpreted, an element takes some tens of nanoseconds: only where that is a matter of milliseconds.
constexpr std::int64_t most_interpreted = 10'000;

template <class Function>
void extend_unary(Suite& suite, const std::string& name, const Function& function) {
  suite.extend(name, [function](Work& work) {
    const Array x = borrowed(work.input(0));
    add_for_threads(work, "kiln", [=] { return function(x); });
    add_for_threads(work, "kiln_fast", [x, fast = function.with(fast_options)] { return fast(x); });
  });
}

void add_pow(Work& work) {
  const Array x = borrowed(work.input(0)), y = borrowed(work.input(1));
  add_for_threads(work, "kiln", [=] { return pow_of(x, y); });
  add_for_threads(work, "kiln_fast", [x, y, fast = pow_of.with(fast_options)] { return fast(x, y); });
}

void add_copy(Work& work) {
  const Array b = borrowed(work.input(0));
  add_for_threads(work, "kiln", [=] { return kernels::copy(b); });
}

void add_triad(Work& work) {
  const Array b = borrowed(work.input(0)), c = borrowed(work.input(1));
  const double s = work.scalar(0);
  add_for_threads(work, "kiln", [=] { return kernels::triad(b, c, s); });
}

void add_chain6(Work& work) {
  const Array a = borrowed(work.input(0)), b = borrowed(work.input(1)), c = borrowed(work.input(2)),
              d = borrowed(work.input(3));
  add_for_threads(work, "kiln", [=] { return kernels::chain6(a, b, c, d); });
}

// A reduction's result is a number, in the dtype of its elements.
template <class T>
void add_sum_of(Work& work) {
  const Array x = borrowed(work.input(0));
  add_for_threads(work, "kiln", [=] { return T(kernels::sum(x)); });
  if (work.n() <= most_interpreted)
    add_kiln(work, "interpreter", 1, [x, f = kernels::sum.with(interpreter_options)] { return T(f(x)); });
}
template <class T>
void add_dot_of(Work& work) {
  const Array x = borrowed(work.input(0)), y = borrowed(work.input(1));
  add_for_threads(work, "kiln", [=] { return T(kernels::dot(x, y)); });
  if (work.n() <= most_interpreted)
    add_kiln(work, "interpreter", 1, [x, y, f = kernels::dot.with(interpreter_options)] { return T(f(x, y)); });
}
void add_sum(Work& work) { return work.dtype() == "f32" ? add_sum_of<float>(work) : add_sum_of<double>(work); }
void add_dot(Work& work) { return work.dtype() == "f32" ? add_dot_of<float>(work) : add_dot_of<double>(work); }

template <class T>
void add_where_sum_of(Work& work) {
  const Array a = borrowed(work.input(0)), b = borrowed(work.input(1));
  add_for_threads(work, "kiln", [=] { return T(where_sum_of(a, b)); });
}
void add_where_sum(Work& work) {
  return work.dtype() == "f32" ? add_where_sum_of<float>(work) : add_where_sum_of<double>(work);
}

void add_argmin(Work& work) {
  const Array x = borrowed(work.input(0));
  add_for_threads(work, "kiln", [=] { return std::int64_t(argmin_of(x)); });
}

// With all threads allowed against one thread, in one group. `call` takes the function with its options.
template <class Function, class Call>
void add_crossover(Work& work, const Function& function, const Call& call) {
  add_kiln(work, "kiln", work.threads(), [=] { return call(function); });
  Contender& serial =
      add_kiln(work, "kiln_serial", 1, [call, alone = function.with({.threads = 1})] { return call(alone); });
  serial.group = work.threads();
  serial.before = [threads = work.threads()] { kiln::set_num_threads(threads); };
}

void add_crossover_triad(Work& work) {
  const Array b = borrowed(work.input(0)), c = borrowed(work.input(1));
  const double s = work.scalar(0);
  add_crossover(work, kernels::triad, [=](const auto& function) { return function(b, c, s); });
}

void add_crossover_exp(Work& work) {
  const Array x = borrowed(work.input(0));
  add_crossover(work, exp_of, [=](const auto& function) { return function(x); });
}

}  // namespace

void register_kiln_expressions(Suite& suite) {
  extend_unary(suite, "exp", exp_of);
  extend_unary(suite, "log", log_of);
  extend_unary(suite, "sin", sin_of);
  extend_unary(suite, "tanh", tanh_of);
  extend_unary(suite, "erf", erf_of);
  suite.extend("pow", add_pow);
  suite.extend("copy", add_copy);
  suite.extend("triad", add_triad);
  suite.extend("chain6", add_chain6);
  suite.extend("sum", add_sum);
  suite.extend("dot", add_dot);
  suite.extend("where_sum", add_where_sum);
  suite.extend("argmin", add_argmin);
  suite.extend("crossover_triad", add_crossover_triad);
  suite.extend("crossover_exp", add_crossover_exp);
}

}  // namespace bench
