// A failing allocation, at each place of a small workload in turn: an exception, nothing lost, and the next call works.
#include "cpu/memory.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace kiln {
namespace {

// `version` is a constant: each value is compiled anew, so that compiling happens under the failure too.
const auto several = jit([](Array a, int version) {
  Array reversed = a(slice(_, _, -1)).copy();
  Array scaled = zeros({a.shape(0), a.shape(0)});
  for (Value i : range(a.shape(0))) scaled(i, rest) = a * reversed(i) + version;
  reversed(slice(1, _)) = reversed(slice(_, -1)) + 1.0;
  return std::tuple(scaled, reversed, sum(scaled));
});

double workload(int version) {
  const Array a = arange(1, 9).astype(f64);
  const auto [scaled, reversed, total] = several(a, version);
  const Array b = (reversed + a) * 2.0;
  const Array c = scaled.transpose().copy();
  return total.as_double() + sum(b).as_double() + sum(max(c, {.axis = 0})).as_double();
}

// How the result changes with the version: once in each of 64 elements, once in each of the 8 greatest.
constexpr double difference = 64 + 8;

TEST(AllocationFailure, AtEachPlaceOfAWorkload) {
  workload(-1);
  const std::uint64_t before = memory_info().bytes_in_use;
  int failures = 0, version = 0;
  for (int k = 1;; ++k, ++version) {
    ASSERT_LT(k, 1000) << "the workload never succeeds";
    const double expected = workload(version + 1000) - difference * 1000;
    cpu::fail_allocation_after(k);
    bool failed = false;
    try {
      EXPECT_EQ(workload(version), expected);
    } catch (const RuntimeError& e) {
      failed = true;
      EXPECT_NE(std::string(e.what()).find("memory"), std::string::npos) << e.what();
    }
    cpu::fail_allocation_after(-1);
    EXPECT_EQ(memory_info().bytes_in_use, before) << "allocation " << k;
    EXPECT_EQ(workload(version), expected) << "allocation " << k;
    EXPECT_EQ(memory_info().bytes_in_use, before) << "allocation " << k;
    if (!failed) break;
    ++failures;
  }
  EXPECT_GE(failures, 6);
}

}  // namespace
}  // namespace kiln
