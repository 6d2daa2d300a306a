// Kiln's contenders along an axis: sums, softmax and variance.
#include "bench/kiln_contenders.h"
#include "bench/kiln_kernels.h"

namespace bench {
namespace {

using kiln::Array;

const auto var_axis1 = kiln::jit([](Array x) { return variance(x, {.axis = 1}); });
const auto softmax = kiln::jit([](Array x) {
  Array most = max(x, {.axis = 1, .keepdims = true});
  Array shifted = x - most;
  Array exponential = exp(shifted);
  Array total = sum(exponential, {.axis = 1, .keepdims = true});
  return exponential / total;
});

template <class Function>
void extend_matrix(Suite& suite, const std::string& name, const Function& function) {
  suite.extend(name, [function](Work& work) {
    const Array x = borrowed(work.input(0), work.extents());
    add_for_threads(work, "kiln", [=] { return function(x); });
  });
}

// In memory it is the transpose that lies row after row.
void add_f_order(Work& work) {
  const Array x = borrowed(work.input(0), work.extents()).T();
  add_for_threads(work, "kiln", [=] { return kernels::sum_axis0(x); });
}

void add_softmax(Work& work) {
  const Array x = borrowed(work.input(0), work.extents());
  for (const int threads : work.thread_counts())
    count_memory(add_kiln(work, "kiln", threads, [=] { return softmax(x); }));
}

}  // namespace

void register_kiln_axes(Suite& suite) {
  extend_matrix(suite, "sum_axis0", kernels::sum_axis0);
  extend_matrix(suite, "sum_axis1", kernels::sum_axis1);
  extend_matrix(suite, "var_axis1", var_axis1);
  suite.extend("sum_axis0_f_order", add_f_order);
  suite.extend("softmax", add_softmax);
}

}  // namespace bench
