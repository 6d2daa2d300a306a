// Checked indices in calls of many kernels: nothing waits for one that may fail, those behind it do nothing then.
#include "tests/cuda/simulated.h"

#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <string>

namespace kiln {
namespace {

using test::counts;

template <class F, class... Arguments>
std::string index_error(const F& f, const Arguments&... arguments) {
  try {
    f(arguments...);
  } catch (const IndexError& e) {
    return e.what();
  }
  return "no error";
}

template <class F>
auto checked(const F& f, Device device) {
  return f.with({.bounds_check = true, .device = device});
}

// Turn k moves a on by one place through the k-th row of indices.
const auto shuffle = jit([](Array a, Array at, Array turns) {
  for (Value k : range(at.shape(0))) {
    Array next = empty({a.size()}, a.dtype());
    for (Value i : prange(a.size())) next(i) = a(at(k, i)) + 1;
    a(rest) = next;
    turns(k) = turns(k) + 1;
  }
});

struct Shuffled {
  Array a = arange(1000) * 1.0, at = zeros({40, 1000}, i64), turns = zeros({40}, i64);
};

TEST(Checked, ACallOfManyKernelsWaitsOnce) {
  KILN_NEEDS_SIMULATED_DRIVER();
  const auto f = checked(shuffle, cuda());
  const Shuffled x;
  f(x.a, x.at, x.turns);
  const kiln_simulated_counts before = counts();
  f(x.a, x.at, x.turns);
  EXPECT_GE(counts().launches - before.launches, 40u);
  EXPECT_EQ(counts().copies_to_host - before.copies_to_host, 1u);
  EXPECT_LE(counts().synchronizations - before.synchronizations, 2u);  // one for a chunk that is free already
  EXPECT_EQ(x.turns(39).as_integer(), 2);
}

TEST(Checked, OfTwoLaunchesThatFailTheFirstIsTold) {
  const Shuffled on_cpu, on_gpu;
  for (const Shuffled* x : {&on_cpu, &on_gpu}) {
    x->at(7, 900) = 1000;
    x->at(7, 950) = -1;
    x->at(8, 3) = 5000;
  }
  const std::string expected = index_error(checked(shuffle, cpu()), on_cpu.a, on_cpu.at, on_cpu.turns);
  EXPECT_EQ(index_error(checked(shuffle, cuda()), on_gpu.a, on_gpu.at, on_gpu.turns), expected);
  EXPECT_NE(expected.find("1000"), std::string::npos) << expected;
  EXPECT_TRUE(array_equal(on_gpu.turns, on_cpu.turns).as_bool());  // those before have run, those behind have not
  EXPECT_TRUE(array_equal(on_gpu.a, on_cpu.a).as_bool());
  EXPECT_EQ(on_gpu.turns(6).as_integer(), 1);
  EXPECT_EQ(on_gpu.turns(8).as_integer(), 0);
  on_gpu.at(rest) = 5;
  checked(shuffle, cuda())(on_gpu.a, on_gpu.at, on_gpu.turns);
  EXPECT_EQ(on_gpu.turns(39).as_integer(), 1);
}

TEST(Checked, AConditionReadFromTheDeviceEndsWithTheFailure) {
  const auto f = jit([](Array a, Array at) {
    Var sum(0.0), turn(0);
    while_([&] { return sum < 1e6; },
           [&] {
             for (Value i : prange(a.size())) sum += a(at(i) + turn);
             turn += 1;
           });
    return Value(sum);
  });
  const Array a = ones({300}), at = floordiv(arange(300), 2);
  const std::string expected = index_error(checked(f, cpu()), a, at);
  EXPECT_EQ(index_error(checked(f, cuda()), a, at), expected);
  EXPECT_NE(expected, "no error");
}

TEST(Checked, AFailureBeforeOneOfTheHostIsTold) {
  const auto f = jit([](Array a, Array at, Array to, Value n) {
    for (Value i : prange(at.size())) to(i) = a(at(i));
    Array sums = zeros({3}, a.dtype());
    for (Value k : range(n)) {
      for (Value i : prange(at.size())) to(i) += sums(k);
    }
  });
  const Array a = ones({10}), to = zeros({500}), at = arange(500) % 10;
  EXPECT_EQ(index_error(checked(f, cuda()), a, at, to, 4), index_error(checked(f, cpu()), a, at, to, 4));
  at(20) = 77;
  const std::string expected = index_error(checked(f, cpu()), a, at, to, 4);
  EXPECT_EQ(index_error(checked(f, cuda()), a, at, to, 4), expected);
}

TEST(Checked, OneKernelCarriesNothingForThoseBehindIt) {
  const auto f = jit([](Array a, Array at, Array to) {
    for (Value i : prange(at.size())) to(i) = a(at(i));
  });
  const Array a = ones({10}), to = zeros({500}), at = arange(500) % 10;
  const auto on_gpu = checked(f, cuda());
  on_gpu(a, at, to);
  EXPECT_EQ(std::string(on_gpu.inspect("cuda").c_str()).find("if (kiln_skips"), std::string::npos);
  EXPECT_NE(std::string(on_gpu.inspect("cuda").c_str()).find("kiln_fail("), std::string::npos);
}

}  // namespace
}  // namespace kiln
