// Runs the tests with code generated anew (what an older build left in the disk cache must not stand in for it) and
// with five threads, however many cores there are.
#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <cstdlib>

int main(int argc, char** argv) {
  setenv("KILN_DISK_CACHE", "0", 1);
  setenv("KILN_VERIFY", "1", 0);
  kiln::set_num_threads(5);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
