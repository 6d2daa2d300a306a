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

// Calls `workload` with the allocations failing from the k-th on, for each k until it succeeds: an exception, nothing
// lost, and the next call works. `workload(version)` compares its results itself.
template <class F>
int failures_of(const F& workload) {
  (void)workload(-1);
  const std::uint64_t before = memory_info().bytes_in_use;
  for (int k = 1, version = 0;; ++k, ++version) {
    if (k == 1000) {
      ADD_FAILURE() << "the workload never succeeds";
      return 0;
    }
    on_cpu::fail_allocation_after(k);
    bool failed = false;
    try {
      EXPECT_TRUE(workload(version)) << "allocation " << k;
    } catch (const RuntimeError& e) {
      failed = true;
      EXPECT_NE(std::string(e.what()).find("memory"), std::string::npos) << e.what();
    }
    on_cpu::fail_allocation_after(-1);
    EXPECT_EQ(memory_info().bytes_in_use, before) << "allocation " << k;
    EXPECT_TRUE(workload(version)) << "after allocation " << k;
    EXPECT_EQ(memory_info().bytes_in_use, before) << "after allocation " << k;
    if (!failed) return k - 1;
  }
}

TEST(AllocationFailure, AtEachPlaceOfAWorkload) {
  const double of_version_0 = workload(0);
  EXPECT_GE(failures_of([&](int version) { return workload(version) == of_version_0 + difference * version; }), 6);
}

// Memory that iterations need, on the threads that run them, and of sums, scans, selections and casts.
TEST(AllocationFailure, OnTheThreadsOfALoop) {
  static const auto rows = jit([](Array a, int version) {
    Array out = zeros_like(a), order = cumsum(a, {.axis = 0});
    for (Value i : prange(a.shape(0))) {
      Array row = a(i, _), shifted = row - max(row), own = empty(a.shape(1));
      own(rest) = shifted * 2.0 + order(i, _);
      out(i, _) = own(slice(_, _, -1)) + version;
    }
    return std::tuple(out, sum(out, {.axis = 0}), Array(order(arange(a.shape(0)) % 3)));
  });
  const Array a = (arange(200 * 3000) % 11).reshape({200, 3000}).astype(f64);
  const auto [wanted, sums, chosen] = rows.with({.interpret = true})(a, 0);
  for (const int threads : {1, 3}) {
    const auto f = rows.with({.threads = threads, .force_threads = true});
    const int failures = failures_of([&](int version) {
      const auto [out, totals, picked] = f(a, version);
      return array_equal(out, wanted + version).as_bool() && array_equal(totals, sums + 200.0 * version).as_bool() &&
             array_equal(picked, chosen).as_bool();
    });
    EXPECT_GE(failures, 4) << threads << " threads";
  }
}

TEST(AllocationFailure, Interpreted) {
  const auto f = jit([](Array a, int version) {
                   Array b = a * 2.0;
                   return std::tuple(b + version, sum(b * b));
                 }).with({.interpret = true});
  const Array a = arange(100).astype(f64);
  EXPECT_GE(failures_of([&](int version) {
              const auto [b, total] = f(a, version);
              return b(99).as_double() == 198 + version && total.as_double() == 4 * 328350.0;
            }),
            2);
}

}  // namespace
}  // namespace kiln
