// The benches of the plan: inputs, references by plain scalar code, natives from the table, and what must be reached.
// Here the tutorial, elementwise functions, streams, full reductions, crossovers and warm calls.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>

#include "bench/prepare.h"

namespace bench {
namespace {

template <class T>
void prepare_tutorial(Work& work) {
  using R = std::conditional_t<std::is_same_v<T, float>, float, double>;
  const std::int64_t n = work.n();
  const T* a;
  if constexpr (std::is_same_v<T, std::int64_t>) {
    std::int64_t* values = work.add_input("i64", n * n).as<std::int64_t>();
    for (std::int64_t i = 0; i < n * n; ++i) values[i] = i;
    a = values;
  } else {
    a = random_input<T>(work, n * n, 0, 1, 1);
  }
  double trace = 0;
  for (std::int64_t i = 0; i < n; ++i) trace += std::tanh(double(a[i * (n + 1)]));
  set_reference<R>(work, n * n, [=](std::int64_t i) { return double(a[i]) + trace; });
  work.add_output(dtype_of<R>(), n * n);
  work.set_tolerances({64, trace, 0}, {64, trace, 0});
  add_natives(work, "tutorial", true, n <= 100);
}

template <class T>
void prepare_mandelbrot(Work& work) {
  const std::int64_t n = work.n();
  const T xmin = T(-2.0), xmax = T(0.5), ymin = T(-1.25), ymax = T(1.25);
  work.set_scalars({double(xmin), double(xmax), double(ymin), double(ymax)});
  set_reference<T>(work, n * n, [=](std::int64_t pixel) {
    const T cr = xmin + (xmax - xmin) * T(pixel % n) / T(n), ci = ymin + (ymax - ymin) * T(pixel / n) / T(n);
    T zr = 0, zi = 0;
    int steps = 0;
    while (zr * zr + zi * zi < T(4) && steps < 200) {
      const T t = zr * zr - zi * zi + cr;
      zi = T(2) * zr * zi + ci;
      zr = t;
      ++steps;
    }
    return T(steps);
  });
  work.add_output(dtype_of<T>(), n * n);
  work.set_tolerances({}, {0, 0, 0.005});
  add_natives(work, "mandelbrot");
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

template <class T>
void prepare_black_scholes(Work& work) {
  const std::int64_t n = work.n();
  const T* spot = random_input<T>(work, n, 10, 100, 1);
  const T* strike = random_input<T>(work, n, 10, 100, 2);
  const T* years = random_input<T>(work, n, 0.2, 2, 3);
  const double rate = 0.02, volatility = 0.3;
  work.set_scalars({rate, volatility});
  T* call = work.add_reference(dtype_of<T>(), n).template as<T>();
  T* put = work.add_reference(dtype_of<T>(), n).template as<T>();
  on_all_cores(n, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double s = spot[i], k = strike[i], t = years[i];
      const double root = std::sqrt(t);
      const double d1 = (std::log(s / k) + (rate + volatility * volatility / 2) * t) / (volatility * root);
      const double d2 = d1 - volatility * root;
      const double discounted = k * std::exp(-rate * t);
      call[i] = T(s * normal_cdf(d1) - discounted * normal_cdf(d2));
      put[i] = T(discounted * normal_cdf(-d2) - s * normal_cdf(-d1));
    }
  });
  work.add_output(dtype_of<T>(), n);
  work.add_output(dtype_of<T>(), n);
  // The price is a difference of amounts up to 100: errors are counted in their units.
  work.set_tolerances({32, 100, 0}, {32, 100, 0});
  add_natives(work, "black_scholes");
}

template <class T>
void prepare_unary(Work& work, double low, double high, double (*function)(double)) {
  const T* x = random_input<T>(work, work.n(), low, high, 1);
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return function(double(x[i])); });
  work.add_output(dtype_of<T>(), work.n());
  work.set_tolerances({5, 0, 0}, {8, 0, 0});
  add_natives(work, work.bench());
}

template <class T>
void prepare_pow(Work& work) {
  const T* x = random_input<T>(work, work.n(), 0.1, 10, 1);
  const T* y = random_input<T>(work, work.n(), -3, 3, 2);
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return std::pow(double(x[i]), double(y[i])); });
  work.add_output(dtype_of<T>(), work.n());
  work.set_tolerances({5, 0, 0}, {8, 0, 0});
  add_natives(work, "pow");
}

template <class T>
void prepare_copy(Work& work) {
  const T* b = random_input<T>(work, work.n(), 1, 2, 1);
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return b[i]; });
  work.add_output(dtype_of<T>(), work.n());
  add_natives(work, "copy", false);
}

template <class T>
void prepare_triad(Work& work) {
  const T* b = random_input<T>(work, work.n(), 1, 2, 1);
  const T* c = random_input<T>(work, work.n(), 1, 2, 2);
  const T s = T(3);
  work.set_scalars({double(s)});
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return b[i] + s * c[i]; });
  work.add_output(dtype_of<T>(), work.n());
  work.set_tolerances({}, {2, 0, 0});
  add_natives(work, "triad");
}

template <class T>
void prepare_chain6(Work& work) {
  const T* a = random_input<T>(work, work.n(), 1, 2, 1);
  const T* b = random_input<T>(work, work.n(), 1, 2, 2);
  const T* c = random_input<T>(work, work.n(), 1, 2, 3);
  const T* d = random_input<T>(work, work.n(), 1, 2, 4);
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return ((a[i] + b[i]) * c[i] - d[i]) * a[i] + b[i] * d[i]; });
  work.add_output(dtype_of<T>(), work.n());
  work.set_tolerances({}, {4, 16, 0});
  add_natives(work, "chain6");
}

template <class Term>
double total_of(std::int64_t n, Term term) {
  long double total = 0;
  constexpr std::int64_t block = 4096;
  for (std::int64_t from = 0; from < n; from += block) {
    long double part = 0;
    for (std::int64_t i = from; i < std::min(n, from + block); ++i) part += term(i);
    total += part;
  }
  return double(total);
}

// Kiln's order of a sum is a tree, good to a few units; the natives' chains of additions lose more the longer they are.
template <class T>
void prepare_reduction(Work& work, bool dot) {
  const std::int64_t n = work.n();
  const T* x = random_input<T>(work, n, 0, 1, 1);
  const T* y = dot ? random_input<T>(work, n, 0, 1, 2) : nullptr;
  const double total = total_of(n, [=](std::int64_t i) { return dot ? double(x[i]) * double(y[i]) : double(x[i]); });
  set_reference<T>(work, 1, [=](std::int64_t) { return total; });
  work.add_output(dtype_of<T>(), 1);
  work.set_tolerances({8, 0, 0}, {8, 0, 0});
  work.set_native_tolerance({16 + 1e-4 * double(n), 0, 0});
  add_natives(work, dot ? "dot" : "sum");
}

// The sum of where(a > 0, a * b, 0).
template <class T>
void prepare_where_sum(Work& work) {
  const std::int64_t n = work.n();
  const T* a = random_input<T>(work, n, -1, 1, 1);
  const T* b = random_input<T>(work, n, 0, 1, 2);
  const double total = total_of(n, [=](std::int64_t i) { return a[i] > 0 ? double(a[i]) * double(b[i]) : 0.0; });
  set_reference<T>(work, 1, [=](std::int64_t) { return total; });
  work.add_output(dtype_of<T>(), 1);
  work.set_tolerances({8, 0, 0}, {8, 0, 0});
  work.set_native_tolerance({16 + 1e-4 * double(n), 0, 0});
  add_natives(work, "where_sum");
}

// Of 1e8 numbers in f32 some are equal: the first of the smallest is right.
template <class T>
void prepare_argmin(Work& work) {
  const T* x = random_input<T>(work, work.n(), -1, 1, 1);
  const std::int64_t first = std::min_element(x, x + work.n()) - x;
  set_reference<std::int64_t>(work, 1, [=](std::int64_t) { return first; });
  work.add_output("i64", 1);
  add_natives(work, "argmin", false);
}

// Only Kiln's own contenders, serial against parallel.
template <class T>
void prepare_crossover_triad(Work& work) {
  const T* b = random_input<T>(work, work.n(), 1, 2, 1);
  const T* c = random_input<T>(work, work.n(), 1, 2, 2);
  work.set_scalars({3.0});
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return b[i] + T(3) * c[i]; });
}

template <class T>
void prepare_crossover_exp(Work& work) {
  const T* x = random_input<T>(work, work.n(), -10, 10, 1);
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return std::exp(double(x[i])); });
  work.set_tolerances({5, 0, 0}, {8, 0, 0});
}

// `count` inputs of one element; what is called with them and what is right is one sum: x0 + x1 + ...
void prepare_call(Work& work, int count) {
  float total = 0;
  for (int index = 0; index < count; ++index) {
    float* x = work.add_input("f32", 1).as<float>();
    x[0] = float(index + 1);
    total += x[0];
  }
  set_reference<float>(work, 1, [=](std::int64_t) { return count == 1 ? total + 1 : total; });
}

void add_tutorials(Suite& suite) {
  for (const std::int64_t n : {100, 1000}) {
    std::vector<Target> targets;
    if (n == 1000) targets.push_back({ratio, "kiln", "native", 1.05, 0});
    if (n == 100) {
      targets.push_back({ratio, "kiln", "native", 1.3, 1});
      targets.push_back({ratio, "kiln", "native_serial", 1.3, 2});
    }
    const std::string name = fmt::format("tutorial_{}", n);
    suite.add_bench({name, "f32", n, prepare_tutorial<float>, targets, false, "tutorial"});
    suite.add_bench({name, "f64", n, prepare_tutorial<double>, targets, false, "tutorial"});
    suite.add_bench({name, "i64", n, prepare_tutorial<std::int64_t>, targets, false, "tutorial"});
  }
}

void add_maths(Suite& suite, bool quick) {
  const std::int64_t n = quick ? 1'000'000 : 10'000'000;
  const std::vector<Target> targets = {{ratio, "kiln", "native", 1.15, 0},
                                       {ratio, "kiln_fast", "native_fast", 1.15, 0}};
  struct Row {
    const char* name;
    double low, high;
    double (*function)(double);
  };
  const Row rows[] = {
      {"exp", -10, 10, [](double x) { return std::exp(x); }}, {"log", 0.001, 100, [](double x) { return std::log(x); }},
      {"sin", -10, 10, [](double x) { return std::sin(x); }}, {"tanh", -4, 4, [](double x) { return std::tanh(x); }},
      {"erf", -3, 3, [](double x) { return std::erf(x); }},
  };
  add_floats(suite, "black_scholes", n, prepare_black_scholes<float>, prepare_black_scholes<double>, targets);
  for (const Row& row : rows)
    add_floats(
        suite, row.name, n, [row](Work& work) { prepare_unary<float>(work, row.low, row.high, row.function); },
        [row](Work& work) { prepare_unary<double>(work, row.low, row.high, row.function); }, targets);
  add_floats(suite, "pow", n, prepare_pow<float>, prepare_pow<double>, targets);
}

void add_streams(Suite& suite, bool quick) {
  const std::int64_t n = quick ? 10'000'000 : 100'000'000;
  const std::vector<Target> targets = {{ratio, "kiln", "native", 1.08, 0}};
  add_floats(suite, "copy", n, prepare_copy<float>, prepare_copy<double>, targets);
  add_floats(suite, "triad", n, prepare_triad<float>, prepare_triad<double>, targets);
  add_floats(suite, "chain6", n, prepare_chain6<float>, prepare_chain6<double>, targets);
}

void add_reductions(Suite& suite, bool quick) {
  const std::vector<Target> targets = {{ratio, "kiln", "native_fast", 1.11, 0}};
  for (const bool dot : {false, true})
    for (const std::int64_t n : {10'000, 1'000'000, quick ? 10'000'000 : 100'000'000})
      add_floats(
          suite, dot ? "dot" : "sum", n, [dot](Work& work) { prepare_reduction<float>(work, dot); },
          [dot](Work& work) { prepare_reduction<double>(work, dot); }, targets);
  const std::int64_t n = quick ? 10'000'000 : 100'000'000;
  add_floats(suite, "where_sum", n, prepare_where_sum<float>, prepare_where_sum<double>,
             {{ratio, "kiln", "native_fast", 1.15, 0}});
  add_floats(suite, "argmin", n, prepare_argmin<float>, prepare_argmin<double>, {{ratio, "kiln", "native", 1.15, 0}});
}

void add_crossovers(Suite& suite, bool quick) {
  for (const bool is_exp : {false, true})
    for (const bool idle : {false, true})
      for (std::int64_t n = 1; n <= (quick ? 1'000'000 : 100'000'000); n *= 10) {
        const std::string work = is_exp ? "crossover_exp" : "crossover_triad";
        const double limit = is_exp && n >= 1'000'000 ? 0.6 : 1.05;
        suite.add_bench({idle ? work + "_idle" : work,
                         "f32",
                         n,
                         is_exp ? Prepare(prepare_crossover_exp<float>) : Prepare(prepare_crossover_triad<float>),
                         {{ratio, "kiln", "kiln_serial", limit, 2}},
                         idle,
                         work});
      }
}

}  // namespace

void register_benches(Suite& suite, bool quick) {
  add_tutorials(suite);
  const std::vector<Target> mandelbrot_targets = {{ratio, "kiln_fast", "native_avx2_x2", 1.1, 0}};
  add_floats(suite, "mandelbrot", quick ? 512 : 1024, prepare_mandelbrot<float>, prepare_mandelbrot<double>,
             mandelbrot_targets);
  add_maths(suite, quick);
  add_streams(suite, quick);
  add_half_benches(suite, quick);
  add_reductions(suite, quick);
  add_axis_benches(suite, quick);
  add_loop_benches(suite, quick);
  add_crossovers(suite, quick);
  for (const auto& [count, limit] : {std::pair{1, 100e-9}, std::pair{2, 120e-9}, std::pair{4, 200e-9}})
    suite.add_bench({fmt::format("call_{}", count),
                     "f32",
                     1,
                     [count = count](Work& work) { prepare_call(work, count); },
                     {{Target::Kind::seconds, "kiln", "", limit, 0}},
                     false,
                     ""});
}

}  // namespace bench
