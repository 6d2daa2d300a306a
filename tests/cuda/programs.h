// Programs on the GPU, on the simulated one with its lanes in both orders: the bits that the interpreter gives.
#pragma once

#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <bit>
#include <complex>
#include <string>
#include <vector>

namespace kiln::test {

/// The elements as bits of numbers that are wide enough for them.
inline std::vector<std::uint64_t> bits(const Array& a) {
  std::vector<std::uint64_t> found;
  if (a.dtype().is_floating() || a.dtype().is_complex()) {
    const Array wide = a.astype(c128);
    for (const std::complex<double>& x : wide.read<std::complex<double>>()) {
      found.push_back(x.real() != x.real() ? 1 : std::bit_cast<std::uint64_t>(x.real()));
      found.push_back(x.imag() != x.imag() ? 1 : std::bit_cast<std::uint64_t>(x.imag()));
    }
  } else {
    const Array wide = a.astype(i64);
    for (const std::int64_t x : wide.read<std::int64_t>()) found.push_back(static_cast<std::uint64_t>(x));
  }
  return found;
}

class OnGpuPrograms : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cuda().available()) << cuda().description(); }
  void TearDown() override { set_order(kiln_simulated_order_forward); }

  /// Calls `run` with the function interpreted, and on the GPU with and without checked indices; `run` makes its
  /// arguments anew and returns all that is compared.
  template <class F, class Run>
  static void same(const F& f, Run&& run) {
    const std::vector<Array> wanted = run(f.with({.interpret = true}));
    for (const auto order : {kiln_simulated_order_forward, kiln_simulated_order_reverse}) {
      if (!set_order(order) && order == kiln_simulated_order_reverse) break;
      for (const bool checked : {false, true}) {
        const std::vector<Array> actual = run(f.with({.bounds_check = checked, .device = cuda()}));
        EXPECT_STREQ(last_call().device, "cuda:0");
        ASSERT_EQ(actual.size(), wanted.size());
        for (std::size_t k = 0; k < wanted.size(); ++k) {
          EXPECT_EQ(actual[k].dtype(), wanted[k].dtype());
          EXPECT_EQ(bits(actual[k]), bits(wanted[k])) << "result " << k << ", checked: " << checked;
        }
      }
    }
  }
};

}  // namespace kiln::test
