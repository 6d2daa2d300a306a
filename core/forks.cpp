// One count of what is going on, and the handlers that fork() calls.
#include "core/forks.h"

#include "core/backend.h"

#include <pthread.h>

#include <chrono>
#include <new>

namespace kiln::detail {

namespace {

// What other threads do may wait for the forking one: after so long it forks all the same.
constexpr std::chrono::seconds longest_wait{10};

struct GoingOn {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;  // of HoldsOffForks, of all threads
  bool fork_waits = false;

  GoingOn() {
    // Handlers run before a fork in the reverse of this order: what is waited for here may need the memory that the
    // backend's handlers lock.
    (void)cpu_backend();
    pthread_atfork([] { of_process().before_fork(); }, [] { of_process().after_fork(); },
                   [] { of_process().after_fork_in_child(); });
  }
  static GoingOn& of_process() {
    static GoingOn& instance = *new GoingOn;  // never destroyed: kernels are globals
    return instance;
  }

  void before_fork();
  void after_fork();
  void after_fork_in_child();
};

constinit thread_local int count_of_thread = 0;

void GoingOn::before_fork() {
  std::unique_lock lock(mutex);
  fork_waits = true;
  changed.wait_for(lock, longest_wait, [&] { return count == count_of_thread; });
  lock.release();
}

void GoingOn::after_fork() {
  fork_waits = false;
  changed.notify_all();
  mutex.unlock();
}

// Those who waited are not there and would never leave the condition.
void GoingOn::after_fork_in_child() {
  new (&changed) std::condition_variable;
  count = count_of_thread;
  fork_waits = false;
  mutex.unlock();
}

}  // namespace

CompilesLock::CompilesLock() : lock_(GoingOn::of_process().mutex) {}

void CompilesLock::wait() { GoingOn::of_process().changed.wait(lock_); }

bool CompilesLock::fork_is_waiting() const { return GoingOn::of_process().fork_waits && count_of_thread == 0; }

HoldsOffForks::HoldsOffForks(const CompilesLock&) {
  ++GoingOn::of_process().count;
  ++count_of_thread;
}

HoldsOffForks::HoldsOffForks() {
  CompilesLock lock;
  while (lock.fork_is_waiting()) lock.wait();
  ++GoingOn::of_process().count;
  ++count_of_thread;
}

HoldsOffForks::~HoldsOffForks() {
  const CompilesLock lock;
  --GoingOn::of_process().count;
  --count_of_thread;
  GoingOn::of_process().changed.notify_all();
}

}  // namespace kiln::detail
