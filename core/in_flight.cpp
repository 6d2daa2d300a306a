// The threads' records and the variants that wait for them.
#include "core/in_flight.h"

#include "core/forks.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#include <utility>

namespace kiln::detail {

constinit thread_local ThreadCalls* calls_of_thread = nullptr;

namespace {

constinit std::atomic<ThreadCalls*> threads{nullptr};  // only ever grows

// Gives the record back when its thread ends.
struct Registration {
  ThreadCalls* record = nullptr;
  ~Registration() {
    calls_of_thread = nullptr;
    if (record) record->taken.store(false, std::memory_order_release);
  }
};
thread_local Registration registration;

/// Variants and the calls that were in flight when they were taken out of their list.
struct Retired {
  std::vector<std::unique_ptr<Variant>> variants;
  std::vector<std::pair<const ThreadCalls*, std::uint64_t>> readers;
};
struct Waiting {
  std::mutex mutex;
  std::vector<Retired> retired, kept;
};
Waiting& waiting() {
  static Waiting& instance = *new Waiting;  // never destroyed: kernels are globals
  return instance;
}

bool membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

// After it, every other thread's stores before this point are seen, and its loads behind come after.
bool synchronise_with_threads() {
  static const bool registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

bool is_read(const Retired& retired) {
  for (const auto& [thread, count] : retired.readers)
    if (thread->count.load(std::memory_order_acquire) == count) return true;
  return false;
}

}  // namespace

ThreadCalls& register_thread() noexcept {
  for (ThreadCalls* t = threads.load(std::memory_order_acquire); t; t = t->next) {
    bool taken = false;
    if (t->taken.compare_exchange_strong(taken, true, std::memory_order_acq_rel))
      return *(calls_of_thread = registration.record = t);
  }
  auto* made = new ThreadCalls;
  made->next = threads.load(std::memory_order_relaxed);
  while (!threads.compare_exchange_weak(made->next, made, std::memory_order_acq_rel)) {
  }
  return *(calls_of_thread = registration.record = made);
}

void free_when_unused(std::vector<std::unique_ptr<Variant>> variants) {
  const HoldsOffForks holds_off_forks;
  const std::lock_guard lock(waiting().mutex);
  Retired batch{std::move(variants), {}};
  // Without the barrier nobody can tell who is reading: then nothing is ever freed. In the child of a fork the threads
  // that were in a call stay so, and what they may have read stays too.
  if (!synchronise_with_threads()) return waiting().kept.push_back(std::move(batch));
  for (const ThreadCalls* t = threads.load(std::memory_order_acquire); t; t = t->next) {
    const std::uint64_t count = t->count.load(std::memory_order_acquire);
    if (count % 2 != 0) batch.readers.emplace_back(t, count);
  }
  waiting().retired.push_back(std::move(batch));
  std::erase_if(waiting().retired, [](const Retired& each) { return !is_read(each); });
}

}  // namespace kiln::detail
