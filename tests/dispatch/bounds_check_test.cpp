// JitOptions::bounds_check: what is proven costs nothing, what is not is marked in the Program; who decides where a
// call does not say.
#include "tests/dispatch/calls.h"
#include "tests/dispatch/child.h"

#include <iostream>

namespace kiln {
namespace {

using test::ChildResult;
using test::contains;
using test::RegisterChild;
using test::run_child;

// The text without the first line, which names the function's line.
std::string text_of(const Text& text) {
  const std::string all = text.c_str();
  return all.substr(all.find('\n'));
}

// Checked and unchecked the same Program is compiled to the same machine code.
template <class F, class... A>
void expect_same_code(const F& f, const A&... arguments) {
  f.with({.bounds_check = false})(arguments...);
  const std::string scheduled = text_of(f.inspect("scheduled")), code = f.inspect("asm").c_str();
  f.with({.bounds_check = true})(arguments...);
  EXPECT_COMPILES(f, 2);
  EXPECT_EQ(text_of(f.inspect("scheduled")), scheduled);
  EXPECT_EQ(f.inspect("asm").c_str(), code);
  EXPECT_FALSE(contains(scheduled, "check ")) << scheduled;
}

TEST(BoundsCheck, WhatIsProvenCostsNothing) {
  const auto triad = jit([](Array a, Array b, Array c, Value s) {
    for (Value i : prange(a.shape(0))) a(i) = b(i) + s * c(i);
  });
  const Array x = ones(1000), y = ones(1000), z = ones(1000);
  expect_same_code(triad, x, y, z, 2.0);

  const auto jacobi2d = jit([](Array a, Array b, Value steps) {
    for (Value t : range(steps)) {
      (void)t;
      for (auto [i, j] : prange(range(1, a.shape(0) - 1), range(1, a.shape(1) - 1)))
        b(i, j) = 0.2 * (a(i, j) + a(i, j - 1) + a(i, j + 1) + a(i + 1, j) + a(i - 1, j));
      for (auto [i, j] : prange(range(1, a.shape(0) - 1), range(1, a.shape(1) - 1)))
        a(i, j) = 0.2 * (b(i, j) + b(i, j - 1) + b(i, j + 1) + b(i + 1, j) + b(i - 1, j));
    }
  });
  expect_same_code(jacobi2d, ones({30, 40}), ones({30, 40}), 3);

  const auto expression = jit([](Array a, Array b) { return sum(where(a > b, a * 2, sqrt(b))) + max(a - b); });
  expect_same_code(expression, x, y);
}

TEST(BoundsCheck, WhatIsNotIsMarked) {
  const auto f = jit([](Array a, Array at, Array bins) {
    for (Value i : prange(at.shape(0))) {
      bins(at(i), 0) += 1;
      bins(0, i) = a(at(i)) + a(i);
    }
  });
  const Array a = ones(10), at = arange(10), bins = zeros({10, 10});
  f.with({.bounds_check = false})(a, at, bins);
  EXPECT_FALSE(contains(f.inspect("scheduled").c_str(), "check ")) << f.inspect("scheduled");
  f.with({.bounds_check = true})(a, at, bins);
  const std::string scheduled = f.inspect("scheduled").c_str();
  EXPECT_TRUE(contains(scheduled, "update a2[check ")) << scheduled;
  EXPECT_TRUE(contains(scheduled, " = load a0[check ")) << scheduled;
  EXPECT_TRUE(contains(scheduled, " = load a1[i")) << scheduled;
  EXPECT_TRUE(contains(scheduled, " = load a0[i")) << scheduled;
}

TEST(BoundsCheck, EqualAccessesAreComparedOnce) {
  const auto f = jit([](Array a, Array at) {
    for (Value i : range(at.shape(0))) a(at(i)) = a(at(i)) * 2;
  });
  f.with({.bounds_check = true})(ones(10), arange(10));
  const std::string scheduled = f.inspect("scheduled").c_str();
  const std::size_t first = scheduled.find("check ");
  EXPECT_NE(first, std::string::npos) << scheduled;
  EXPECT_EQ(scheduled.find("check ", first + 1), std::string::npos) << scheduled;
}

TEST(BoundsCheck, IsInTheKey) {
  const auto f = jit([](Array a, Array at) {
    for (Value i : prange(at.shape(0))) a(i) = a(at(i));
  });
  const Array a = ones(10), at = zeros(10, i64);
  f.with({.bounds_check = false})(a, at);
  f.with({.bounds_check = true})(a, at);
  f.with({.bounds_check = true})(a, at);
  f.with({.bounds_check = false})(a, at);
  EXPECT_COMPILES(f, 2);
}

// ---- who decides ----------------------------------------------------------------------------------------------------

}  // namespace

// One function, made in a file that is compiled with NDEBUG and in one without; see bounds_check_debug.cpp.
Value picked(Array a, Array at) {
  Var sum = 0.0;
  for (Value i : range(at.shape(0))) sum += a(at(i));
  return sum;
}
bool is_checked_in_debug_build(const JitOptions* options);
bool is_checked_in_release_build(const JitOptions* options);

namespace {

// Whether a call that does not say, one that says no and one that says yes are checked, in both builds.
int who_checks() {
  const JitOptions nothing{.threads = 1}, off{.bounds_check = false}, on{.bounds_check = true};
  for (const JitOptions* options : std::initializer_list<const JitOptions*>{nullptr, &nothing, &off, &on})
    std::cout << is_checked_in_release_build(options) << is_checked_in_debug_build(options) << " ";
  std::cout << std::endl;
  return 0;
}
const RegisterChild register_who_checks("who_checks", &who_checks);

TEST(BoundsCheck, TheCallTheVariableTheBuildDecide) {
  EXPECT_EQ(run_child("who_checks", {{"KILN_BOUNDS_CHECK", ""}}).output, "01 01 00 11 \n");
  EXPECT_EQ(run_child("who_checks", {{"KILN_BOUNDS_CHECK", "1"}}).output, "11 11 00 11 \n");
  EXPECT_EQ(run_child("who_checks", {{"KILN_BOUNDS_CHECK", "0"}}).output, "00 00 00 11 \n");
}

}  // namespace
}  // namespace kiln
