// kiln-bench: measures Kiln against code compiled beside it, prints tables and writes JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <regex>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "bench/machine.h"
#include "bench/process.h"
#include "bench/report.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

double seconds_of_all(const Options& options) {
  if (options.seconds > 0) return options.seconds;
  return options.quick ? 180 : 900;
}

// After so many seconds nothing more is begun; the last thing that was may be the checking of a contender on the
// largest arrays.
double seconds_until_deadline(const Options& options) { return 0.98 * seconds_of_all(options); }

// How much of the time a bench's rounds may use: preparing and checking take the rest. A short list of benches does not
// get longer rounds than the bound.
double rounds_budget(const Options& options, std::size_t count, double elapsed, std::size_t done) {
  const double limit = 0.93 * seconds_of_all(options);
  const double share = 0.5 * std::max(0.0, limit - elapsed) / double(std::max<std::size_t>(1, count - done));
  return std::clamp(share, options.quick ? 0.1 : 0.5, options.quick ? 0.8 : 5.0);
}

void append(Measured& all, Measured part) {
  std::move(part.records.begin(), part.records.end(), std::back_inserter(all.records));
  std::move(part.outcomes.begin(), part.outcomes.end(), std::back_inserter(all.outcomes));
  std::move(part.failures.begin(), part.failures.end(), std::back_inserter(all.failures));
}

Measured skipped(const std::string& name, double elapsed) {
  Measured measured;
  measured.failures.push_back(fmt::format("{}: skipped, {:.0f} s were spent before it", name, elapsed));
  return measured;
}

int run(const Suite& suite, Options options) {
  const auto begin = Clock::now();
  options.deadline = begin + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(seconds_until_deadline(options)));
  struct Job {
    std::string name;
    std::function<Measured(double)> measure;
  };
  std::vector<Job> jobs;
  const std::regex filter(options.filter);
  // Processes first: nothing has made the machine's caches and pools busy yet.
  for (const FirstCall& first_call : suite.first_calls())
    if (std::regex_search(first_call.name, filter))
      jobs.push_back({first_call.name, [&](double) { return measure_first_call(first_call, options); }});
  if (register_kiln_benches && options.device == "cpu" && std::regex_search("load", filter))
    jobs.push_back({"load", [&](double) { return measure_load(options); }});
  for (const Bench& bench : suite.benches())
    if (std::regex_search(bench.name, filter))
      jobs.push_back({fmt::format("{} {} n={}", bench.name, bench.dtype, bench.n),
                      [&](double budget) { return measure(suite, bench, options, budget); }});
  if (jobs.empty()) {
    std::fprintf(stderr, "no bench matches %s\n", options.filter.c_str());
    return 2;
  }

  const nlohmann::ordered_json header = machine_header(suite, options);
  print_header(header);
  Measured all;
  for (std::size_t index = 0; index < jobs.size(); ++index) {
    const double elapsed = seconds_since(begin);
    show_progress(index, jobs.size(), jobs[index].name, elapsed);
    Measured measured = out_of_time(options) ? skipped(jobs[index].name, elapsed)
                                             : jobs[index].measure(rounds_budget(options, jobs.size(), elapsed, index));
    clear_progress();
    for (Outcome& outcome : measured.outcomes) outcome.simulated = options.simulated;
    print_measured(measured);
    append(all, std::move(measured));
  }
  print_summary(all);
  if (!options.json.empty()) write_json(options.json, header, all);
  std::printf("%.0f s\n", seconds_since(begin));
  return all.failures.empty() ? 0 : 1;
}

// The number in "cuda" or "cuda:1"; nothing where that is no name of a GPU.
std::optional<int> gpu_of(const std::string& device) {
  const std::regex name("cuda(:([0-9]{1,2}))?");
  std::smatch parts;
  if (!std::regex_match(device, parts, name)) return std::nullopt;
  return parts[2].matched ? std::stoi(parts[2]) : 0;
}

// Those of the CPU, or of a GPU. False, with a message, where there is no such device.
bool fill(Suite& suite, Options& options) {
  if (options.asked_device == "cpu") {
    register_benches(suite, options.quick);
    if (register_kiln_benches) register_kiln_benches(suite);
    return true;
  }
  const std::optional<int> gpu = gpu_of(options.asked_device);
  if (!gpu || !register_gpu_benches) {
    std::fprintf(stderr, "kiln-bench: there is no device %s in this build; --device %s\n", options.asked_device.c_str(),
                 register_gpu_benches ? "takes cpu, cuda, cuda:1, ..." : "cpu is the only one");
    return false;
  }
  options.device = register_gpu_benches(suite, *gpu, options.quick);
  options.simulated = options.device == "simulated";
  return true;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::Options options;
  std::string first_call;
  CLI::App app{"Measures Kiln against code compiled beside it"};
  app.add_option("--filter", options.filter, "regular expression: the benches to run");
  app.add_option("--threads", options.threads, "threads of the parallel contenders (default: every core)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--device", options.asked_device, "cpu (the default), or a GPU with benches of its own: cuda, cuda:1");
  app.add_flag("--quick", options.quick, "smaller arrays and fewer rounds: three minutes");
  app.add_option("--seconds", options.seconds, "the whole program may take (default: 900, with --quick 180)")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "write the records to this file");
  app.add_option("--first-call", first_call)->group("");  // a child of this program
  CLI11_PARSE(app, argc, argv);
  // Before anything asks: code that an older code generator left on disk must neither be timed nor save a compile.
  setenv("KILN_DISK_CACHE", "0", 1);
  if (options.threads == 0) options.threads = int(std::max(1u, std::thread::hardware_concurrency()));
  try {
    bench::Suite suite;
    if (!bench::fill(suite, options)) return 2;
    if (!first_call.empty()) return bench::run_first_call(suite, first_call);
    return bench::run(suite, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kiln-bench: %s\n", error.what());
    return 1;
  }
}
