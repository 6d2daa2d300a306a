// In a run on the GPU every call that does not say where it runs is made there: errors are the same.
#include "tests/support/gpu_run.h"

#include <gtest/gtest.h>
#include <kiln/kiln.h>

namespace {

class OnGpu : public testing::Environment {
  void SetUp() override { kiln::set_default_device(kiln::cuda()); }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (kiln::tests::is_gpu_tested()) testing::AddGlobalTestEnvironment(new OnGpu);
  return kiln::tests::run_all_tests();
}
