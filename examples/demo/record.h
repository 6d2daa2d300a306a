// What the demo measured: one record per figure, the source of the tables printed and of the JSON written.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace demo {

struct Record {
  std::string bench;    // "tutorial", "scaling", "mandelbrot"
  std::string variant;  // "first_call", "warm_call", "interpreter", "kiln"
  std::string dtype;
  std::vector<std::int64_t> shape;
  int threads = 1;
  double seconds_median = 0, seconds_min = 0;
  int runs = 0;
  double speedup = 0;            // warm_call: over the interpreter; scaling: over one thread
  double efficiency = 0;         // scaling: speed-up per thread
  double core_microseconds = 0;  // scaling: time x threads
  bool chosen = false;           // scaling: the runtime chooses this count by itself …
  std::string chosen_because;    // … for this reason
};

void to_json(nlohmann::json& json, const Record& record);
void from_json(const nlohmann::json& json, Record& record);

/// "12.3 us"
std::string duration(double seconds);
/// "1000x1000"
std::string shape_text(const std::vector<std::int64_t>& shape);

void print_tutorial_table(std::ostream& out, const std::vector<Record>& records);
void print_scaling_table(std::ostream& out, const std::vector<Record>& records);
void write_json(const std::string& path, const std::vector<Record>& records);

}  // namespace demo
