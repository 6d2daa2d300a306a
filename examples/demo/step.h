// A step of work that says how far it is once it has taken longer than five seconds.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace demo {

class Step {
 public:
  /// `total` parts, 0 if nobody can tell.
  explicit Step(std::string name, int total = 0)
      : name_(std::move(name)), total_(total), watcher_([this](const std::stop_token& stop) { watch(stop); }) {}
  Step(const Step&) = delete;

  void done_one() { ++done_; }

 private:
  void watch(const std::stop_token& stop) {
    using namespace std::chrono;
    constexpr auto patience = 5s;
    const auto begin = steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, stop, patience, [&] { return stop.stop_requested(); })) {
      if (stop.stop_requested()) return;
      std::cerr << "  " << name_ << ": ";
      if (total_ > 0) std::cerr << done_ << " of " << total_ << " done, ";
      std::cerr << duration_cast<seconds>(steady_clock::now() - begin).count() << " s so far" << std::endl;
    }
  }

  std::string name_;
  int total_;
  std::atomic<int> done_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread watcher_;  // last: it is stopped and joined first
};

}  // namespace demo
