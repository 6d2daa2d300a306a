// The benches that a user writes as loops: n bodies, stencils, the triple loop of a matrix product, and loops whose
// indices are checked.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/prepare.h"

namespace bench {
namespace {

template <class T>
void prepare_nbody(Work& work) {
  const std::int64_t n = work.n();
  const T* x = random_input<T>(work, n, -1, 1, 1);
  const T* y = random_input<T>(work, n, -1, 1, 2);
  const T* z = random_input<T>(work, n, -1, 1, 3);
  const T* mass = random_input<T>(work, n, 0.5, 1.5, 4);
  const double softening = 0.01;
  work.set_scalars({softening});
  double most = 0;
  for (const T* along : {x, y, z}) {
    const T* sums = set_reference<T>(work, n, [=](std::int64_t i) {
      long double sum = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        const double dx = double(x[j]) - x[i], dy = double(y[j]) - y[i], dz = double(z[j]) - z[i];
        const double square = dx * dx + dy * dy + dz * dz + softening;
        sum += (double(along[j]) - along[i]) * mass[j] / (square * std::sqrt(square));
      }
      return sum;
    });
    for (std::int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(double(sums[i])));
    work.add_output(dtype_of<T>(), n);
  }
  // Pulls from all sides cancel: errors are counted in the units of the largest.
  work.set_tolerances({64, most, 0}, {256, most, 0});
  work.set_native_tolerance({256, most, 0});
  add_natives(work, "nbody");
}

// ---- Stencils -------------------------------------------------------------------------------------------------------

// The element at a[i] after a sweep; the same operations in the same order as everyone's.
template <class T>
T jacobi(const T* a, std::int64_t n) {
  return T(0.2) * (a[0] + a[-1] + a[1] + a[n] + a[-n]);
}

template <class T>
T heat(const T* a, std::int64_t n) {
  const T twice = T(2) * a[0];
  return T(0.125) * (a[n * n] - twice + a[-n * n]) + T(0.125) * (a[n] - twice + a[-n]) +
         T(0.125) * (a[1] - twice + a[-1]) + a[0];
}

// One sweep over the inside of a square or a cube of side n.
template <class T>
void sweep(const T* from, T* to, std::int64_t n, int axes) {
  const std::int64_t rows = axes == 2 ? n : n * n;
  on_all_cores(rows * n, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = (begin + n - 1) / n; row < (end + n - 1) / n; ++row) {
      const auto inside = [n](std::int64_t index) { return index > 0 && index < n - 1; };
      if (!inside(row % n) || (axes == 3 && !inside(row / n))) continue;
      for (std::int64_t i = row * n + 1; i < row * n + n - 1; ++i)
        to[i] = axes == 2 ? jacobi(from + i, n) : heat(from + i, n);
    }
  });
}

// `pairs` sweeps from the first array to the second and back. Both are what a call begins with and what it leaves.
template <class T>
void prepare_stencil(Work& work, int axes, int pairs, bool with_natives) {
  const std::int64_t n = work.n(), count = axes == 2 ? n * n : n * n * n;
  work.set_extents(std::vector<std::int64_t>(std::size_t(axes), n));
  work.set_scalars({double(pairs)});
  const T* first[] = {random_input<T>(work, count, 1, 2, 1), random_input<T>(work, count, 1, 2, 2)};
  T* reference[2];
  for (int k = 0; k < 2; ++k) {
    reference[k] = set_reference<T>(work, count, [from = first[k]](std::int64_t i) { return from[i]; });
    work.add_output(dtype_of<T>(), count);
  }
  for (int pair = 0; pair < pairs; ++pair) {
    sweep(reference[0], reference[1], n, axes);
    sweep(reference[1], reference[0], n, axes);
  }
  work.set_restore([&work, count] {
    for (std::size_t k = 0; k < 2; ++k)
      on_all_cores(count, [from = work.input_as<T>(k), to = static_cast<T*>(work.output(k))](std::int64_t begin,
                                                                                             std::int64_t end) {
        std::memcpy(to + begin, from + begin, std::size_t(end - begin) * sizeof(T));
      });
  });
  if (with_natives) add_natives(work, axes == 2 ? "jacobi2d" : "heat3d", false);
}

void add_stencil(Suite& suite, const std::string& name, std::int64_t n, int axes, int pairs,
                 const std::vector<Target>& targets) {
  const bool with_natives = targets.front().against == "native";
  add_floats(
      suite, name, n, [=](Work& work) { prepare_stencil<float>(work, axes, pairs, with_natives); },
      [=](Work& work) { prepare_stencil<double>(work, axes, pairs, with_natives); }, targets);
}

// ---- Others ---------------------------------------------------------------------------------------------------------

template <class T>
void prepare_loop_matmul(Work& work) {
  const std::int64_t n = work.n();
  work.set_extents({n, n});
  const T* a = random_input<T>(work, n * n, 0, 1, 1);
  const T* b = random_input<T>(work, n * n, 0, 1, 2);
  set_reference<T>(work, n * n, [=](std::int64_t i) {
    long double sum = 0;
    for (std::int64_t k = 0; k < n; ++k) sum += double(a[i / n * n + k]) * double(b[k * n + i % n]);
    return sum;
  });
  work.add_output(dtype_of<T>(), n * n);
  const double units = 16 + double(n) / 8;
  work.set_tolerances({units, 0, 0}, {units, 0, 0});
  add_natives(work, "loop_matmul");
}

template <class T>
void prepare_triad_checked(Work& work) {
  const T* b = random_input<T>(work, work.n(), 1, 2, 1);
  const T* c = random_input<T>(work, work.n(), 1, 2, 2);
  work.set_scalars({3.0});
  set_reference<T>(work, work.n(), [=](std::int64_t i) { return b[i] + T(3) * c[i]; });
}

}  // namespace

void add_loop_benches(Suite& suite, bool quick) {
  const std::int64_t side = quick ? 1024 : 4096, edge = quick ? 64 : 256;
  const std::vector<Target> strict = {{ratio, "kiln", "native", 1.15, 0}};
  const std::vector<Target> checked = {{ratio, "kiln_checked", "kiln", 1.10, 0}};
  add_floats(suite, "nbody", quick ? 1024 : 4096, prepare_nbody<float>, prepare_nbody<double>,
             {{ratio, "kiln", "native", 1.15, 0}, {ratio, "kiln_fast", "native_fast", 1.15, 0}});
  add_stencil(suite, "jacobi2d_slices", side, 2, 10, strict);
  add_stencil(suite, "jacobi2d_loops", side, 2, 10, strict);
  add_stencil(suite, "heat3d_slices", edge, 3, 5, strict);
  add_stencil(suite, "heat3d_loops", edge, 3, 5, strict);
  add_floats(suite, "loop_matmul", quick ? 256 : 512, prepare_loop_matmul<float>, prepare_loop_matmul<double>, strict);
  add_floats(suite, "triad_checked", quick ? 10'000'000 : 100'000'000, prepare_triad_checked<float>,
             prepare_triad_checked<double>, checked);
  add_stencil(suite, "jacobi2d_checked", side, 2, 10, checked);
}

}  // namespace bench
