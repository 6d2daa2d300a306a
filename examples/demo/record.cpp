// The demo's records as tables and as JSON.
#include "record.h"

#include <kiln/inspect.h>
#include <kiln/version.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace demo {

namespace {

std::string number(double x, int digits, const char* unit = "") {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << x << unit;
  return out.str();
}

const Record* find(const std::vector<Record>& records, const Record& like, const char* variant) {
  const auto found = std::find_if(records.begin(), records.end(), [&](const Record& r) {
    return r.bench == like.bench && r.variant == variant && r.dtype == like.dtype && r.shape == like.shape;
  });
  return found == records.end() ? nullptr : &*found;
}

std::string machine() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

void to_json(nlohmann::json& json, const Record& r) {
  json = {{"bench", r.bench},
          {"variant", r.variant},
          {"dtype", r.dtype},
          {"shape", r.shape},
          {"device", "cpu"},
          {"threads", r.threads},
          {"runs", r.runs},
          {"seconds_median", r.seconds_median},
          {"seconds_min", r.seconds_min}};
  if (r.speedup > 0) json["speedup"] = r.speedup;
  if (r.bench == "scaling") {
    json["efficiency"] = r.efficiency;
    json["core_microseconds"] = r.core_microseconds;
    json["chosen"] = r.chosen;
    if (r.chosen) json["chosen_because"] = r.chosen_because;
  }
}

void from_json(const nlohmann::json& json, Record& r) {
  json.at("bench").get_to(r.bench);
  json.at("variant").get_to(r.variant);
  json.at("dtype").get_to(r.dtype);
  json.at("shape").get_to(r.shape);
  json.at("threads").get_to(r.threads);
  json.at("runs").get_to(r.runs);
  json.at("seconds_median").get_to(r.seconds_median);
  json.at("seconds_min").get_to(r.seconds_min);
}

std::string duration(double seconds) {
  constexpr double milli = 1e-3, micro = 1e-6, nano = 1e-9;
  const auto [unit, name] = seconds >= 1       ? std::pair(1.0, " s")
                            : seconds >= milli ? std::pair(milli, " ms")
                            : seconds >= micro ? std::pair(micro, " us")
                                               : std::pair(nano, " ns");
  const double x = seconds / unit;
  return number(x, x < 10 ? 2 : x < 100 ? 1 : 0, name);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t n : shape) text += (text.empty() ? "" : "x") + std::to_string(n);
  return text;
}

void print_tutorial_table(std::ostream& out, const std::vector<Record>& records) {
  out << "dtype  shape        first call   warm call    interpreter  speed-up\n";
  for (const Record& warm : records) {
    if (warm.bench != "tutorial" || warm.variant != "warm_call") continue;
    const Record *first = find(records, warm, "first_call"), *interpreter = find(records, warm, "interpreter");
    out << std::left << std::setw(7) << warm.dtype << std::setw(13) << shape_text(warm.shape) << std::setw(13)
        << duration(first->seconds_median) << std::setw(13) << duration(warm.seconds_median) << std::setw(13)
        << duration(interpreter->seconds_median) << number(warm.speedup, 1, "x") << "\n";
  }
}

void print_scaling_table(std::ostream& out, const std::vector<Record>& records) {
  out << "dtype  shape        threads  time per call  speed-up  efficiency  core-microseconds\n";
  for (const Record& r : records) {
    if (r.bench != "scaling") continue;
    out << std::left << std::setw(7) << r.dtype << std::setw(13) << shape_text(r.shape) << std::setw(9)
        << std::to_string(r.threads) + (r.chosen ? " *" : "") << std::setw(15) << duration(r.seconds_median)
        << std::setw(10) << number(r.speedup, 2, "x") << std::setw(12) << number(r.efficiency * 100, 0, " %")
        << std::setw(17) << number(r.core_microseconds, r.core_microseconds < 10 ? 2 : 0)
        << (r.chosen ? "  * chosen: " + r.chosen_because : "") << "\n";
  }
}

void write_json(const std::string& path, const std::vector<Record>& records) {
  const nlohmann::json document = {{"version", kiln::version()},
                                   {"machine", machine()},
                                   {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)},
                                   {"threads", kiln::num_threads()},
                                   {"records", records}};
  std::ofstream out(path);
  out << document.dump(2) << "\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace demo
