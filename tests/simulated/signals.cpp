// Faults of the processor: device memory opened when a kernel first touches it, and kernels ended that touch anything
// else.
#include "tests/simulated/driver.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>

namespace kiln::simulated {
namespace {

struct sigaction previous_segv;
struct sigaction previous_bus;
struct sigaction previous_fpe;

// No allocation, no stream: the heap may be what the fault interrupted.
void report_host_access(const void* address) {
  char text[128];
  const int length =
      std::snprintf(text, sizeof text, "kiln simulated driver: the host touches device memory at %p\n", address);
  if (length > 0) (void)!::write(2, text, static_cast<std::size_t>(length));
}

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& previous = signal == SIGSEGV ? previous_segv : signal == SIGBUS ? previous_bus : previous_fpe;
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    ::signal(signal, SIG_DFL);  // the instruction faults again
  }
}

void handle(int signal, siginfo_t* info, void* context) {
  const bool division = signal == SIGFPE;
  // A kernel runs under the driver's lock, so that on its thread the state is at rest.
  const LaunchEnd end = division ? LaunchEnd::division : LaunchEnd::illegal_address;
  if (in_kernel()) {
    if (!division && driver().memory.open_at_fault(reinterpret_cast<std::uintptr_t>(info->si_addr))) return;
    if (end_launch_from_signal(end, info->si_addr, context)) return;
  }
  if (!division && driver().memory.owns(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    report_host_access(info->si_addr);
  }
  pass_on(signal, info, context);
}

}  // namespace

void install_signal_handlers() {
  static const bool installed = [] {
    struct sigaction action{};
    action.sa_sigaction = &handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &previous_segv);
    ::sigaction(SIGBUS, &action, &previous_bus);
    ::sigaction(SIGFPE, &action, &previous_fpe);
    return true;
  }();
  (void)installed;
}

}  // namespace kiln::simulated
