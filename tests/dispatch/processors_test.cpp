// How many threads a process gets: its affinity mask, the CPU quota of its control group, KILN_NUM_THREADS.
#include "tests/dispatch/calls.h"
#include "tests/dispatch/child.h"

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

namespace kiln {
namespace {

namespace fs = std::filesystem;
using test::ChildResult;
using test::RegisterChild;
using test::run_child;

cpu_set_t mask_of(pid_t thread) {
  cpu_set_t mask;
  sched_getaffinity(thread, sizeof mask, &mask);
  return mask;
}

// The last processor of this process's mask.
cpu_set_t one_processor() {
  const cpu_set_t mask = mask_of(0);
  int processor = CPU_SETSIZE - 1;
  while (!CPU_ISSET(processor, &mask)) --processor;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  return only;
}

// ", elsewhere" counts threads of the process whose mask is another than that of the first.
std::string threads_there_are() {
  const cpu_set_t own = mask_of(getpid());
  int threads = 0, elsewhere = 0;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    const cpu_set_t allowed = mask_of(std::stoi(task.path().filename()));
    ++threads;
    elsewhere += !CPU_EQUAL(&allowed, &own);
  }
  return std::to_string(threads) + ", " + std::to_string(elsewhere) + " elsewhere";
}

// Says how many threads there are by default, and how many a call that is worth a hundred of them takes.
int default_threads() {
  const auto f = jit([](Array a) { return sum(exp(sin(a)) * cos(a)); });
  const Array a = ones({4'000'000});
  const int usual = num_threads();
  (void)f(a);
  (void)f(a);
  std::cout << usual << " usual, " << last_call().threads << " ran of " << threads_there_are() << std::endl;
  return 0;
}
const RegisterChild register_default_threads("default_threads", &default_threads);

// The same where more threads are asked for than there are processors in the mask.
int forced_threads() {
  const int usual = num_threads();
  set_num_threads(3);
  const auto f = jit([](Array a) { return sum(a * 2.0); });
  const double total = f.with({.threads = 3, .force_threads = true})(ones({100'000})).as_double();
  const int ran = last_call().threads;
  std::cout << usual << " usual, " << ran << " ran of " << threads_there_are() << ", total " << total << std::endl;
  return 0;
}
const RegisterChild register_forced_threads("forced_threads", &forced_threads);

const auto bind_to_one = [] {
  const cpu_set_t only = one_processor();
  sched_setaffinity(0, sizeof only, &only);
};

TEST(Processors, AProcessBoundToOneUsesOne) {
  EXPECT_EQ(run_child("default_threads", {{"KILN_NUM_THREADS", ""}}, bind_to_one).output,
            "1 usual, 1 ran of 1, 0 elsewhere\n");
}

// Workers inherit the mask and are not pinned outside it.
TEST(Processors, ForcedThreadsStayInsideTheMask) {
  EXPECT_EQ(run_child("forced_threads", {{"KILN_NUM_THREADS", ""}}, bind_to_one).output,
            "1 usual, 3 ran of 3, 0 elsewhere, total 200000\n");
}

// As many as the mask has, where no quota is less.
TEST(Processors, NoMoreThanTheMaskHas) {
  const cpu_set_t mask = mask_of(0);
  const ChildResult r = run_child("default_threads", {{"KILN_NUM_THREADS", ""}});
  const int usual = std::stoi(r.output);
  EXPECT_GE(usual, 1);
  EXPECT_LE(usual, CPU_COUNT(&mask));
  EXPECT_TRUE(r.output.ends_with(", 0 elsewhere\n") || usual > 1) << r.output;  // pinned, if there are several
}

TEST(Processors, TheEnvironmentSetsTheNumberOfThreads) {
  const ChildResult r = run_child("forced_threads", {{"KILN_NUM_THREADS", "5"}}, bind_to_one);
  EXPECT_TRUE(r.output.starts_with("5 usual, 3 ran")) << r.output;
}

// A control group with a quota of one processor, of version 2 or 1, where one may be made.
class Group {
 public:
  static std::optional<fs::path> make() {
    const std::string name = "kiln-test-" + std::to_string(getpid());
    for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
      const fs::path group = fs::path(mount) / name;
      std::error_code error;
      if (!fs::create_directory(group, error) || error) continue;
      if (write(group / "cpu.max", "100000 100000") ||
          (write(group / "cpu.cfs_period_us", "100000") && write(group / "cpu.cfs_quota_us", "100000")))
        return group;
      fs::remove(group, error);
    }
    return {};
  }
  // Only into files that are there: a folder that is no control group has none.
  static bool write(const fs::path& path, const std::string& text) {
    std::fstream file(path, std::ios::in | std::ios::out);
    file << text << std::flush;
    return file.good();
  }
};

TEST(Processors, TheQuotaOfAControlGroupLimitsThem) {
  const std::optional<fs::path> group = Group::make();
  if (!group) GTEST_SKIP() << "no control group may be made here; kiln-unit reads written ones";
  const ChildResult r = run_child("default_threads", {{"KILN_NUM_THREADS", ""}},
                                  [&] { Group::write(*group / "cgroup.procs", std::to_string(getpid())); });
  fs::remove(*group);
  EXPECT_EQ(r.output, "1 usual, 1 ran of 1, 0 elsewhere\n");
}

}  // namespace
}  // namespace kiln
