// Tables on standard output, the progress line on standard error, and the JSON.
#include "bench/report.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {
namespace {

std::string number_text(std::int64_t n) {
  if (n < 10'000) return std::to_string(n);
  std::int64_t mantissa = n;
  int exponent = 0;
  while (mantissa % 10 == 0) {
    mantissa /= 10;
    ++exponent;
  }
  return mantissa < 10 ? fmt::format("{}e{}", mantissa, exponent) : std::to_string(n);
}

// What is compared, what was measured of it, and what it must reach.
struct TargetTexts {
  std::string figure, value, limit;
};

TargetTexts texts_of(const Outcome& outcome) {
  const Target& target = outcome.target;
  const auto most = [](const std::string& text) { return "at most " + text; };
  switch (target.kind) {
    case Target::Kind::ratio:
      return {fmt::format("{} / {}", target.variant, target.against), fmt::format("{:.3f}", outcome.value),
              most(fmt::format("{:.2f}", target.limit))};
    case Target::Kind::difference:
      return {fmt::format("{} - {}", target.variant, target.against), duration_text(outcome.value),
              most(duration_text(target.limit))};
    case Target::Kind::seconds:
      return {target.variant, duration_text(outcome.value), most(duration_text(target.limit))};
    case Target::Kind::bytes:
      return {fmt::format("{} beside inputs and outputs", target.variant),
              fmt::format("{:.0f} KiB", outcome.value / 1024), most(fmt::format("{:.0f} KiB", target.limit / 1024))};
    case Target::Kind::share:
      return {fmt::format("bandwidth of {} / {}", target.variant, target.against),
              fmt::format("{:.1f} %", 100 * outcome.value), fmt::format("at least {:.0f} %", 100 * target.limit)};
  }
  return {};
}

// A value of a simulated device is not shown: it would be read as one.
std::string target_text(const Outcome& outcome) {
  const TargetTexts texts = texts_of(outcome);
  if (outcome.simulated) return fmt::format("{}, {}: not measured, simulated", texts.figure, texts.limit);
  return fmt::format("{} = {}, {}: {}", texts.figure, texts.value, texts.limit,
                     outcome.reached ? "reached" : "NOT REACHED");
}

std::string place_text(const Outcome& outcome) {
  return fmt::format("{:<22} {:<4} {:>7} {:>2} thr", outcome.bench, outcome.dtype, number_text(outcome.n),
                     outcome.group);
}

nlohmann::ordered_json json_of(const Record& record) {
  nlohmann::ordered_json json = {{"bench", record.bench},
                                 {"variant", record.variant},
                                 {"dtype", record.dtype},
                                 {"n", record.n},
                                 {"device", record.device},
                                 {"threads", record.threads},
                                 {"seconds_median", record.seconds_median},
                                 {"seconds_min", record.seconds_min},
                                 {"runs", record.runs},
                                 {"checked", record.checked}};
  if (record.traffic > 0) json["traffic_bytes"] = record.traffic;
  if (!record.implementation.empty()) json["implementation"] = record.implementation;
  return json;
}

// What was measured on a simulated device is null.
nlohmann::ordered_json json_of(const Outcome& outcome) {
  static constexpr const char* kinds[] = {"ratio", "difference", "seconds", "bytes", "share"};
  nlohmann::ordered_json json = {{"bench", outcome.bench},
                                 {"dtype", outcome.dtype},
                                 {"n", outcome.n},
                                 {"threads", outcome.group},
                                 {"kind", kinds[int(outcome.target.kind)]},
                                 {"variant", outcome.target.variant},
                                 {"against", outcome.target.against},
                                 {"limit", outcome.target.limit},
                                 {"value", nullptr},
                                 {"reached", nullptr}};
  if (!outcome.simulated) {
    json["value"] = outcome.value;
    json["reached"] = outcome.reached;
  }
  return json;
}

}  // namespace

std::string duration_text(double seconds) {
  const double size = seconds < 0 ? -seconds : seconds;
  if (size >= 1) return fmt::format("{:.3g} s", seconds);
  if (size >= 0.9995e-3) return fmt::format("{:.4g} ms", seconds * 1e3);
  if (size >= 0.9995e-6) return fmt::format("{:.4g} us", seconds * 1e6);
  return fmt::format("{:.3g} ns", seconds * 1e9);
}

void print_header(const nlohmann::ordered_json& header) {
  std::string features, compilers;
  for (const auto& feature : header["cpu_features"]) features += feature.get<std::string>() + " ";
  for (const auto& compiler : header["compilers"]) compilers += compiler.get<std::string>() + "; ";
  for (const char* part : {"kiln_compiler", "llvm"})
    if (header.contains(part)) compilers += fmt::format("{}: {}; ", part, header[part].get<std::string>());
  const char* changes = header["uncommitted_changes"].get<bool>() ? " with uncommitted changes" : "";
  fmt::print("{}, {} cores; {}\n{}\ncommit {}{}, MXCSR {}, copy {} GB/s, fma {} GFLOP/s on a core, {}\n\n",
             header["machine"]["cpu"].get<std::string>(), header["machine"]["cores"].get<long>(), features, compilers,
             header["commit"].get<std::string>(), changes, header["mxcsr"].get<std::string>(),
             header["anchor_copy"].get<double>(), header["anchor_fma"].get<double>(),
             header["date"].get<std::string>());
  if (header.contains("gpu"))
    fmt::print("{}, {}, NVRTC {}\n", header["gpu"].get<std::string>(), header["gpu_driver"].get<std::string>(),
               header["nvrtc"].get<std::string>());
  if (header.contains("simulated"))
    fmt::print("The GPU is SIMULATED: times are those of the host's compiler and say nothing of any GPU.\n");
  fmt::print("{:<22} {:<4} {:>7} {:>3}  {:<22} {:>10} {:>10} {:>7}  {}\n", "bench", "type", "n", "thr", "variant",
             "median", "min", "runs", "implementation");
}

void print_measured(const Measured& measured) {
  for (const Record& record : measured.records) {
    const std::string bandwidth = record.traffic > 0 && record.device != "simulated"
                                      ? fmt::format("{:.0f} GB/s ", record.traffic / record.seconds_median * 1e-9)
                                      : "";
    fmt::print("{:<22} {:<4} {:>7} {:>3}  {:<22} {:>10} {:>10} {:>7}  {}{}\n", record.bench, record.dtype,
               number_text(record.n), record.threads, record.variant, duration_text(record.seconds_median),
               duration_text(record.seconds_min), record.runs, bandwidth, record.implementation);
  }
  if (measured.others > 0.1) fmt::print("    other processes used {:.2f} cores meanwhile\n", measured.others);
  for (const Outcome& outcome : measured.outcomes)
    fmt::print("    {} threads: {}\n", outcome.group, target_text(outcome));
  for (const std::string& failure : measured.failures) fmt::print("    FAILED: {}\n", failure);
  std::fflush(stdout);
}

void print_summary(const Measured& all) {
  std::size_t reached = 0;
  for (const Outcome& outcome : all.outcomes) reached += outcome.reached ? 1 : 0;
  const bool simulated = !all.outcomes.empty() && all.outcomes.front().simulated;
  if (simulated)
    fmt::print("\nsimulated: none of {} targets is measured, {} failures\n", all.outcomes.size(), all.failures.size());
  else
    fmt::print("\n{} of {} targets reached, {} failures\n", reached, all.outcomes.size(), all.failures.size());
  for (const bool wanted : {false, true})
    for (const Outcome& outcome : all.outcomes)
      if (outcome.reached == wanted) fmt::print("  {}  {}\n", place_text(outcome), target_text(outcome));
  for (const std::string& failure : all.failures) fmt::print("  FAILED: {}\n", failure);
  std::fflush(stdout);
}

void show_progress(std::size_t done, std::size_t count, const std::string& name, double seconds) {
  static const bool terminal = isatty(2);
  const std::string line = fmt::format("[{}/{}] {} ({:.0f} s so far)", done + 1, count, name, seconds);
  if (terminal)
    fmt::print(stderr, "\r\033[K{}", line);
  else
    fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
}

void clear_progress() {
  static const bool terminal = isatty(2);
  if (terminal) fmt::print(stderr, "\r\033[K");
}

void write_json(const std::string& file, const nlohmann::ordered_json& header, const Measured& all) {
  nlohmann::ordered_json document = header;
  document["records"] = nlohmann::ordered_json::array();
  for (const Record& record : all.records) document["records"].push_back(json_of(record));
  document["targets"] = nlohmann::ordered_json::array();
  for (const Outcome& outcome : all.outcomes) document["targets"].push_back(json_of(outcome));
  document["failures"] = all.failures;
  std::ofstream out(file);
  out << document.dump(1) << "\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace bench
