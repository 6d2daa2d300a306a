// Forks and what they must not fall into: a child has the forking thread alone, so that a lock or a compile of another
// thread would be taken there for good.
#pragma once

#include <condition_variable>
#include <mutex>

namespace kiln::detail {

/// The one lock of all functions' lists of signatures in progress; never held while compiling.
class CompilesLock {
 public:
  CompilesLock();
  /// Returns when a compile, or a fork, of another thread may have ended.
  void wait();
  /// A compile had better begin after it, unless this thread is in the middle of one.
  bool fork_is_waiting() const;

 private:
  std::unique_lock<std::mutex> lock_;
};

/// While one lives other threads' forks wait: this thread compiles, frees code or holds a lock.
class HoldsOffForks {
 public:
  explicit HoldsOffForks(const CompilesLock&);
  HoldsOffForks();
  ~HoldsOffForks();
  HoldsOffForks(const HoldsOffForks&) = delete;
  HoldsOffForks& operator=(const HoldsOffForks&) = delete;
};

}  // namespace kiln::detail
