// What Kiln's contenders share: inputs as borrowed arrays, results that live until the next call.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <kiln/kiln.h>

#include "bench/suite.h"

namespace bench {

kiln::DType dtype_named(const std::string& name);

// An array over the bench's own memory; a copy would only cost memory.
kiln::Array borrowed(const View& view, std::span<const std::int64_t> extents);
inline kiln::Array borrowed(const View& view, std::initializer_list<std::int64_t> extents) {
  return borrowed(view, std::span(extents.begin(), extents.size()));
}
inline kiln::Array borrowed(const View& view) { return borrowed(view, {view.count}); }

View view_of(const kiln::Array& array);
inline View view_of(const float& number) { return {&number, "f32", 1}; }
inline View view_of(const double& number) { return {&number, "f64", 1}; }
inline View view_of(const std::int64_t& number) { return {&number, "i64", 1}; }

template <class Result>
std::vector<View> views_of(const Result& result) {
  return {view_of(result)};
}
template <class... Results>
std::vector<View> views_of(const std::tuple<Results...>& results) {
  return std::apply([](const auto&... each) { return std::vector<View>{view_of(each)...}; }, results);
}

// "2 threads, 512-bit": what the last call did.
std::string last_call_in_words();

// Adds a contender that keeps what its last call returned: an Array, a tuple of Arrays, or a number. The result before
// dies first, as in the body of a loop, so that its memory is taken again.
template <class Call>
Contender& add_kiln(Work& work, std::string variant, int threads, Call call) {
  const auto result = std::make_shared<std::optional<decltype(call())>>();
  const auto described = std::make_shared<std::string>();
  Contender& contender = work.add(
      std::move(variant), threads,
      [=]() mutable {
        result->reset();
        result->emplace(call());
      },
      [=] { return views_of(**result); });
  contender.describe = [described] { return *described; };
  contender.before = [&work, threads] {
    work.restore();
    kiln::set_num_threads(threads);
  };
  contender.after = [described] { *described = last_call_in_words(); };  // before others call
  return contender;
}

// The same for each thread count.
template <class Call>
void add_for_threads(Work& work, const std::string& variant, const Call& call) {
  for (const int threads : work.thread_counts()) add_kiln(work, variant, threads, call);
}

// Has the contender tell how much memory its calls take beside what they return. What a call returned before has died
// when the next begins, and a result of the same size is all that is left after it.
void count_memory(Contender& contender);

constexpr kiln::JitOptions fast_options{.fast_math = true};
constexpr kiln::JitOptions checked_options{.bounds_check = true};
constexpr kiln::JitOptions interpreter_options{.interpret = true};

void register_kiln_loops(Suite& suite);        // tutorial, mandelbrot, black_scholes
void register_kiln_expressions(Suite& suite);  // elementwise functions, streams, reductions, crossovers
void register_kiln_axes(Suite& suite);         // sums along an axis, softmax, variance
void register_kiln_simulations(Suite& suite);  // n bodies, stencils, the triple loop of a matrix product
void register_kiln_calls(Suite& suite);        // warm calls and first calls

}  // namespace bench
