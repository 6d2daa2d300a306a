// Fibers: the stacks on which simulated CUDA threads run and wait. One grid runs at a time, so there is one current
// fiber.
#pragma once

#include <cstddef>

namespace kiln::simulated {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs `job` on this fiber until it suspends or ends. Called from the thread's own stack.
  void start(void (*job)());
  void resume();

  bool idle() const { return job_ == nullptr; }
  // Gives up a job that waits.
  void forget() { job_ = nullptr, saved_ = nullptr; }
  char* stack() const { return stack_; }
  void* top() const { return stack_ + stack_bytes - colour_; }

  static Fiber* current();
  // Back to where the current fiber was resumed.
  static void suspend();
  // The same, never to be resumed: what the fiber was doing is forgotten.
  [[noreturn]] static void abandon();

  static constexpr std::size_t guard_bytes = 64 * 1024;
  static constexpr std::size_t stack_bytes = 256 * 1024;

 private:
  static void main();
  void prepare();

  char* mapping_;  // a guard, then the stack
  char* stack_;
  std::size_t colour_;  // stacks at one distance from each other would share few lines of the cache
  void* saved_ = nullptr;
  void (*job_)() = nullptr;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
};

}  // namespace kiln::simulated
