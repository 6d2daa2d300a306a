// Runs the tests with code generated anew (what an older build left in the disk cache must not stand in for it) and
// with five threads, however many cores there are. CTest empties a cache before the parts of a run, which share it:
// half of the ways in which a program is compiled differ in the number of threads alone.
#include "tests/support/gpu_run.h"

#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <cstdlib>

int main(int argc, char** argv) {
  if (!getenv("KILN_CACHE_DIR")) setenv("KILN_DISK_CACHE", "0", 1);
  setenv("KILN_VERIFY", "1", 0);
  kiln::set_num_threads(5);
  testing::InitGoogleTest(&argc, argv);
  return kiln::tests::run_all_tests();
}
