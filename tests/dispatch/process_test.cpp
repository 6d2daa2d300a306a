// What needs processes of their own: KILN_DISABLE_JIT, the disk cache, kernels and arrays as globals, logging.
#include "tests/dispatch/calls.h"
#include "tests/dispatch/child.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace kiln {
namespace {

namespace fs = std::filesystem;
using test::ChildResult;
using test::contains;
using test::elements;
using test::RegisterChild;
using test::run_child;

// ---- Globals --------------------------------------------------------------------------------------------------------

// Made before, between and after the kernels, and used in constructors and destructors of globals.
struct Reporter {
  const char* name;
  explicit Reporter(const char* n);
  ~Reporter();
};

bool is_globals_child = false;
int wrong_in_constructors = 0;
Reporter first("first");
extern Array early;
const auto kernel = jit([](Array a, Value x) { return a * x + 1.0; });
Array early = ones({5});
Array late = kernel(early, 2.0);
Reporter last("last");
Array result_of_eager = early + late;

Reporter::Reporter(const char* n) : name(n) {
  // `kernel` may not have been constructed yet.
  const Array r = jit([](Array a) { return a - 1; })(arange(4));
  wrong_in_constructors += r(3).as_integer() != 2;
}
Reporter::~Reporter() {
  if (!is_globals_child) return;
  // Whatever has been destroyed by now, kernels and eager operations still run.
  const Array a = ones({3});
  const Array r = kernel(a, 41.0);
  std::cout << "destroying " << name << ": " << r(2).as_double() << " " << sum(r + a).as_double() << std::endl;
}

int globals() {
  is_globals_child = true;
  if (wrong_in_constructors > 0) return 1;
  std::cout << elements<double>(late).at(4) << " " << elements<double>(result_of_eager).at(0) << std::endl;
  return 0;
}
const RegisterChild register_globals("globals", &globals);

TEST(Process, KernelsAndArraysAreGlobals) {
  const ChildResult r = run_child("globals", {});
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_EQ(r.output, "3 4\ndestroying last: 42 129\ndestroying first: 42 129\n");
}

// ---- KILN_CHECK -----------------------------------------------------------------------------------------------------

double gain = 2.0;

int checked() {
  static const auto f = jit([](Array a) { return a * gain; });
  static const auto g = jit([](Array a, Value x) { return a * x + 1; });
  const auto show = [](const auto& function, const auto&... arguments) {
    try {
      std::cout << function(arguments...)(0).as_double() << std::endl;
    } catch (const UsageError& e) {
      std::cout << e.what() << std::endl;
    }
  };
  const Array a = ones({3});
  show(f, a);
  show(f, a);
  gain = 3.0;
  show(f, a);
  for (const double x : {2.0, 3.0}) show(g, a, x);  // another scalar is no change
  gain = 2.0;
  show(f, a);
  return 0;
}
const RegisterChild register_checked("checked", &checked);

TEST(Process, WhatAFunctionReadsFromOutsideIsFrozen) {
  EXPECT_EQ(run_child("checked", {{"KILN_CHECK", ""}}).output, "2\n2\n2\n3\n4\n2\n");
}

TEST(Process, KilnCheckFindsWhatChanged) {
  for (const char* without_jit : {"", "1"}) {
    const std::string output = run_child("checked", {{"KILN_CHECK", "1"}, {"KILN_DISABLE_JIT", without_jit}}).output;
    EXPECT_EQ(output.substr(0, 4), "2\n2\n") << output;
    EXPECT_TRUE(contains(output, "process_test.cpp:76: ") && contains(output, "2.0") && contains(output, "3.0") &&
                contains(output, "pass it as an argument"))
        << output;
    EXPECT_EQ(output.substr(output.size() - 7), "\n3\n4\n2\n") << output;
  }
}

// ---- KILN_DISABLE_JIT -----------------------------------------------------------------------------------------------

int without_jit() {
  const auto f = jit([](Array a) { return sum(a * 0.1f + 2.0f); });
  const Array a = arange(1000).astype(f32);
  const double x = f(a).as_double();
  std::cout.precision(17);
  std::cout << x << " " << sum(a * a).as_double() << " " << last_call().vector_bits << " " << last_call().threads_reason
            << std::endl;
  return f.specializations()[0].codegen_ms == 0 ? 0 : 1;
}
const RegisterChild register_without_jit("without_jit", &without_jit);

TEST(Process, DisableJitInterprets) {
  const ChildResult interpreted = run_child("without_jit", {{"KILN_DISABLE_JIT", "1"}});
  EXPECT_EQ(interpreted.status, 0) << interpreted.output;
  EXPECT_TRUE(contains(interpreted.output, " 0 the interpreter")) << interpreted.output;
  const ChildResult compiled = run_child("without_jit", {{"KILN_DISABLE_JIT", ""}});
  EXPECT_EQ(compiled.status, 1) << compiled.output;
  EXPECT_FALSE(contains(compiled.output, "the interpreter")) << compiled.output;
  // Bit for bit the same numbers.
  const auto numbers = [](const std::string& s) { return s.substr(0, s.find(' ', s.find(' ') + 1)); };
  EXPECT_EQ(numbers(interpreted.output), numbers(compiled.output));
}

// ---- The disk cache -------------------------------------------------------------------------------------------------

bool llvm_is_loaded() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (contains(line, "libkiln-llvm")) return true;
  return false;
}

int cached() {
  const auto f = jit([](Array a) { return sqrt(a) * 2.0; });
  const auto g = jit([](Array a, Value n) {
    Var s = 0.0;
    for (Value i : range(n)) s += a(i);
    return s;
  });
  const Array a = ones({100});
  const double r = f(a)(99).as_double() + g(a, 50).as_double() + (a + a)(0).as_double();
  std::cout << "result " << r << ", from disk " << f.specializations()[0].from_disk << g.specializations()[0].from_disk
            << ", compiler " << (llvm_is_loaded() ? "loaded" : "not loaded") << std::endl;
  return 0;
}
const RegisterChild register_cached("cached", &cached);

class DiskCacheProcesses : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "kiln-dispatch-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    environment_ = {
        {"KILN_CACHE_DIR", (folder_ / "cache").string()}, {"KILN_DISK_CACHE", ""}, {"KILN_DISABLE_JIT", ""}};
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.path().extension() == ".kiln") found.push_back(entry.path());
    return found;
  }

  fs::path folder_;
  std::vector<std::pair<std::string, std::string>> environment_;
  const std::string compiled_ = "result 54, from disk 00, compiler loaded\n";
  const std::string from_disk_ = "result 54, from disk 11, compiler not loaded\n";
};

TEST_F(DiskCacheProcesses, ASecondProcessCompilesNothing) {
  EXPECT_EQ(run_child("cached", environment_).output, compiled_);
  const std::size_t count = entries().size();
  EXPECT_GE(count, 3u);
  EXPECT_EQ(run_child("cached", environment_).output, from_disk_);
  EXPECT_EQ(entries().size(), count);
}

TEST_F(DiskCacheProcesses, ACorruptEntryIsCompiledAgain) {
  EXPECT_EQ(run_child("cached", environment_).output, compiled_);
  for (const fs::path& path : entries()) {
    const auto size = fs::file_size(path);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.write("\xff\x00\xff\x00\xcc\xcc\xcc\xcc", 8);
  }
  EXPECT_EQ(run_child("cached", environment_).output, compiled_);
  EXPECT_EQ(run_child("cached", environment_).output, from_disk_);
  for (const fs::path& path : entries()) fs::resize_file(path, fs::file_size(path) / 3);
  EXPECT_EQ(run_child("cached", environment_).output, compiled_);
}

TEST_F(DiskCacheProcesses, ItsTroublesAreToldWhoAsks) {
  run_child("cached", environment_);
  for (const fs::path& path : entries()) fs::resize_file(path, fs::file_size(path) - 1);
  auto talkative = environment_;
  talkative.emplace_back("KILN_LOG", "info");
  const std::string damaged = run_child("cached", talkative).output;
  EXPECT_TRUE(contains(damaged, "[kiln] [info] the cache's entry ") && contains(damaged, "is damaged")) << damaged;
  talkative[0].second = "/proc/no/such/folder";
  const std::string impossible = run_child("cached", talkative).output;
  EXPECT_TRUE(contains(impossible, "compiled code cannot be kept: no usable folder /proc/no/such/folder"))
      << impossible;
}

TEST_F(DiskCacheProcesses, SwitchedOffOrNotPossibleItCostsACompile) {
  auto off = environment_;
  off[1].second = "0";
  EXPECT_EQ(run_child("cached", off).output, compiled_);
  EXPECT_TRUE(entries().empty());
  auto impossible = environment_;
  impossible[0].second = "/proc/no/such/folder";
  EXPECT_EQ(run_child("cached", impossible).output, compiled_);
  // A directory others can write is trusted by nobody.
  EXPECT_EQ(run_child("cached", environment_).output, compiled_);
  ASSERT_EQ(::chmod((folder_ / "cache").c_str(), 0777), 0);
  EXPECT_EQ(run_child("cached", environment_).output, compiled_);
}

// ---- Signals
// ---------------------------------------------------------------------------------------------------------

// What a process has set up for signals; a signal that cannot be asked about reads as zeros.
struct SignalSetup {
  std::array<struct sigaction, 65> actions{};
  sigset_t blocked{};
  stack_t stack{};

  SignalSetup() {
    for (int signal = 1; signal < 65; ++signal)
      ::sigaction(signal, nullptr, &actions[static_cast<std::size_t>(signal)]);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    ::sigaltstack(nullptr, &stack);
  }
};

std::string differences(const SignalSetup& before, const SignalSetup& after) {
  const auto same_set = [](const sigset_t& a, const sigset_t& b) {
    for (int signal = 1; signal < 65; ++signal)
      if (sigismember(&a, signal) != sigismember(&b, signal)) return false;
    return true;
  };
  std::string text;
  for (std::size_t k = 0; k < before.actions.size(); ++k) {
    const struct sigaction &a = before.actions[k], &b = after.actions[k];
    if (a.sa_sigaction != b.sa_sigaction || a.sa_flags != b.sa_flags || !same_set(a.sa_mask, b.sa_mask))
      text += "signal " + std::to_string(k) + " ";
  }
  if (!same_set(before.blocked, after.blocked)) text += "mask ";
  if (before.stack.ss_sp != after.stack.ss_sp || before.stack.ss_flags != after.stack.ss_flags) text += "stack ";
  return text;
}

int signals() {
  const SignalSetup before;
  const auto look = [&](const char* when) { std::cout << when << ": " << differences(before, SignalSetup()) << "\n"; };
  const auto f = jit([](Array a) { return exp(a) * 2.0; });
  const auto g = jit([](Array a) { return a.reshape({3}); });
  const Array a = ones({100'000});
  f(a);
  look("compiled, launched and stored");
  f.with({.threads = 3, .force_threads = true})(a);
  look("on three threads");
  f.inspect("asm");
  look("inspected");
  f.with({.interpret = true})(ones({100}));
  look("interpreted");
  try {
    g(a);
  } catch (const ShapeError&) {
    look("after an error");
  }
  return f.specializations()[0].from_disk ? 1 : 0;
}
const RegisterChild register_signals("signals", &signals);

TEST_F(DiskCacheProcesses, NoSignalHandlerMaskOrStackChanges) {
  const std::string nothing =
      "compiled, launched and stored: \non three threads: \ninspected: \ninterpreted: \nafter an error: \n";
  for (const int status : {0, 1}) {  // compiled, then loaded from disk
    const ChildResult r = run_child("signals", environment_);
    EXPECT_EQ(r.status, status) << r.output;
    EXPECT_EQ(r.output, nothing);
    EXPECT_FALSE(entries().empty());
  }
}

// ---- The logger -----------------------------------------------------------------------------------------------------

int logging() {
  const auto f = jit([](Array a, int n) { return a + n; });
  const Array a = ones({4});
  for (int n = 0; n < 20; ++n) f(a, n);
  for (int n = 0; n < 20; ++n) f(a, n);
  return 0;
}
const RegisterChild register_logging("logging", &logging);

int quiet() {
  const auto f = jit([](Array a) { return a + 1; });
  const auto g = jit([](Array a) { return a.reshape({3}); });
  f(ones({4}));
  try {
    g(ones({4}));
  } catch (const ShapeError&) {
    return 0;
  }
  return 1;
}
const RegisterChild register_quiet("quiet", &quiet);

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST(Process, TheLibraryPrintsNothing) {
  const ChildResult r = run_child("quiet", {{"KILN_LOG", ""}});
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(r.output, "");
}

TEST(Process, AStaticParameterThatVariesIsWarnedAboutOnce) {
  const ChildResult r = run_child("logging", {{"KILN_LOG", ""}});
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(count_of(r.output, "make it a Value"), 1u) << r.output;
  EXPECT_EQ(count_of(r.output, "\n"), 1u) << r.output;
  EXPECT_TRUE(contains(r.output, "process_test.cpp:")) << r.output;
  EXPECT_EQ(run_child("logging", {{"KILN_LOG", "error"}}).output, "");
  EXPECT_EQ(run_child("logging", {{"KILN_LOG", "off"}}).output, "");
}

TEST(Process, AVariableThatIsWrongIsToldOnce) {
  const ChildResult r = run_child("quiet", {{"KILN_LOG", ""}, {"KILN_NUM_THREADS", "two"}});
  EXPECT_EQ(r.status, 0) << r.output;
  EXPECT_EQ(r.output, "[kiln] [warning] KILN_NUM_THREADS=two counts as not set: it must be a positive number\n");
  EXPECT_EQ(run_child("quiet", {{"KILN_LOG", "off"}, {"KILN_NUM_THREADS", "two"}}).output, "");
}

TEST(Process, EachCompileIsADebugLine) {
  const ChildResult r = run_child("logging", {{"KILN_LOG", "debug"}});
  EXPECT_EQ(count_of(r.output, "for (f64[1], constant "), 20u) << r.output;
  EXPECT_TRUE(contains(r.output, "[kiln] [debug] compiled process_test.cpp:")) << r.output;
  EXPECT_TRUE(contains(r.output, "f64[1], constant 7")) << r.output;
  EXPECT_TRUE(contains(r.output, "the first call")) << r.output;
  EXPECT_EQ(count_of(r.output, "\n"), count_of(r.output, "[kiln] [")) << r.output;
}

}  // namespace
}  // namespace kiln
