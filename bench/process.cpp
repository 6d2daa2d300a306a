// Measuring whole processes: spawning, waiting, reading what a child prints.
#include "bench/process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

extern char** environ;

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Finished {
  double seconds = 0;  // from before the spawn until the process was waited for
  std::string printed;
};

// Runs a program to its end; its standard output is read where that is asked for.
Finished run_process(const std::string& program, const std::vector<std::string>& arguments, bool read_output) {
  int ends[2] = {-1, -1};
  if (read_output && pipe(ends) != 0) throw std::runtime_error("no pipe for a child process");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (read_output) {
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
  }
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);

  Finished finished;
  const auto begin = Clock::now();
  pid_t child = 0;
  const int spawned = posix_spawn(&child, program.c_str(), &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (read_output) close(ends[1]);
  int status = spawned == 0 ? 0 : -1;
  if (spawned == 0) {
    if (read_output) {
      char text[256];
      for (ssize_t got; (got = read(ends[0], text, sizeof(text))) > 0;) finished.printed.append(text, std::size_t(got));
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  finished.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (read_output) close(ends[0]);
  if (status != 0) throw std::runtime_error(fmt::format("{} did not end well (status {})", program, status));
  return finished;
}

Record process_record(const std::string& bench, const std::string& variant, std::int64_t n,
                      const std::vector<double>& samples, const std::string& device) {
  if (samples.empty()) throw std::runtime_error("skipped, the time was up");
  Record record;
  record.bench = bench;
  record.variant = variant;
  record.dtype = "f32";
  record.n = n;
  record.device = device;
  record.seconds_median = median(samples);
  record.seconds_min = *std::min_element(samples.begin(), samples.end());
  record.runs = std::int64_t(samples.size());
  record.checked = true;
  return record;
}

}  // namespace

int run_first_call(const Suite& suite, const std::string& name) {
  for (const FirstCall& first_call : suite.first_calls()) {
    if (first_call.name != name) continue;
    try {
      std::printf("%.9f\n", first_call.measure());
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
      return 1;
    }
  }
  std::fprintf(stderr, "no first call is registered as %s\n", name.c_str());
  return 1;
}

Measured measure_first_call(const FirstCall& first_call, const Options& options) {
  Measured measured;
  try {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    std::vector<double> samples;
    const int processes = options.quick ? std::min(5, first_call.processes) : first_call.processes;
    for (int process = 0; process <= processes && !out_of_time(options); ++process) {
      const Finished finished = run_process(self,
                                            {"--first-call", first_call.name, "--threads",
                                             std::to_string(options.threads), "--device", options.asked_device},
                                            true);
      if (process > 0) samples.push_back(std::stod(finished.printed));  // the first one brings the files into memory
    }
    Record record = process_record(first_call.name, "kiln", first_call.n, samples, options.device);
    record.threads = options.threads;
    measured.records.push_back(record);
    if (first_call.limit == 0) return measured;
    Outcome outcome{
        first_call.name,       "f32", first_call.n, 1, {Target::Kind::seconds, "kiln", "", first_call.limit, 0},
        record.seconds_median, false};
    outcome.reached = outcome.value <= first_call.limit;
    measured.outcomes.push_back(outcome);
  } catch (const std::exception& error) {
    measured.failures.push_back(fmt::format("{}: {}", first_call.name, error.what()));
  }
  return measured;
}

Measured measure_load(const Options& options) {
  Measured measured;
  try {
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    const std::string with = (folder / "load_with").string(), without = (folder / "load_without").string();
    for (const std::string& program : {with, without})
      if (!std::filesystem::exists(program)) throw std::runtime_error("there is no program " + program);
    std::vector<double> linked, not_linked, differences;
    const int pairs = options.quick ? 41 : 201;
    for (int pair = -1; pair < pairs && !out_of_time(options); ++pair) {
      const bool swapped = pair % 2 != 0;
      const double first = run_process(swapped ? without : with, {}, false).seconds;
      const double second = run_process(swapped ? with : without, {}, false).seconds;
      if (pair < 0) continue;  // brings the files into memory
      linked.push_back(swapped ? second : first);
      not_linked.push_back(swapped ? first : second);
      differences.push_back(linked.back() - not_linked.back());
    }
    measured.records.push_back(process_record("load", "kiln", 0, linked, options.device));
    measured.records.push_back(process_record("load", "native", 0, not_linked, options.device));
    Outcome outcome{"load", "f32", 0, 1, {Target::Kind::difference, "kiln", "native", 2e-3, 0}, median(differences),
                    false};
    outcome.reached = outcome.value <= outcome.target.limit;
    measured.outcomes.push_back(outcome);
  } catch (const std::exception& error) {
    measured.failures.push_back(fmt::format("load: {}", error.what()));
  }
  return measured;
}

}  // namespace bench
