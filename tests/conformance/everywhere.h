// One program run in every way there is: interpreted, compiled for each vector width and number of threads, eager.
#pragma once

#include "tests/conformance/compare.h"
#include "tests/support/gpu_run.h"
#include "tests/support/ways.h"

#include <kiln/error.h>

#include <algorithm>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace kiln::conformance {

namespace {
/// In a run on the GPU the tests of the files that include this one run.
const tests::GpuTests tests_of_this_file{__BASE_FILE__};
}  // namespace

inline Array as_array(const Array& a) { return a; }
inline Array as_array(const Value& v) {
  const Array a = empty(Shape({}), v.dtype());
  a(rest) = v;
  return a;
}

/// The results of a call, and the arrays it wrote into, as a list.
using Results = std::vector<Array>;

template <class... T>
Results results(const T&... each) {
  return {as_array(each)...};
}
template <class... T>
Results results(const std::tuple<T...>& all) {
  return std::apply([](const auto&... each) { return Results{as_array(each)...}; }, all);
}

inline std::string text_of(const JitOptions& o) {
  return std::to_string(o.vector_bits) + " bits, " + (o.force_threads ? std::to_string(o.threads) : "any number of") +
         " threads" + (o.bounds_check == BoundsCheck(true) ? ", checked" : "");
}

constexpr JitOptions compiled_ways[] = {
    {},
    {.vector_bits = 128},
    {.vector_bits = 256},
    {.vector_bits = 512},
    {.threads = 1, .force_threads = true},
    {.threads = 2, .force_threads = true},
    {.vector_bits = 128, .threads = 3, .force_threads = true},
    {.vector_bits = 512, .threads = 5, .force_threads = true},
    {.bounds_check = true},
    {.bounds_check = true, .vector_bits = 128, .threads = 3, .force_threads = true},
};

/// Those that this run takes of the case `number` of a sweep over dtypes, or, negative, of a program that is no such:
/// the first, and two of the others.
inline std::vector<JitOptions> ways_of(int number) {
  static int programs = 0;
  std::vector<JitOptions> list(std::begin(compiled_ways), std::end(compiled_ways));
  if (tests::ways() == tests::Ways::all || (number < 0 && tests::ways() == tests::Ways::pairs)) return list;
  if (number < 0) number = programs++;
  std::vector<JitOptions> some{list[0]};
  for (int k = 0; k < 2; ++k) some.push_back(list[static_cast<std::size_t>(1 + (2 * number + k) % 9)]);
  return some;
}

/// The last call ran on so many threads, unless it had no loop that could be divided among them.
inline void expect_threads(int threads) {
  const std::string reason = last_call().threads_reason;
  if (reason == "nothing to share among threads") return;
  if (reason == "forced by JitOptions, as far as the loop can be divided") {
    EXPECT_LT(last_call().threads, threads);
  } else {
    EXPECT_EQ(last_call().threads, threads) << reason;
  }
}

/// A compiled function's body as plain C++ calls it: outside a trace.
template <class Function>
struct Eager;
template <class F, class... P>
struct Eager<detail::Jitted<F, std::tuple<P...>, false>> {
  using Result = typename detail::Jitted<F, std::tuple<P...>, false>::Result;
  Result operator()(const P&... parameters) const { return static_cast<Result>(F{}(parameters...)); }
};

/// Calls `run` with the body itself, unless that has traced control flow, which plain C++ code has not.
template <class Function, class Run>
void eagerly(const Function&, Run&& run, const Results& wanted) {
  if constexpr (requires { sizeof(Eager<Function>); }) {  // a vectorized body takes an element at a time
    Results actual;
    try {
      actual = run(Eager<Function>{});
    } catch (const UsageError& e) {
      EXPECT_NE(std::string(e.what()).find("works only inside a traced function"), std::string::npos) << e.what();
      return;
    }
    EXPECT_EQ(actual.size(), wanted.size());
    for (std::size_t k = 0; k < std::min(actual.size(), wanted.size()); ++k)
      EXPECT_TRUE(same_bits(actual[k], wanted[k])) << "result " << k << ", eager";
  }
}

/// Whether a Program calls functions that each device has its own of.
inline bool calls_functions(const std::string& program) {
  for (int k = static_cast<int>(ir::first_table_op); k < ir::op_count(); ++k) {
    const ir::OpRow& row = ir::row(static_cast<ir::Op>(k));
    if (row.ulp > 0 && program.find(std::string(row.name) + "(") != std::string::npos) return true;
  }
  return false;
}

/// Calls `run` with the function compiled for the GPU, lanes in both orders where it is the simulated one: the same
/// bits, or, where the Program calls functions, numbers whose distance is small beside the largest.
template <class F, class Run>
void on_gpu(const F& f, Run&& run, const Results& wanted) {
  tests::in_each_order([&](const char* order) {
    const Results actual = run(f.on(cuda()));
    EXPECT_EQ(actual.size(), wanted.size());
    EXPECT_STREQ(last_call().device, "cuda:0");
    const bool approximate = calls_functions(f.inspect("program").c_str());
    for (std::size_t k = 0; k < std::min(actual.size(), wanted.size()); ++k)
      EXPECT_TRUE(approximate ? close_to(actual[k], wanted[k]) : same_bits(actual[k], wanted[k]))
          << "result " << k << ", on the GPU" << order;
  });
}

/// Calls `run` with the function interpreted and compiled in all ways, or on the GPU in a run of its tests; every
/// result must be the same, bit for bit. `run` makes its inputs anew each time. `number`: as of ways_of. Returns what
/// the interpreter gave.
template <class F, class Run>
Results in_traces(const F& f, Run&& run, int number = -1) {
  const Results wanted = run(f.with({.interpret = true}));
  if (tests::is_gpu_tested()) {
    on_gpu(f, run, wanted);
    return wanted;
  }
  for (const JitOptions& options : ways_of(number)) {
    const Results actual = run(f.with(options));
    EXPECT_EQ(actual.size(), wanted.size());
    if (options.vector_bits != 0) {
      EXPECT_EQ(last_call().vector_bits, options.vector_bits);
    }
    if (options.force_threads) expect_threads(options.threads);
    for (std::size_t k = 0; k < wanted.size(); ++k)
      EXPECT_TRUE(same_bits(actual[k], wanted[k])) << "result " << k << ", " << text_of(options);
    if (testing::Test::HasFailure()) break;
  }
  return wanted;
}

/// As in_traces, and eager.
template <class F, class Run>
Results everywhere(const F& f, Run&& run, int number = -1) {
  const Results wanted = in_traces(f, run, number);
  if (!tests::is_gpu_tested()) eagerly(f, run, wanted);
  return wanted;
}

/// A new array of these numbers and extents.
template <class T>
Array array_from(const std::vector<T>& numbers, std::initializer_list<std::int64_t> extents = {}) {
  const Array a = [&] {
    if constexpr (std::same_as<T, bool>) {
      const Array b = empty({numbers.size()}, bool_);
      for (std::size_t k = 0; k < numbers.size(); ++k) b(k) = static_cast<bool>(numbers[k]);
      return b;
    } else {
      return array(numbers);
    }
  }();
  if (extents.size() == 0) return a;
  return a.reshape(Shape(std::span<const std::int64_t>(extents.begin(), extents.size())));
}

/// The elements as C++ numbers, C order.
template <class T>
std::vector<T> numbers(const Array& a) {
  const Array c = a.copy();
  const auto all = c.read<T>();
  return {all.begin(), all.end()};
}

}  // namespace kiln::conformance
