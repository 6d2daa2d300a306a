// Threads of Kiln's own run no signal handlers of the program.
#pragma once

#include <csignal>

#include <pthread.h>

namespace kiln::backends {

/// While one lives the threads that this one starts begin with every signal blocked but those that a fault of their own
/// raises: signals are the program's affair and go to its own threads.
class StartsQuietThreads {
 public:
  StartsQuietThreads() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&blocked, signal);
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~StartsQuietThreads() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StartsQuietThreads(const StartsQuietThreads&) = delete;

 private:
  sigset_t before_;
};

}  // namespace kiln::backends
