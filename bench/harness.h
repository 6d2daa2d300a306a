// Measures: alternates the contenders of a bench and computes medians and paired ratios.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/suite.h"

namespace bench {

struct Options {
  std::string filter = ".*";
  int threads = 0;                   // 0: every core
  std::string asked_device = "cpu";  // as the command line has it
  std::string device = "cpu";        // as records name it
  bool quick = false;
  std::string json;
  double seconds = 0;      // the whole program may take; 0: 15 minutes, or three with `quick`
  bool simulated = false;  // the device is none: its times are not held against targets
  // Nothing is begun after this: what is left is a failure that names it.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

inline bool out_of_time(const Options& options) { return std::chrono::steady_clock::now() >= options.deadline; }

// A line of the JSON, plus what only the tables show.
struct Record {
  std::string bench, variant, dtype;
  std::int64_t n = 0;
  std::string device = "cpu";
  int threads = 1;
  double seconds_median = 0, seconds_min = 0;
  std::int64_t runs = 0;
  bool checked = false;
  double traffic = 0;
  std::string implementation;
  int group = 1;
};

// A target with what was measured for it.
struct Outcome {
  std::string bench, dtype;
  std::int64_t n = 0;
  int group = 1;
  Target target;
  double value = 0;
  bool reached = false;
  bool simulated = false;  // the value says nothing
};

struct Measured {
  std::vector<Record> records;
  std::vector<Outcome> outcomes;
  double others = 0;                  // cores that other processes used meanwhile: above 0.1 the figures are doubtful
  std::vector<std::string> failures;  // results that differ from the reference, and exceptions
};

double median(std::vector<double> values);

// The whole of a bench. `budget` is the wall time its rounds may take, in seconds; preparing and checking come on top,
// until the deadline.
Measured measure(const Suite& suite, const Bench& bench, const Options& options, double budget);

}  // namespace bench
