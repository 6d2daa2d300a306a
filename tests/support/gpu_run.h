// A run of tests on the GPU, KILN_TEST_GPU=1: which tests it has, the simulated GPU's orders of lanes, and the pass
// before it that collects the kernels' texts, so that many are compiled at once.
#pragma once

#include <functional>

namespace kiln::tests {

/// Whether Programs run on the GPU, in place of the ways in which they are compiled for the CPU.
bool is_gpu_tested();

/// Whether such a run is a sample, for the simulated GPU is slow: KILN_TEST_GPU=all leaves nothing out.
bool is_gpu_sample();
/// Whether a sample takes this case: one of `of` consecutive numbers.
bool is_taken(int number, int of);

/// One in each file whose tests a run on the GPU has.
struct GpuTests {
  explicit GpuTests(const char* file);
};

/// RUN_ALL_TESTS; in a run on the GPU the tests of the files above alone, if there are any. On the simulated GPU they
/// run twice: first in a child of this process, in which each call on the GPU ends where its kernels would be compiled.
int run_all_tests();

/// Calls `run`, on the simulated GPU with the blocks, warps and lanes in both orders; its argument ends the sentence
/// that tells of a failure. In the pass that collects texts the error that ends each call is taken.
void in_each_order(const std::function<void(const char* order)>& run);

}  // namespace kiln::tests
