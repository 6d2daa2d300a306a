// Launching compiled code on the CPU: how many threads a loop gets, chosen from what it cost before.
#pragma once

#include "core/backend.h"

#include <atomic>
#include <cstdint>
#include <vector>

namespace kiln::on_cpu {

/// What one distributed loop has cost so far, in nanoseconds per work unit, by size. Races between threads lose a
/// sample at most.
class LoopCost {
 public:
  /// Sizes are told apart by powers of four: a loop's cost per unit changes where its arrays leave a cache.
  struct Sample {
    std::atomic<float> serial{0}, parallel{0};
    // What the first part of the first run took on one thread: tells whether sharing may pay, not what a run costs. The
    // first rows of a mandelbrot are its cheapest.
    std::atomic<float> first_part{0};
    std::atomic<std::uint32_t> tries{0};    // parallel runs so far, while there are few
    std::atomic<std::uint32_t> untimed{0};  // calls since a short loop was timed
    std::atomic<bool> parallel_won{true};   // the last comparison
    std::atomic<std::uint32_t> calls{0};    // since the slower kind was tried
    std::atomic<std::uint32_t> wait{0};     // so many calls pass before it is tried again
    std::atomic<std::int64_t> ended{0};     // when the last call ended
  };
  Sample& at(std::int64_t units);

 private:
  static constexpr int sizes = 24;
  Sample samples_[sizes];
};

/// The costs of an executable's distributed loops.
struct LaunchCosts {
  explicit LaunchCosts(std::size_t loops) : loops(loops) {}
  std::vector<LoopCost> loops;
};

/// Runs `entry` under the canonical floating-point state, its distributed loops on the pool.
std::int32_t launch(EntryPoint entry, Frame& frame, LaunchOptions options, LaunchCosts& costs,
                    LaunchReport* report) noexcept;

}  // namespace kiln::on_cpu
