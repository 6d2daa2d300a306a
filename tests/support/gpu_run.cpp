// The two passes of a run of tests on the simulated GPU.
#include "tests/support/gpu_run.h"

#include "tests/simulated/control.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <kiln/error.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <string>

namespace kiln::tests {

namespace {

std::set<std::string>& files() {
  static std::set<std::string> all;
  return all;
}

// A function of tests/simulated/control.h in the library that the variable names, or null where it is another.
template <class Function>
Function* control(const char* variable, const char* name) {
  const char* const path = std::getenv(variable);
  void* const library = path ? ::dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  return library ? reinterpret_cast<Function*>(::dlsym(library, name)) : nullptr;
}

bool is_collecting() { return std::getenv("KILN_SIMULATED_COLLECT") != nullptr; }

// A filter that leaves the tests of the files above, unless there are none, or the command line has one.
void choose_tests() {
  if (files().empty()) return;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  std::string chosen;
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const testing::TestInfo& test = *suite.GetTestInfo(t);
      if (files().count(test.file()) != 0) chosen += std::string(suite.name()) + '.' + test.name() + ':';
    }
  }
  std::string& filter = testing::GTEST_FLAG(filter);
  if (filter == "*") filter = chosen;
}

void collect_into(const char* folder) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("KILN_SIMULATED_COLLECT", folder, 1);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, 1);
    ::dup2(nowhere, 2);
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_xml_generator());
    ::_exit(RUN_ALL_TESTS());
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

bool is_gpu_tested() {
  static const bool asked = std::getenv("KILN_TEST_GPU") != nullptr;
  return asked;
}

bool is_gpu_sample() {
  const char* const asked = std::getenv("KILN_TEST_GPU");
  return asked != nullptr && std::string(asked) != "all";
}

bool is_taken(int number, int of) { return !is_gpu_sample() || number % of == 0; }

GpuTests::GpuTests(const char* file) { files().insert(file); }

int run_all_tests() {
  if (!is_gpu_tested()) return RUN_ALL_TESTS();
  choose_tests();
  if (is_collecting()) return RUN_ALL_TESTS();
  using Compile = decltype(kiln_simulated_compile_collected);
  if (Compile* const compile = control<Compile>("KILN_NVRTC", "kiln_simulated_compile_collected")) {
    char folder[] = "/tmp/kiln-collected-XXXXXX";
    if (::mkdtemp(folder) != nullptr) {
      collect_into(folder);
      compile(folder);
    }
  }
  return RUN_ALL_TESTS();
}

void in_each_order(const std::function<void(const char* order)>& run) {
  if (is_collecting()) {
    try {
      run("");
    } catch (const Error&) {  // a text is collected, not compiled
    }
    return;
  }
  using Set = decltype(kiln_simulated_set_order);
  static Set* const set = control<Set>("KILN_CUDA_DRIVER", "kiln_simulated_set_order");
  run("");
  if (set == nullptr) return;
  set(kiln_simulated_order_reverse);
  run(", in reverse");
  set(kiln_simulated_order_forward);
}

}  // namespace kiln::tests
