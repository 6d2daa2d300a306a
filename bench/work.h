// One bench on one dtype and size: its inputs, its reference, and the contenders that are timed on it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/buffer.h"

namespace bench {

std::size_t size_of_dtype(const std::string& dtype);

// An array in memory, contiguous. `count` elements of `dtype` ("f16", "bf16", "f32", "f64", "i64").
struct View {
  const void* data = nullptr;
  std::string dtype;
  std::int64_t count = 0;
};

// An element may differ from the reference by `ulp` units in the last place of max(|reference|, floor), and `share` of
// the elements may differ more (contraction moves pixels at the edge of the mandelbrot set).
struct Tolerance {
  double ulp = 0;
  double floor = 0;
  double share = 0;
};

// One of those that are timed. Contenders of one group alternate and are compared with one another.
struct Contender {
  std::string variant;         // "kiln", "native", ...
  std::string implementation;  // of several with the same variant the fastest stands for it; shown in the tables
  int threads = 1;             // as recorded
  int group = 1;               // the thread count of the comparison
  std::function<void(std::int64_t repetitions)> run;
  std::function<std::vector<View>()> results;  // of the last run, in the order of the references
  std::function<std::string()> describe;       // after the last run, instead of `implementation`: "2 threads, 512-bit"
  std::function<void()> before;                // at the beginning of its turn, not timed
  std::function<void()> after;                 // at its end, not timed
  std::function<void()> finish;                // after each run, not timed: waits for work that a run only starts
  double traffic = 0;                          // bytes that one repetition must read and write, for bandwidths
  std::function<double()> bytes;               // after the last run: the memory it took beside inputs and outputs
};

class Work {
 public:
  Work(std::string bench, std::string dtype, std::int64_t n, int threads);

  const std::string& bench() const { return bench_; }
  const std::string& dtype() const { return dtype_; }
  std::int64_t n() const { return n_; }
  // 1, and the number asked for where that is more.
  const std::vector<int>& thread_counts() const { return thread_counts_; }
  int threads() const { return thread_counts_.back(); }

  // Inputs, outputs and references are made by the bench's definition (benches.cpp).
  Buffer& add_input(const std::string& dtype, std::int64_t count);
  Buffer& add_output(const std::string& dtype, std::int64_t count);
  Buffer& add_reference(const std::string& dtype, std::int64_t count);
  void set_scalars(std::vector<double> scalars) { scalars_ = std::move(scalars); }
  void set_extents(std::vector<std::int64_t> extents) { extents_ = std::move(extents); }
  // Where outputs are inputs too: what puts them into their first state, before each turn of a contender.
  void set_restore(std::function<void()> restore) { restore_ = std::move(restore); }
  void restore() const {
    if (restore_) restore_();
  }
  void set_tolerances(Tolerance strict, Tolerance fast) {
    strict_ = strict;
    fast_ = fast;
  }
  // Where the natives' free order is less exact than Kiln's own.
  void set_native_tolerance(Tolerance native) { native_ = native; }

  std::size_t input_count() const { return inputs_.size(); }
  const View& input(std::size_t index) const { return input_views_.at(index); }
  template <class T>
  const T* input_as(std::size_t index) const {
    return static_cast<const T*>(input(index).data);
  }
  double scalar(std::size_t index) const { return scalars_.at(index); }
  const std::vector<double>& scalars() const { return scalars_; }
  const std::vector<std::int64_t>& extents() const { return extents_; }
  const std::vector<View>& outputs() const { return output_views_; }
  void* output(std::size_t index) const { return outputs_.at(index).data(); }
  const std::vector<View>& references() const { return reference_views_; }
  const Tolerance& tolerance_of(const std::string& variant) const;

  // Adds a contender whose one repetition is `call()`. The call is inlined into the loop over the repetitions, so that
  // a warm call of tens of nanoseconds can be measured. Returns the contender, to set `group`, `before`, `after`.
  template <class Call>
  Contender& add(std::string variant, int threads, Call call, std::function<std::vector<View>()> results) {
    Contender contender;
    contender.variant = std::move(variant);
    contender.threads = contender.group = threads;
    contender.results = std::move(results);
    contender.run = [call = std::move(call)](std::int64_t repetitions) mutable {
      for (std::int64_t repetition = 0; repetition < repetitions; ++repetition) call();
    };
    return add(std::move(contender));
  }
  Contender& add(Contender contender);
  const std::vector<Contender>& contenders() const { return contenders_; }

  struct Checked {
    std::string wrong;   // what differs, empty if nothing
    double seconds = 0;  // of its run
  };
  // Runs the contender once into cleared outputs and compares.
  Checked check(const Contender& contender) const;

 private:
  std::string bench_;
  std::string dtype_;
  std::int64_t n_;
  std::vector<int> thread_counts_;
  std::vector<Buffer> inputs_, outputs_, references_;
  std::vector<View> input_views_, output_views_, reference_views_;
  std::vector<double> scalars_;
  std::vector<std::int64_t> extents_;
  std::function<void()> restore_;
  Tolerance strict_, fast_;
  std::optional<Tolerance> native_;
  std::vector<Contender> contenders_;
};

// Empty if they agree, else what differs first and how many elements do.
std::string difference(const View& result, const View& reference, const Tolerance& tolerance);

}  // namespace bench
