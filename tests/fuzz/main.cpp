// kiln-fuzz: random programs of the language, compiled every way, against the interpreter. See docs/testing.md.
#include "tests/fuzz/collect.h"
#include "tests/fuzz/compare.h"
#include "tests/fuzz/shrink.h"

#include <kiln/device.h>

#include <CLI/CLI.hpp>

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace {

using namespace kiln::fuzz;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::uint64_t seed = 1, count = 1000;
  int jobs = 1;
  double minutes = 0, shrink_seconds = 60;
  int most_failures = 10;
  bool print = false, ir = false;
  Ways ways;
};

// What a child that runs programs tells its parent, who cannot ask once it has died.
struct Board {
  std::uint64_t at, tally[8];
  int kind;
  char what[1000];
};

Board* shared_board() {
  void* const memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
  return static_cast<Board*>(memory);
}

// A program that hangs or crashes takes its child along, not the run. On a busy machine a second may be far longer than
// one of the processor's.
constexpr unsigned longest_program_seconds = 60, longest_wait_seconds = 600;

void limit_time(unsigned processor_seconds) {
  const itimerval limit{{}, {static_cast<time_t>(processor_seconds), 0}};
  ::setitimer(ITIMER_PROF, &limit, nullptr);
  ::alarm(longest_wait_seconds);
}

constexpr std::uint64_t programs_per_child = 200;

void run_child(const Settings& settings, Board& board, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t seed = first; seed < last; ++seed) {
    board.at = seed;
    limit_time(longest_program_seconds);
    const Verdict verdict = check(generate(seed, settings.ways.gpu), settings.ways);
    ++board.tally[static_cast<int>(verdict.kind)];
    if (!verdict.failed()) continue;
    board.kind = static_cast<int>(verdict.kind);
    std::snprintf(board.what, sizeof board.what, "%s", verdict.what.c_str());
    std::_Exit(1);
  }
  std::_Exit(0);
}

// Forks; the child's exit is a verdict's kind, or what killed it.
int outcome_in_child(const Recipe& recipe, const Ways& ways, std::string& what) {
  static Board* const board = shared_board();
  board->what[0] = 0;
  const pid_t child = ::fork();
  if (child == 0) {
    limit_time(20);
    const Verdict verdict = check(recipe, ways);
    std::snprintf(board->what, sizeof board->what, "%s", verdict.what.c_str());
    std::_Exit(verdict.failed() ? 10 + static_cast<int>(verdict.kind) : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  what = board->what;
  return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

// In a child too: making the text traces the program.
void print_in_child(const Recipe& recipe, const Ways& ways, bool ir) {
  std::cout.flush();
  const pid_t child = ::fork();
  if (child == 0) {
    std::cout << (ir ? as_ir(recipe, ways) : as_program(recipe, ways)) << std::flush;
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
}

void report(const Settings& settings, std::uint64_t seed) {
  Recipe recipe = generate(seed, settings.ways.gpu);
  std::string what;
  const int first = outcome_in_child(recipe, settings.ways, what);
  std::cout << "\n==== seed " << seed << " fails: ";
  if (first == 0) {
    std::cout << "only sometimes; the program is\n";
    return print_in_child(recipe, settings.ways, false);
  }
  if (first > 100)
    std::cout << "signal " << first - 100 << "\n";
  else
    std::cout << name_of(static_cast<Verdict::Kind>(first - 10)) << ": " << what << "\n";
  if (settings.shrink_seconds > 0) {
    recipe = shrink(
        recipe,
        [&](const Recipe& candidate) {
          std::string ignored;
          return outcome_in_child(candidate, settings.ways, ignored) == first;
        },
        settings.shrink_seconds);
    outcome_in_child(recipe, settings.ways, what);
    std::cout << "shrunk: " << what << "\n";
  }
  print_in_child(recipe, settings.ways, false);
  if (settings.ir) print_in_child(recipe, settings.ways, true);
  std::cout.flush();
}

// Why there is no GPU; empty if there is one. A child asks: what is forked later must not have the driver's state.
std::string why_no_gpu() {
  Board& board = *shared_board();
  const pid_t child = ::fork();
  if (child == 0) {
    if (!kiln::cuda().available())
      std::snprintf(board.what, sizeof board.what, "%s", kiln::cuda().description().c_str());
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? board.what : "asking for it crashes";
}

// What the simulated NVRTC compiles is kept only while the fuzzer runs, if nobody says where.
class CompilerCache {
 public:
  CompilerCache() {
    if (std::getenv("KILN_SIMULATED_CACHE")) return;
    std::string name = (std::filesystem::temp_directory_path() / "kiln-fuzz-XXXXXX").string();
    if (!::mkdtemp(name.data())) return;
    folder_ = name;
    ::setenv("KILN_SIMULATED_CACHE", name.c_str(), 1);
  }
  ~CompilerCache() {
    std::error_code error;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
  }
  CompilerCache(const CompilerCache&) = delete;

 private:
  std::filesystem::path folder_;
};

// One worker's part: the seeds first, first + jobs * programs_per_child, …
class Run {
 public:
  explicit Run(const Settings& settings) : settings_(settings), start_(Clock::now()) {}

  int run() {
    std::vector<Board*> boards;
    for (int k = 0; k < settings_.jobs; ++k) boards.push_back(shared_board());
    std::vector<Worker> workers(boards.size());
    std::uint64_t next = settings_.seed;
    const std::uint64_t last = settings_.seed + settings_.count;
    for (std::size_t k = 0; k < workers.size(); ++k) workers[k].board = boards[k];
    for (;;) {
      bool any = false;
      for (Worker& worker : workers) {
        if (worker.child == 0 && worker.first >= worker.last && next < last && !over()) {
          worker.first = next;
          worker.last = next = std::min(next + programs_per_child, last);
        }
        if (worker.child == 0 && worker.first < worker.last) launch(worker);
        any |= worker.child != 0;
      }
      if (!any) break;
      int status = 0;
      const pid_t ended = ::wait(&status);
      for (Worker& worker : workers)
        if (worker.child == ended) end(worker, status);
    }
    return summary();
  }

 private:
  struct Worker {
    Board* board = nullptr;
    pid_t child = 0;
    std::uint64_t first = 0, last = 0;
  };

  bool over() const {
    const double minutes = std::chrono::duration<double>(Clock::now() - start_).count() / 60;
    return (settings_.minutes > 0 && minutes > settings_.minutes) ||
           static_cast<int>(failed_.size()) >= settings_.most_failures;
  }

  void launch(Worker& worker) {
    *worker.board = Board{};
    worker.child = ::fork();
    if (worker.child == 0) run_child(settings_, *worker.board, worker.first, worker.last);
  }

  void end(Worker& worker, int status) {
    worker.child = 0;
    for (int k = 0; k < 8; ++k) tally_[k] += worker.board->tally[k];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      worker.first = worker.last;
      return;
    }
    const std::uint64_t seed = worker.board->at;
    const bool died = WIFSIGNALED(status) || WEXITSTATUS(status) != 1;
    if (died) ++crashed_;
    failed_.push_back(seed);
    std::cout << "seed " << seed << ": ";
    if (WIFSIGNALED(status))
      std::cout << "the process died of signal " << WTERMSIG(status) << std::endl;
    else if (died)
      std::cout << "the process ended with " << WEXITSTATUS(status) << std::endl;
    else
      std::cout << name_of(static_cast<Verdict::Kind>(worker.board->kind)) << ": " << worker.board->what << std::endl;
    worker.first = over() ? worker.last : seed + 1;
  }

  int summary() {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    std::uint64_t total = crashed_;
    for (const std::uint64_t n : tally_) total += n;
    std::cout << total << " programs, seeds from " << settings_.seed << ", in " << seconds << " s ("
              << static_cast<double>(total) / seconds << " a second): " << tally_[0] << " passed, " << tally_[3]
              << " ended in the error expected, " << tally_[1] << " refused, " << failed_.size() << " failed"
              << std::endl;
    for (const std::uint64_t seed : failed_) report(settings_, seed);
    return failed_.empty() ? 0 : 1;
  }

  const Settings& settings_;
  Clock::time_point start_;
  std::uint64_t tally_[8] = {}, crashed_ = 0;
  std::vector<std::uint64_t> failed_;
};

}  // namespace

int main(int argc, char** argv) {
  // Programs that are never seen again would only fill the cache.
  ::setenv("KILN_DISK_CACHE", "0", 1);
  Settings settings;
  CLI::App app{"Random programs of the language, compiled every way, against the interpreter"};
  app.add_option("--seed", settings.seed, "the first seed");
  app.add_option("--count", settings.count, "how many seeds");
  app.add_option("--jobs", settings.jobs, "processes side by side")->check(CLI::Range(1, 256));
  app.add_option("--minutes", settings.minutes, "stop after so long");
  app.add_option("--failures", settings.most_failures, "stop after so many failures");
  app.add_option("--shrink", settings.shrink_seconds, "seconds for making a failing program smaller, 0 for none");
  app.add_flag("--interpret-only", settings.ways.interpret_only,
               "compare Programs before and after the passes, compile nothing");
  app.add_flag("--quick", settings.ways.quick, "compile seven of eight programs with LLVM's fastest code generation");
  app.add_flag("--all", settings.ways.all, "every vector width with 1, 2 and 3 threads for every program");
  app.add_flag("--gpu", settings.ways.gpu, "on the GPU in place of the CPU, without functions such as exp");
  app.add_flag("--print", settings.print, "print the program of the seed as C++ and as Programs, run nothing");
  app.add_flag("--ir", settings.ir, "print the Programs of failures too");
  CLI11_PARSE(app, argc, argv);
  if (settings.print) {
    const Recipe recipe = generate(settings.seed, settings.ways.gpu);
    print_in_child(recipe, settings.ways, false);
    print_in_child(recipe, settings.ways, true);
    return 0;
  }
  if (!settings.ways.gpu) return Run(settings).run();
  if (const std::string reason = why_no_gpu(); !reason.empty()) {
    std::cerr << "no GPU: " << reason << "\n";
    return 2;
  }
  const CompilerCache cache;
  // Not where the run ends by the clock: most of the programs would be for nothing.
  if (settings.minutes == 0 && settings.jobs == 1)
    compile_together([&] {
      for (std::uint64_t seed = settings.seed; seed < settings.seed + settings.count; ++seed) {
        limit_time(longest_program_seconds);
        check(generate(seed, settings.ways.gpu), settings.ways);
      }
    });
  return Run(settings).run();
}
