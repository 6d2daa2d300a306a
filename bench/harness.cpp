// Measures: the contenders of a group take turns, in an order that rotates from round to round.
//
// A machine's speed drifts over seconds (clock, neighbours), so a ratio is taken within a round and the median of those
// ratios is what counts. A turn begins with one call that is not timed: it wakes threads and warms caches after the
// other contenders' turns.
#include "bench/harness.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <set>
#include <thread>
#include <tuple>

#include <fmt/format.h>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double longest_warming = 20e-3;
constexpr auto settling = std::chrono::microseconds(300);
constexpr auto idling = std::chrono::milliseconds(2);
constexpr std::size_t most_rounds = 41;
constexpr std::size_t most_idle_rounds = 301;  // a single cold call varies much more than a sample of many
constexpr std::size_t candidates_kept = 2;

double seconds_of(const Contender& contender, std::int64_t repetitions) {
  const auto begin = Clock::now();
  contender.run(repetitions);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (contender.finish) contender.finish();
  return seconds;
}

// What is known of one contender while it is measured.
struct Lane {
  const Contender* contender;
  std::int64_t repetitions = 1;
  double estimate = 0;  // seconds of one repetition
  std::vector<double> samples;
};

// One turn: a sample in seconds per repetition.
double turn(const Lane& lane, bool idle) {
  const Contender& contender = *lane.contender;
  if (contender.before) contender.before();
  double seconds;
  if (idle) {
    seconds_of(contender, 1);
    std::this_thread::sleep_for(idling);
    seconds = seconds_of(contender, 1);
  } else {
    if (lane.estimate < longest_warming) seconds_of(contender, lane.repetitions);
    seconds = seconds_of(contender, lane.repetitions) / double(lane.repetitions);
  }
  if (contender.after) contender.after();
  std::this_thread::sleep_for(settling);  // another pool's workers stop spinning
  return seconds;
}

// Finds how many repetitions make a sample long enough, and a first estimate. `first` is the time of the call that was
// checked, which may have compiled something.
void calibrate(Lane& lane, double first, double shortest_sample) {
  const Contender& contender = *lane.contender;
  if (contender.before) contender.before();
  double seconds = seconds_of(contender, 1);
  if (seconds < longest_warming) seconds = std::min(seconds, seconds_of(contender, 1));
  seconds = std::min(seconds, first);
  while (seconds < shortest_sample && lane.repetitions < (std::int64_t{1} << 30)) {
    const double factor = std::clamp(1.3 * shortest_sample / std::max(seconds, 1e-9), 2.0, 100.0);
    lane.repetitions = std::int64_t(double(lane.repetitions) * factor) + 1;
    seconds = seconds_of(contender, lane.repetitions);
  }
  lane.estimate = seconds / double(lane.repetitions);
  if (contender.after) contender.after();
}

// Checks every contender of the group, and of those with the same variant keeps the fastest few: the final choice
// among them is made by the medians of the rounds.
std::vector<Lane> lanes_of(const Work& work, int group, const Bench& bench, const Options& options,
                           std::vector<std::string>& failures) {
  const bool idle = bench.idle;
  std::vector<Lane> lanes;
  for (const Contender& contender : work.contenders()) {
    if (contender.group != group) continue;
    const auto [wrong, seconds] =
        out_of_time(options) ? Work::Checked{"skipped, the time was up"} : work.check(contender);
    if (!wrong.empty()) {
      failures.push_back(fmt::format("{} {} n={}, {} ({}), {} threads: {}", work.bench(), work.dtype(), work.n(),
                                     contender.variant, contender.implementation, contender.threads, wrong));
      continue;
    }
    // Of a slow one a single call tells enough if another of its variant takes less than half of it.
    const bool hopeless = !idle && seconds > longest_warming &&
                          std::any_of(lanes.begin(), lanes.end(), [&, seconds = seconds](const Lane& other) {
                            return other.contender->variant == contender.variant && other.estimate < seconds / 2;
                          });
    if (hopeless) continue;
    lanes.push_back({&contender, 1, 0, {}});
    if (!idle) calibrate(lanes.back(), seconds, bench.shortest_sample);
  }
  // A second look at the quick ones, so that one disturbed sample does not throw the best of them out.
  for (int look = 0; look < 2; ++look)
    for (Lane& lane : lanes)
      if (!idle && lane.estimate < longest_warming && !out_of_time(options))
        lane.estimate = std::min(lane.estimate, turn(lane, false));
  std::vector<Lane> kept;
  for (const Lane& lane : lanes) {
    const auto better = std::count_if(lanes.begin(), lanes.end(), [&](const Lane& other) {
      return other.contender->variant == lane.contender->variant &&
             (other.estimate < lane.estimate || (other.estimate == lane.estimate && &other < &lane));
    });
    if (std::size_t(better) < candidates_kept) kept.push_back(lane);
  }
  return kept;
}

void take_turns(std::vector<Lane>& lanes, bool idle, double budget, const Options& options) {
  const auto begin = Clock::now();
  const std::size_t fewest = options.quick ? 3 : 5;
  for (std::size_t round = 0; round < (idle ? most_idle_rounds : most_rounds); ++round) {
    const double spent = std::chrono::duration<double>(Clock::now() - begin).count();
    if (round > 0 && out_of_time(options)) break;
    if (round >= fewest && spent * double(round + 1) / double(round) > budget) break;
    for (std::size_t index = 0; index < lanes.size(); ++index) {
      Lane& lane = lanes[(index + round) % lanes.size()];
      lane.samples.push_back(turn(lane, idle));
    }
  }
}

Record record_of(const Work& work, const std::string& bench, const Lane& lane, const std::string& device) {
  Record record;
  record.bench = bench;
  record.variant = lane.contender->variant;
  record.dtype = work.dtype();
  record.n = work.n();
  record.device = device;
  record.threads = lane.contender->threads;
  record.seconds_median = median(lane.samples);
  record.seconds_min = *std::min_element(lane.samples.begin(), lane.samples.end());
  record.runs = std::int64_t(lane.samples.size()) * lane.repetitions;
  record.checked = true;  // lanes_of keeps only those whose results agreed
  record.implementation = lane.contender->describe ? lane.contender->describe() : lane.contender->implementation;
  record.traffic = lane.contender->traffic;
  record.group = lane.contender->group;
  return record;
}

// Seconds of processor time: of the whole machine, and of this process and its children.
struct ProcessorTime {
  double machine = 0, own = 0;
  Clock::time_point when = Clock::now();
};

ProcessorTime processor_time() {
  ProcessorTime time;
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft_interrupts = 0, stolen = 0;
  file >> cpu >> user >> nice >> system >> idle >> waiting >> interrupts >> soft_interrupts >> stolen;
  time.machine = (user + nice + system + interrupts + soft_interrupts + stolen) / double(sysconf(_SC_CLK_TCK));
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const timeval& part : {usage.ru_utime, usage.ru_stime})
      time.own += double(part.tv_sec) + 1e-6 * double(part.tv_usec);
  }
  return time;
}

// How many cores others used since then, time stolen by the machine's host among it.
double others_since(const ProcessorTime& then) {
  const ProcessorTime now = processor_time();
  const double wall = std::chrono::duration<double>(now.when - then.when).count();
  return std::max(0.0, ((now.machine - then.machine) - (now.own - then.own)) / std::max(wall, 1e-3));
}

// The lane that stands for a variant: the fastest by median.
const Lane* best_of(const std::vector<Lane>& lanes, const std::string& variant) {
  const Lane* best = nullptr;
  for (const Lane& lane : lanes)
    if (lane.contender->variant == variant && (!best || median(lane.samples) < median(best->samples))) best = &lane;
  return best;
}

double value_of(const Target& target, const Lane& lane, const Lane* against) {
  if (target.kind == Target::Kind::seconds) return median(lane.samples);
  if (target.kind == Target::Kind::bytes) return lane.contender->bytes();
  std::vector<double> pairs;
  for (std::size_t round = 0; round < lane.samples.size(); ++round) {
    const double ours = lane.samples[round], theirs = against->samples[round];
    if (target.kind == Target::Kind::share)
      pairs.push_back(lane.contender->traffic / ours / (against->contender->traffic / theirs));
    else
      pairs.push_back(target.kind == Target::Kind::ratio ? ours / theirs : ours - theirs);
  }
  return median(pairs);
}

void add_outcomes(const Bench& bench, int group, const std::vector<Lane>& lanes, Measured& measured) {
  for (const Target& target : bench.targets) {
    if (target.group == 1 && group != 1) continue;
    if (target.group == 2 && group == 1) continue;
    const Lane* lane = best_of(lanes, target.variant);
    const Lane* against = best_of(lanes, target.against);
    if (!lane || (!against && !target.against.empty())) continue;
    Outcome outcome{bench.name, bench.dtype, bench.n, group, target, value_of(target, *lane, against), false};
    outcome.reached =
        target.kind == Target::Kind::share ? outcome.value >= target.limit : outcome.value <= target.limit;
    measured.outcomes.push_back(outcome);
  }
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(half), values.end());
  if (values.size() % 2 == 1) return values[half];
  return (values[half] + *std::max_element(values.begin(), values.begin() + std::ptrdiff_t(half))) / 2;
}

Measured measure(const Suite& suite, const Bench& bench, const Options& options, double budget) {
  Measured measured;
  try {
    Work work(bench.work, bench.dtype, bench.n, options.threads);
    bench.prepare(work);
    suite.apply_extensions(bench.work, work);
    std::set<int> groups;
    for (const Contender& contender : work.contenders()) groups.insert(contender.group);
    for (const int group : groups) {
      std::vector<Lane> lanes = lanes_of(work, group, bench, options, measured.failures);
      if (lanes.empty()) continue;
      const ProcessorTime before = processor_time();
      take_turns(lanes, bench.idle, budget / double(groups.size()), options);
      measured.others = std::max(measured.others, others_since(before));
      for (const Lane& lane : lanes)
        if (best_of(lanes, lane.contender->variant) == &lane)
          measured.records.push_back(record_of(work, bench.name, lane, options.device));
      // The order in which they were added says nothing: the table's is by name within each group.
      std::sort(measured.records.begin(), measured.records.end(), [](const Record& one, const Record& other) {
        return std::tie(one.group, one.variant) < std::tie(other.group, other.variant);
      });
      add_outcomes(bench, group, lanes, measured);
    }
  } catch (const std::exception& error) {
    measured.failures.push_back(fmt::format("{} {} n={}: {}", bench.name, bench.dtype, bench.n, error.what()));
  }
  return measured;
}

}  // namespace bench
