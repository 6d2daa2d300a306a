// The list of benches, and what files outside the harness add to it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/work.h"

namespace bench {

// What a variant must reach, compared with `against` or, where that is empty, by itself. bytes: Contender::bytes.
// share: the variant's bandwidth as a part of the other's, at least the limit; of all others the limit is the most.
struct Target {
  enum class Kind { ratio, difference, seconds, bytes, share };
  Kind kind = Kind::ratio;
  std::string variant;
  std::string against;
  double limit = 0;
  int group = 0;  // 0: in every group; 1: on one thread; 2: in the group of several threads
};

// A point of the benchmark. Its memory exists only while it is measured.
struct Bench {
  std::string name;
  std::string dtype;
  std::int64_t n = 0;
  std::function<void(Work& work)> prepare;  // inputs, references, natives
  std::vector<Target> targets;
  bool idle = false;  // one call to a sample, each after 2 ms of sleep
  std::string work;  // the name under which contenders are added; the name itself unless the bench is a mode of another
  double shortest_sample = 1e-3;  // seconds
};

// A figure of a whole process: the seconds its child prints (first call), or how long it takes (load). Limit 0:
// reported, with nothing to reach.
struct FirstCall {
  std::string name;
  std::int64_t n = 0;
  std::function<double()> measure;  // in a fresh process; returns seconds
  double limit = 0;
  int processes = 15;
};

class Suite {
 public:
  void add_bench(Bench bench) {
    if (bench.work.empty()) bench.work = bench.name;
    benches_.push_back(std::move(bench));
  }
  // Called with each Work of that name, after its inputs and references are there.
  void extend(const std::string& name, std::function<void(Work& work)> add_contenders) {
    extensions_[name].push_back(std::move(add_contenders));
  }
  // `measure` runs in a fresh process, once, and returns the seconds of what it timed itself; it throws where the
  // result is wrong.
  void add_first_call(std::string name, std::int64_t n, double limit_seconds, std::function<double()> measure,
                      int processes = 15) {
    first_calls_.push_back({std::move(name), n, std::move(measure), limit_seconds, processes});
  }
  // One line for the header of the JSON, {"kiln", version} for one.
  void add_header(std::string key, std::string value) {
    add_header(std::move(key), [value = std::move(value)] { return value; });
  }
  // Asked for when the header is made: not in the children that measure first calls.
  void add_header(std::string key, std::function<std::string()> value) { header_[std::move(key)] = std::move(value); }

  const std::vector<Bench>& benches() const { return benches_; }
  const std::vector<FirstCall>& first_calls() const { return first_calls_; }
  const std::map<std::string, std::function<std::string()>>& header() const { return header_; }
  void apply_extensions(const std::string& name, Work& work) const {
    const auto found = extensions_.find(name);
    if (found == extensions_.end()) return;
    for (const auto& extension : found->second) extension(work);
  }

 private:
  std::vector<Bench> benches_;
  std::map<std::string, std::vector<std::function<void(Work&)>>> extensions_;
  std::vector<FirstCall> first_calls_;
  std::map<std::string, std::function<std::string()>> header_;
};

// The benches of the plan with their natives (benches.cpp). `quick` makes the largest ten times smaller, mandelbrot
// four times.
void register_benches(Suite& suite, bool quick);

// Kiln's contenders, in files bench/kiln_*.cpp. Weak: without them the natives are measured alone.
void register_kiln_benches(Suite& suite) __attribute__((weak));

// The benches of a GPU, in place of all others: bench/cuda/. Weak: not in builds without CUDA's headers. Throws where
// the GPU is not there; returns how records name it, "cuda:0" or "simulated".
std::string register_gpu_benches(Suite& suite, int gpu, bool quick) __attribute__((weak));

}  // namespace bench
