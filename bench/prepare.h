// What the definitions of the benches share: inputs, references, and the natives of the table as contenders.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "bench/suite.h"

namespace bench {

template <class T>
std::string dtype_of() {
  if constexpr (std::is_same_v<T, float>) return "f32";
  if constexpr (std::is_same_v<T, double>) return "f64";
  return "i64";
}

// The natives of `kernel` for each thread count: variant "native" or "native_fast", many implementations of each.
// `serial_too`: also on one thread in the group of several, as "native_serial".
void add_natives(Work& work, const std::string& kernel, bool with_fast = true, bool serial_too = false);

// Fills references[index] with f(i) on all cores.
template <class R, class Function>
R* set_reference(Work& work, std::int64_t count, Function function) {
  R* reference = work.add_reference(dtype_of<R>(), count).template as<R>();
  on_all_cores(count, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) reference[i] = R(function(i));
  });
  return reference;
}

template <class T>
T* random_input(Work& work, std::int64_t count, double low, double high, std::uint64_t seed) {
  T* values = work.add_input(dtype_of<T>(), count).template as<T>();
  fill_random(values, count, low, high, seed);
  return values;
}

using Prepare = std::function<void(Work&)>;
constexpr auto ratio = Target::Kind::ratio;

// The bench on f32 and on f64. `work`: the name of its contenders where that is another.
inline void add_floats(Suite& suite, const std::string& name, std::int64_t n, Prepare f32, Prepare f64,
                       const std::vector<Target>& targets, const std::string& work = "") {
  suite.add_bench({name, "f32", n, std::move(f32), targets, false, work});
  suite.add_bench({name, "f64", n, std::move(f64), targets, false, work});
}

void add_axis_benches(Suite& suite, bool quick);  // sums along an axis, softmax, variance (benches_axes.cpp)
void add_loop_benches(Suite& suite,
                      bool quick);  // n bodies, stencils, the triple loop, checked loops (benches_loops.cpp)
void add_half_benches(Suite& suite, bool quick);  // chain6 on f16 and bf16 (benches_half.cpp)

}  // namespace bench
