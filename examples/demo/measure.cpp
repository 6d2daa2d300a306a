// Times calls of the tutorial function; children give first calls and the interpreter.
#include "measure.h"

#include "child.h"
#include "kernels.h"

#include <kiln/kiln.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace demo {

namespace {

using kernels::a_plus_tr_tanh_a;
using kiln::Array;

double seconds_of(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> x) {
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}

Record described(Record record, const char* bench, const char* variant, const Array& a, int threads) {
  record.bench = bench;
  record.variant = variant;
  record.dtype = a.dtype().name();
  for (int k = 0; k < a.rank(); ++k) record.shape.push_back(a.extent(k));
  record.threads = threads;
  return record;
}

bool interpreted() {
  const char* value = std::getenv("KILN_DISABLE_JIT");
  return value && *value && std::string(value) != "0";
}

// The function on so many threads however small the work is.
auto forced_to(int threads) { return a_plus_tr_tanh_a.with({.threads = threads, .force_threads = true}); }

// The largest count up to `most` that a call can really be run on: a small matrix has few parts to share.
int most_that_run(const Array& a, int most) {
  int threads = 1;
  for (; threads < most; ++threads) {
    forced_to(threads + 1)(a);
    if (kiln::last_call().threads <= threads) break;
  }
  return threads;
}

// A row for so many threads shows nothing else.
void expect_ran_on(int threads) {
  const int ran = kiln::last_call().threads;
  if (ran != threads)
    throw std::runtime_error("a call meant for " + std::to_string(threads) + " threads ran on " + std::to_string(ran));
}

// Added up here, by plain C++: no code of the two that are compared takes part.
double sum_of(const Array& result) {
  const Array doubles = result.astype(kiln::f64).copy();
  double sum = 0;
  for (const double x : doubles.read<double>()) sum += x;
  return sum;
}

kiln::DType dtype_named(const std::string& name) {
  for (int code = 0; code < kiln::type_code_count; ++code)
    if (const kiln::DType dtype(static_cast<kiln::TypeCode>(code)); name == dtype.name()) return dtype;
  throw std::runtime_error("no dtype is called " + name);
}

}  // namespace

Array Input::make() const {
  if (!file.empty()) return kiln::load(file.c_str());
  return kiln::arange(n * n).reshape({n, n}).astype(dtype_named(dtype));
}

std::string Input::name() const {
  return file.empty() ? dtype + " " + std::to_string(n) + "x" + std::to_string(n) : file;
}

Record timed(const std::function<void()>& call, double seconds, int fewest_runs, Step* step) {
  std::vector<double> times;
  for (double total = 0; total < seconds || static_cast<int>(times.size()) < fewest_runs;) {
    times.push_back(seconds_of(call));
    total += times.back();
    if (step) step->done_one();
  }
  Record record;
  record.seconds_median = median(times);
  record.seconds_min = *std::min_element(times.begin(), times.end());
  record.runs = static_cast<int>(times.size());
  return record;
}

Chosen chosen_threads(const std::function<void()>& call, int calls, Step* step) {
  std::map<int, int> times;
  Chosen chosen;
  for (int k = 0; k < calls; ++k) {
    call();
    if (step) step->done_one();
    const kiln::LastCall last = kiln::last_call();
    if (++times[last.threads] > times[chosen.threads]) chosen = {last.threads, last.threads_reason};
  }
  return chosen;
}

void measure_in_child(const Input& input) {
  const Array a = input.make();
  Array result;
  const auto call = [&] { result = a_plus_tr_tanh_a(a); };
  std::vector<Record> records;
  if (interpreted()) {
    constexpr int fewest = 3;
    Step step("interpreter, " + input.name(), fewest);
    records.push_back(described(timed(call, 0.2, fewest, &step), "tutorial", "interpreter", a, 1));
  } else {
    Step step("first call, " + input.name());
    const double first = seconds_of(call);
    if (!kiln::last_call().compiled) throw std::runtime_error("the first call did not compile");
    Record record;
    record.seconds_median = record.seconds_min = first;
    record.runs = 1;
    records.push_back(described(record, "tutorial", "first_call", a, kiln::last_call().threads));
    call();  // the pool of threads and the memory for the result are there from now on
    const Record warm = timed(call, 0.2, 20);
    records.push_back(described(warm, "tutorial", "warm_call", a, chosen_threads(call).threads));
  }
  const nlohmann::json document = {{"records", records}, {"sum", sum_of(result)}};
  std::cout << document.dump() << std::endl;
}

std::vector<Record> measure_tutorial(const Input& input) {
  std::vector<std::string> arguments = {"--measure-dtype", input.dtype, "--measure-side", std::to_string(input.n)};
  if (!input.file.empty()) arguments = {"--measure-file", input.file};
  // The disk cache off: the first call is to have its compile in it.
  const auto compiled =
      nlohmann::json::parse(run_again(arguments, {{"KILN_DISABLE_JIT", "0"}, {"KILN_DISK_CACHE", "0"}}));
  const auto interpreted = nlohmann::json::parse(run_again(arguments, {{"KILN_DISABLE_JIT", "1"}}));

  const double x = compiled.at("sum").get<double>(), y = interpreted.at("sum").get<double>();
  constexpr double tolerance = 1e-5;  // tanh in f32 may differ by some units in the last place
  if (std::isfinite(y) && !(std::abs(x - y) <= tolerance * std::abs(y) + tolerance))
    throw std::runtime_error("compiled and interpreted results differ for " + input.name());

  auto records = compiled.at("records").get<std::vector<Record>>();
  for (const auto& record : interpreted.at("records")) records.push_back(record.get<Record>());
  records.at(1).speedup = records.at(2).seconds_median / records.at(1).seconds_median;
  return records;
}

std::vector<Record> measure_scaling(const Input& input, int most) {
  const Array a = input.make();
  Array result;
  const Chosen chosen = chosen_threads([&] { result = a_plus_tr_tanh_a(a); });

  constexpr int rounds = 7, fewest_calls = 5;
  constexpr double seconds_per_part = 0.02;
  const auto parts = static_cast<std::size_t>(most_that_run(a, std::max(most, chosen.threads)));
  std::vector<std::vector<double>> medians(parts);
  std::vector<Record> records(parts);
  Step step("scaling, " + input.name(), rounds * static_cast<int>(parts));
  for (int round = 0; round < rounds; ++round)
    for (std::size_t k = 0; k < parts; ++k) {
      const int threads = static_cast<int>(k) + 1;
      const auto call = [&result, &a, forced = forced_to(threads)] { result = forced(a); };
      call();
      expect_ran_on(threads);
      const Record part = timed(call, seconds_per_part, fewest_calls);
      expect_ran_on(threads);
      medians[k].push_back(part.seconds_median);
      records[k].runs += part.runs;
      records[k].seconds_min = round == 0 ? part.seconds_min : std::min(records[k].seconds_min, part.seconds_min);
      step.done_one();
    }
  for (std::size_t k = 0; k < parts; ++k) {
    const int threads = static_cast<int>(k) + 1;
    Record& r = records[k] = described(records[k], "scaling", "kiln", a, threads);
    r.seconds_median = median(medians[k]);
    r.speedup = records[0].seconds_median / r.seconds_median;
    r.efficiency = r.speedup / threads;
    r.core_microseconds = r.seconds_median * 1e6 * threads;
    r.chosen = threads == chosen.threads;
    if (r.chosen) r.chosen_because = chosen.because;
  }
  return records;
}

}  // namespace demo
