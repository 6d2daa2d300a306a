// The controls of the simulated driver. On a real GPU there are none: tests that need them are skipped there.
#pragma once

#include "tests/simulated/control.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace kiln::test {

/// The function of this name in the library that KILN_CUDA_DRIVER names; null where that is not the simulated one.
template <class F>
F* control(const char* name) {
  static void* const library = [] {
    const char* const driver = std::getenv("KILN_CUDA_DRIVER");
    return driver ? dlopen(driver, RTLD_NOW | RTLD_LOCAL) : nullptr;
  }();
  return library ? reinterpret_cast<F*>(dlsym(library, name)) : nullptr;
}

/// A function of the driver, the real one or the simulated one, for a test that uses CUDA by itself.
template <class F>
F* driver_function(const char* name) {
  static void* const library = [] {
    const char* const driver = std::getenv("KILN_CUDA_DRIVER");
    return dlopen(driver ? driver : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  }();
  return library ? reinterpret_cast<F*>(dlsym(library, name)) : nullptr;
}

inline bool is_simulated() {
  static const bool found = control<decltype(kiln_simulated_get_counts)>("kiln_simulated_get_counts") != nullptr;
  return found;
}

inline kiln_simulated_counts counts() {
  kiln_simulated_counts now{};
  control<decltype(kiln_simulated_get_counts)>("kiln_simulated_get_counts")(&now);
  return now;
}

/// From now on the kth operation of this kind fails; 0: none.
inline void fail(kiln_simulated_fault fault, unsigned long long kth) {
  if (auto* const set = control<decltype(kiln_simulated_fail)>("kiln_simulated_fail")) set(fault, kth, 0);
}

/// Of blocks, warps and lanes; false where there is no such choice.
inline bool set_order(kiln_simulated_order order) {
  auto* const set = control<decltype(kiln_simulated_set_order)>("kiln_simulated_set_order");
  if (set) set(order);
  return set != nullptr;
}

}  // namespace kiln::test

/// First in a test that injects faults or counts what the driver did.
#define KILN_NEEDS_SIMULATED_DRIVER() \
  if (!kiln::test::is_simulated()) GTEST_SKIP() << "needs the simulated driver"
