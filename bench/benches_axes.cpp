// The benches along an axis: sums, softmax and variance of rows. Kiln's order of a sum is a tree, good to a few units;
// the natives' chains of additions lose more the longer they are.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/prepare.h"

namespace bench {
namespace {

struct Extents {
  std::int64_t rows, columns;
};

template <class T>
const T* random_matrix(Work& work, Extents extents, double low, double high) {
  work.set_extents({extents.rows, extents.columns});
  return random_input<T>(work, extents.rows * extents.columns, low, high, 1);
}

void set_sum_tolerances(Work& work, std::int64_t terms) {
  work.set_tolerances({16, 0, 0}, {16, 0, 0});
  work.set_native_tolerance({16 + 2 * std::sqrt(double(terms)), 0, 0});
}

template <class T>
void prepare_sum_axis0(Work& work, Extents extents) {
  const T* x = random_matrix<T>(work, extents, 0, 1);
  std::vector<long double> sums(std::size_t(extents.columns), 0);
  for (std::int64_t row = 0; row < extents.rows; ++row)
    for (std::int64_t column = 0; column < extents.columns; ++column)
      sums[std::size_t(column)] += x[row * extents.columns + column];
  set_reference<T>(work, extents.columns, [&](std::int64_t column) { return sums[std::size_t(column)]; });
  work.add_output(dtype_of<T>(), extents.columns);
  set_sum_tolerances(work, extents.rows);
  add_natives(work, "sum_axis0");
  if (extents.columns == 16) add_natives(work, "sum_axis0_16");
}

// `extents` as they are in memory: the sum along axis 0 of a matrix in Fortran's order is one of these too.
template <class T>
void prepare_sum_axis1(Work& work, Extents extents) {
  const T* x = random_matrix<T>(work, extents, 0, 1);
  set_reference<T>(work, extents.rows, [=](std::int64_t row) {
    long double sum = 0;
    for (std::int64_t column = 0; column < extents.columns; ++column) sum += x[row * extents.columns + column];
    return sum;
  });
  work.add_output(dtype_of<T>(), extents.rows);
  set_sum_tolerances(work, extents.columns);
  add_natives(work, "sum_axis1");
  if (extents.columns == 16) add_natives(work, "sum_axis1_16");
}

template <class T>
void prepare_softmax(Work& work) {
  const std::int64_t n = work.n();
  const T* x = random_matrix<T>(work, {n, n}, -4, 4);
  T* reference = work.add_reference(dtype_of<T>(), n * n).template as<T>();
  on_all_cores(n * n, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = (begin + n - 1) / n; row < (end + n - 1) / n; ++row) {
      const T* from = x + row * n;
      const T most = *std::max_element(from, from + n);
      long double total = 0;
      for (std::int64_t i = 0; i < n; ++i) total += std::exp(double(from[i] - most));
      for (std::int64_t i = 0; i < n; ++i) reference[row * n + i] = T(std::exp(double(from[i] - most)) / total);
    }
  });
  work.add_output(dtype_of<T>(), n * n);
  work.set_tolerances({12, 0, 0}, {16, 0, 0});
  add_natives(work, "softmax", false);
}

template <class T>
void prepare_var_axis1(Work& work) {
  const std::int64_t n = work.n();
  const T* x = random_matrix<T>(work, {n, n}, 0, 1);
  set_reference<T>(work, n, [=](std::int64_t row) {
    long double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += x[row * n + i];
    const long double mean = sum / n;
    for (std::int64_t i = 0; i < n; ++i) squares += (x[row * n + i] - mean) * (x[row * n + i] - mean);
    return squares / n;
  });
  work.add_output(dtype_of<T>(), n);
  work.set_tolerances({16, 0, 0}, {16, 0, 0});
  work.set_native_tolerance({64, 0, 0});
  add_natives(work, "var_axis1", false);
}

void add_axis_sums(Suite& suite, Extents extents) {
  const std::vector<Target> targets = {{ratio, "kiln", "native_fast", 1.11, 0}};
  const std::int64_t n = extents.rows * extents.columns;
  const std::string shape = fmt::format("{}x{}", extents.rows, extents.columns);
  add_floats(
      suite, "sum_axis0_" + shape, n, [=](Work& work) { prepare_sum_axis0<float>(work, extents); },
      [=](Work& work) { prepare_sum_axis0<double>(work, extents); }, targets, "sum_axis0");
  add_floats(
      suite, "sum_axis1_" + shape, n, [=](Work& work) { prepare_sum_axis1<float>(work, extents); },
      [=](Work& work) { prepare_sum_axis1<double>(work, extents); }, targets, "sum_axis1");
}

}  // namespace

void add_axis_benches(Suite& suite, bool quick) {
  const std::int64_t side = quick ? 1024 : 4096, many = quick ? 100'000 : 1'000'000;
  for (const Extents extents : {Extents{side, side}, Extents{many, 16}, Extents{16, many}, Extents{10'000, 16}})
    add_axis_sums(suite, extents);
  const Extents in_memory = {side, side};
  add_floats(
      suite, fmt::format("sum_axis0_f_order_{0}x{0}", side), side * side,
      [=](Work& work) { prepare_sum_axis1<float>(work, in_memory); },
      [=](Work& work) { prepare_sum_axis1<double>(work, in_memory); }, {}, "sum_axis0_f_order");
  add_floats(suite, "softmax", side, prepare_softmax<float>, prepare_softmax<double>,
             {{ratio, "kiln", "native", 1.15, 0}, {Target::Kind::bytes, "kiln", "", 1 << 20, 0}});
  add_floats(suite, "var_axis1", side, prepare_var_axis1<float>, prepare_var_axis1<double>,
             {{ratio, "kiln", "native", 1.15, 0}});
}

}  // namespace bench
