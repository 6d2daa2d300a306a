// What a user can ask afterwards: last_call(), inspect(), and what an error leaves behind.
#include "tests/dispatch/calls.h"

#include <stdexcept>

namespace kiln {
namespace {

using test::contains;
using test::elements;
using test::reason;
using test::reasons;

std::string text_of(const Text& text) { return text.c_str(); }

TEST(LastCall, NamesDeviceThreadsAndWhy) {
  const auto f = jit([](Array a) { return a * 3.0; });
  const Array a = ones({2'000'000});
  f(a);
  EXPECT_STREQ(last_call().device, "cpu");
  EXPECT_TRUE(last_call().compiled);
  EXPECT_GE(last_call().threads, 1);
  EXPECT_NE(std::string(last_call().threads_reason), "");
  EXPECT_STREQ(last_call().lookup, "the first call");
  f(a);
  EXPECT_FALSE(last_call().compiled);
  EXPECT_NE(std::string(last_call().lookup), "the first call");
  f(a.astype(f32));
  EXPECT_TRUE(last_call().compiled);
  EXPECT_STREQ(last_call().lookup, "a new signature");
}

TEST(LastCall, ForcedThreadsRan) {
  const auto f = jit([](Array a) { return a * 3.0; });
  const Array a = ones({100'000});
  const int usual = num_threads();
  set_num_threads(3);
  for (const int threads : {1, 2, 3, 2}) {
    const Array r = f.with({.threads = threads, .force_threads = true})(a);
    EXPECT_EQ(last_call().threads, threads) << last_call().threads_reason;
    EXPECT_EQ(elements<double>(r), std::vector<double>(100'000, 3.0));
  }
  f.with({.threads = 1})(a);
  EXPECT_EQ(last_call().threads, 1);
  set_num_threads(usual);
  EXPECT_COMPILES(f, 1);
}

TEST(LastCall, MoreThreadsThanAreSetCanBeForced) {
  const auto f = jit([](Array a) { return a * 3.0; });
  const Array a = ones({100'000});
  const int usual = num_threads();
  for (const int most : {1, 2, usual}) {
    set_num_threads(most);
    for (const int threads : {3, 5, 1}) {
      const Array r = f.with({.threads = threads, .force_threads = true})(a);
      EXPECT_EQ(last_call().threads, threads);
      EXPECT_STREQ(last_call().threads_reason, "forced by JitOptions");
      EXPECT_EQ(elements<double>(r), std::vector<double>(100'000, 3.0));
      EXPECT_EQ(num_threads(), most);
    }
    f.with({.force_threads = true})(a);
    EXPECT_EQ(last_call().threads, most);
    f(a);
    EXPECT_LE(last_call().threads, most);
  }
  set_num_threads(usual);
  EXPECT_COMPILES(f, 1);
}

TEST(LastCall, VectorBits) {
  const auto f = jit([](Array a) { return a + 0.5f; });
  const Array a = ones({100}, f32);
  for (const int bits : {128, 256, 512}) {
    f.with({.vector_bits = bits})(a);
    EXPECT_EQ(last_call().vector_bits, bits);
  }
  f(a);
  EXPECT_TRUE(last_call().vector_bits == 128 || last_call().vector_bits == 256 || last_call().vector_bits == 512);
  f.with({.interpret = true})(a);
  EXPECT_EQ(last_call().vector_bits, 0);
}

TEST(Inspect, NothingCompiledYet) {
  const auto f = jit([](Array a) { return a; });
  EXPECT_THROW(f.inspect("program"), UsageError);
}

TEST(Inspect, EveryForm) {
  const auto f = jit([](Array a) {
    Var s = 0.0;
    for (Value i : range(a.shape(0))) s += a(i);
    return s;
  });
  f(ones({10}));
  const std::string program = text_of(f.inspect("program")), scheduled = text_of(f.inspect("scheduled"));
  EXPECT_TRUE(contains(program, "program ")) << program;
  EXPECT_TRUE(contains(program, "parallel ")) << program;
  EXPECT_TRUE(contains(program, "reduce v0 += ")) << program;
  EXPECT_TRUE(contains(scheduled, "lanes")) << scheduled;
  const std::string llvm = text_of(f.inspect("llvm")), assembly = text_of(f.inspect("asm"));
  EXPECT_TRUE(contains(llvm, "define ") && contains(llvm, "kiln_entry")) << llvm;
  EXPECT_TRUE(contains(llvm, "x double>")) << llvm;
  EXPECT_TRUE(contains(assembly, "kiln_entry:") && contains(assembly, "addpd")) << assembly;
  try {
    f.inspect("source");
    FAIL() << "there is no such form";
  } catch (const UsageError& e) {
    for (const char* form : {"source", "program", "scheduled", "llvm", "asm"})
      EXPECT_TRUE(contains(e.what(), form)) << e.what();
  }
}

// Lines of this file, as they stand in the messages below.
unsigned first_line, second_line;
std::string at(unsigned line) { return "line " + std::to_string(line); }
unsigned this_line(Location here = Location::current()) { return here.line(); }

template <class F, class... A>
std::string program_of(const F& f, const A&... arguments) {
  f(arguments...);
  return text_of(f.inspect("program"));
}

TEST(Inspect, NamesTheArrayThatKeepsALoopSequential) {
  const std::string recurrence = program_of(jit([](Array a) {
                                              for (Value i : range(1, a.shape(0))) {
                                                first_line = this_line() + 1;
                                                Value before = a(i - 1);
                                                second_line = this_line() + 1;
                                                a(i) = before * 2.0;
                                              }
                                            }),
                                            ones({10}));
  EXPECT_TRUE(contains(recurrence, "1..a0.extent(0):  # sequential: a0 is written at " + at(second_line) +
                                       " and its elements read by other turns at " + at(first_line) + "\n"))
      << recurrence;
  const std::string scattered = program_of(jit([](Array to, Array where_to) {
                                             for (Value i : range(where_to.shape(0))) {
                                               first_line = this_line() + 1;
                                               to(where_to(i)) = i;
                                             }
                                           }),
                                           zeros({10}, i64), arange(10));
  EXPECT_TRUE(contains(scattered, "# sequential: a0 may have an element that several turns write at " + at(first_line)))
      << scattered;
}

TEST(Inspect, NamesTheVarThatKeepsALoopSequential) {
  const std::string carried = program_of(jit([](Array a) {
                                           Var last = 0.0;
                                           for (Value i : range(a.shape(0))) {
                                             first_line = this_line() + 1;
                                             Value next = last * 0.5 + a(i);
                                             second_line = this_line() + 1;
                                             last = next;
                                           }
                                           return last;
                                         }),
                                         ones({10}));
  EXPECT_TRUE(contains(
      carried, "# sequential: v0 is assigned at " + at(second_line) + " and read by a later turn at " + at(first_line)))
      << carried;
  const std::string left = program_of(jit([](Array a) {
                                        Var found = -1;
                                        for (Value i : range(a.shape(0))) {
                                          if_(a(i) > 3.0, [&] {
                                            found = i;
                                            break_();
                                          });
                                        }
                                        return found;
                                      }),
                                      ones({10}));
  EXPECT_TRUE(contains(left, "# sequential: break_ leaves it early")) << left;
}

TEST(Inspect, SaysNothingOfLoopsThatAreParallelOrInsideOne) {
  const std::string program = program_of(jit([](Array a) {
                                           for (Value i : range(a.shape(0))) {
                                             Var x = a(i);
                                             for (Value k : range(3)) x = x * 0.5 + k;
                                             a(i) = x;
                                           }
                                         }),
                                         ones({10}));
  EXPECT_TRUE(contains(program, "parallel ") && contains(program, "for ")) << program;
  EXPECT_FALSE(contains(program, "sequential")) << program;
}

TEST(Inspect, ShowsTheNewestSpecialization) {
  const auto f = jit([](Array a) { return a + 1; });
  f(ones({3}, f32));
  EXPECT_TRUE(contains(text_of(f.inspect("program")), "f32"));
  f(ones({3}, i64));
  EXPECT_FALSE(contains(text_of(f.inspect("program")), "f32"));
  f(ones({4}, f32));  // found, not compiled
  EXPECT_FALSE(contains(text_of(f.inspect("program")), "f32"));
}

TEST(Failures, AnExceptionOfTheBodyPassesThroughAndLeavesNothing) {
  static int times = 0;
  const auto f = jit([](Array a) {
    Array b = a * 2.0;
    for (Value i : range(a.shape(0))) {
      if (++times == 1) throw std::runtime_error("from the body");
      b(i) += 1.0;
    }
    return b;
  });
  const Array a = ones({8});
  const std::uint64_t before = memory_info().bytes_in_use;
  try {
    f(a);
    FAIL() << "the exception did not arrive";
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "from the body");
  }
  EXPECT_EQ(memory_info().bytes_in_use, before);
  EXPECT_COMPILES(f, 0);
  EXPECT_EQ(elements<double>(f(a)), std::vector<double>(8, 3.0));
  EXPECT_COMPILES(f, 1);
  EXPECT_EQ(reason(f.specializations(), 0), "the first call");
  // No trace is open afterwards: eager operations run at once.
  EXPECT_EQ((a + 1.0)(0).as_double(), 2.0);
}

TEST(Failures, AUsageErrorIsRaisedAtEachCallAndRemembersNothing) {
  const auto f = jit([](Array a, Array b) { return a.reshape({2, 2, -1, -1}) + b; });
  const Array a = ones({8});
  for (int k = 0; k < 3; ++k) EXPECT_THROW(f(a, a), ShapeError);
  EXPECT_COMPILES(f, 0);
}

TEST(Failures, AFailedGuardLeavesTheOutputsAlone) {
  const auto f = jit([](Array to, Array a, Array b) { to(rest) = a + b; });
  const Array to = full({6}, 7.0);
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_THROW(f(to, ones({6}), ones({5})), ShapeError);
    EXPECT_THROW(f(to, ones({5}), ones({5})), ShapeError);
    EXPECT_EQ(elements<double>(to), std::vector<double>(6, turn == 0 ? 7.0 : 2.0));
    f(to, ones({6}), ones({6}));
    EXPECT_EQ(elements<double>(to), std::vector<double>(6, 2.0));
  }
  EXPECT_COMPILES(f, 1);
}

TEST(Failures, AnIndexBeyondTheArrayIsFoundBeforeAnyStore) {
  const auto f = jit([](Array to, Array a) {
    for (Value i : prange(to.shape(0))) to(i) = a(i + 1);
  });
  const Array to = full({6}, 7.0);
  EXPECT_THROW(f(to, ones({6})), IndexError);
  EXPECT_EQ(elements<double>(to), std::vector<double>(6, 7.0));
  f(to, ones({7}));
  EXPECT_EQ(elements<double>(to), std::vector<double>(6, 1.0));
  EXPECT_THROW(f(to, ones({0})), IndexError);
  f(to(slice(0, 0)), ones({0}));
  EXPECT_COMPILES(f, 1);
}

TEST(Failures, FailedCallsGiveTheirMemoryBack) {
  const auto f = jit([](Array a, Array b) {
    Array t = zeros({1000});
    for (Value i : range(10)) t(i) = a(i);
    return t(slice(0, 10)) + b;
  });
  f(ones({10}), ones({10}));
  const std::uint64_t before = memory_info().bytes_in_use;
  for (int k = 0; k < 20; ++k) {
    EXPECT_THROW(f(ones({9}), ones({10})), IndexError);
    EXPECT_THROW(f(ones({10}), ones({9})), ShapeError);
  }
  EXPECT_EQ(memory_info().bytes_in_use, before);
}

}  // namespace
}  // namespace kiln
