// Kiln's contenders that are simulations and matrix loops: n bodies, stencils with slices and with loops, the triple
// loop.
#include "bench/kiln_contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

using kiln::Array;
using kiln::prange;
using kiln::range;
using kiln::slice;
using kiln::Value;
using kiln::Var;

// ---- Stencils: sweeps from a to b and back --------------------------------------------------------------------------

void jacobi_of_slices(const Array& from, const Array& to) {
  const kiln::Slice middle = slice(1, -1), before = slice(kiln::_, -2), after = slice(2, kiln::_);
  to(middle, middle) = 0.2 * (from(middle, middle) + from(middle, before) + from(middle, after) + from(after, middle) +
                              from(before, middle));
}

void heat_of_slices(const Array& from, const Array& to) {
  const kiln::Slice middle = slice(1, -1), before = slice(kiln::_, -2), after = slice(2, kiln::_);
  Array twice = 2.0 * from(middle, middle, middle);
  to(middle, middle, middle) = 0.125 * (from(after, middle, middle) - twice + from(before, middle, middle)) +
                               0.125 * (from(middle, after, middle) - twice + from(middle, before, middle)) +
                               0.125 * (from(middle, middle, after) - twice + from(middle, middle, before)) +
                               from(middle, middle, middle);
}

void jacobi_of_loops(const Array& from, const Array& to) {
  for (auto [i, j] : prange(range(1, from.shape(0) - 1), range(1, from.shape(1) - 1)))
    to(i, j) = 0.2 * (from(i, j) + from(i, j - 1) + from(i, j + 1) + from(i + 1, j) + from(i - 1, j));
}

void heat_of_loops(const Array& from, const Array& to) {
  for (auto [i, j, k] : prange(range(1, from.shape(0) - 1), range(1, from.shape(1) - 1), range(1, from.shape(2) - 1))) {
    Value middle = from(i, j, k);
    to(i, j, k) = 0.125 * (from(i + 1, j, k) - 2.0 * middle + from(i - 1, j, k)) +
                  0.125 * (from(i, j + 1, k) - 2.0 * middle + from(i, j - 1, k)) +
                  0.125 * (from(i, j, k + 1) - 2.0 * middle + from(i, j, k - 1)) + middle;
  }
}

template <void (*sweep)(const Array& from, const Array& to)>
const auto sweeps = kiln::jit([](Array a, Array b, Value pairs) {
  for ([[maybe_unused]] Value pair : range(pairs)) {
    sweep(a, b);
    sweep(b, a);
  }
});

// The arrays are the bench's outputs, which it puts into their first state before each turn.
template <class Function>
void add_stencil(Work& work, const std::string& variant, const Function& function) {
  const Array a = borrowed(work.outputs()[0], work.extents()), b = borrowed(work.outputs()[1], work.extents());
  add_for_threads(work, variant, [=, pairs = std::int64_t(work.scalar(0))] {
    function(a, b, pairs);
    return std::tuple(a, b);
  });
}

template <void (*sweep)(const Array& from, const Array& to)>
void extend_stencil(Suite& suite, const std::string& name) {
  suite.extend(name, [](Work& work) { add_stencil(work, "kiln", sweeps<sweep>); });
}

// ---- Others ---------------------------------------------------------------------------------------------------------

const auto loop_matmul = kiln::jit([](Array a, Array b) {
  Array c = empty({a.shape(0), b.shape(1)}, a.dtype());
  for (Value i : prange(a.shape(0)))
    for (Value j : range(b.shape(1))) {
      Var sum = 0.0;
      for (Value k : range(a.shape(1))) sum += a(i, k) * b(k, j);
      c(i, j) = sum;
    }
  return c;
});

const auto loop_triad = kiln::jit([](Array b, Array c, Value s) {
  Array a = empty_like(b);
  for (Value i : prange(b.size())) a(i) = b(i) + s * c(i);
  return a;
});

void add_nbody(Work& work) {
  const Array x = borrowed(work.input(0)), y = borrowed(work.input(1)), z = borrowed(work.input(2)),
              mass = borrowed(work.input(3));
  const double softening = work.scalar(0);
  add_for_threads(work, "kiln", [=] { return kernels::accelerations(x, y, z, mass, softening); });
  add_for_threads(work, "kiln_fast",
                  [=, fast = kernels::accelerations.with(fast_options)] { return fast(x, y, z, mass, softening); });
}

void add_loop_matmul(Work& work) {
  const Array a = borrowed(work.input(0), work.extents()), b = borrowed(work.input(1), work.extents());
  add_for_threads(work, "kiln", [=] { return loop_matmul(a, b); });
}

void add_triad_checked(Work& work) {
  const Array b = borrowed(work.input(0)), c = borrowed(work.input(1));
  const double s = work.scalar(0);
  add_for_threads(work, "kiln", [=] { return loop_triad(b, c, s); });
  add_for_threads(work, "kiln_checked", [=, checked = loop_triad.with(checked_options)] { return checked(b, c, s); });
}

}  // namespace

void register_kiln_simulations(Suite& suite) {
  suite.extend("nbody", add_nbody);
  extend_stencil<jacobi_of_slices>(suite, "jacobi2d_slices");
  extend_stencil<jacobi_of_loops>(suite, "jacobi2d_loops");
  extend_stencil<heat_of_slices>(suite, "heat3d_slices");
  extend_stencil<heat_of_loops>(suite, "heat3d_loops");
  extend_stencil<jacobi_of_loops>(suite, "jacobi2d_checked");
  suite.extend("jacobi2d_checked",
               [](Work& work) { add_stencil(work, "kiln_checked", sweeps<jacobi_of_loops>.with(checked_options)); });
  suite.extend("loop_matmul", add_loop_matmul);
  suite.extend("triad_checked", add_triad_checked);
}

}  // namespace bench
