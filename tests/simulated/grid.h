// Runs the threads of a launch, one block after another, one thread at a time.
#pragma once

#include "tests/simulated/module.h"

#include <cstdint>
#include <string>

namespace kiln::simulated {

enum class Order { forward, reverse };

struct Launch {
  const Kernel* kernel = nullptr;
  const Module* module = nullptr;
  void** parameters = nullptr;
  Index3 grid{1, 1, 1};
  Index3 block{1, 1, 1};
  unsigned dynamic_shared_bytes = 0;
  Order order = Order::forward;
};

enum class LaunchEnd { done, trap, assertion, misuse, stuck, timeout, illegal_address, division };

struct LaunchResult {
  LaunchEnd end = LaunchEnd::done;
  std::string diagnosis;  // names the kernel, the block and the thread
  std::uint64_t threads = 0;
};

LaunchResult run(const Launch& launch);

// Whether this thread is running a kernel.
bool in_kernel();

// Ends the launch from a signal's handler: `context` is the handler's, and continues in the scheduler. False where no
// kernel runs on this thread.
bool end_launch_from_signal(LaunchEnd end, const void* address, void* context);

constexpr unsigned most_dynamic_shared_bytes = 227 * 1024;
constexpr unsigned char shared_pattern = 0xd5;

}  // namespace kiln::simulated
