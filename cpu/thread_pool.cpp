// How workers are started, placed, woken and retired, and how a job's chunks are handed out without a lock.
#include "cpu/thread_pool.h"

#include "backends/quiet_threads.h"
#include "core/config.h"
#include "core/floating_point.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <new>
#include <thread>

namespace kiln::on_cpu {

namespace {

// A ticket holds 40 bits of generation and 24 of the next claim; the caller may count one past the last.
constexpr int generation_shift = 24;
constexpr std::uint64_t generation_mask = (std::uint64_t{1} << 40) - 1;
constexpr std::uint64_t claim_mask = (std::uint64_t{1} << generation_shift) - 1;
constexpr std::int64_t most_claims = (std::int64_t{1} << generation_shift) - 2;

// finished_ counts the workers above this bit and their claims below it.
constexpr int finished_workers_shift = 40;
constexpr std::uint64_t finished_claims_mask = (std::uint64_t{1} << finished_workers_shift) - 1;

constexpr int pauses_between_looks_at_the_clock = 32;

constexpr std::int64_t microsecond = 1000;
constexpr std::int64_t spin_time = 100 * microsecond;
constexpr std::int64_t spin_time_when_crowded = 5 * microsecond;
constexpr std::int64_t time_between_yields = 10 * microsecond;
constexpr std::int64_t wait_before_yielding = 20 * microsecond;
constexpr std::int64_t wait_before_sleeping = 5000 * microsecond;
constexpr std::int64_t wait_before_sleeping_when_crowded = 200 * microsecond;
constexpr std::int64_t time_between_moves = 1000 * microsecond;

thread_local bool inside_a_job = false;
ThreadPool* pool_of_process = nullptr;  // for the fork handler, which must not make a pool

std::int64_t now() noexcept {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1000000000} + time.tv_nsec;
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool pin(pthread_t thread, int processor) noexcept {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(static_cast<std::size_t>(processor), &mask);
  return pthread_setaffinity_np(thread, sizeof mask, &mask) == 0;
}

// The first line of a control group's file, empty if there is none.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Threads that a quota in `group` pays for, rounded up; 0 if there is no limit.
int quota_of_group(const std::string& group) {
  long long quota = 0, period = 0;
  if (std::sscanf(first_line(group + "/cpu.max").c_str(), "%lld %lld", &quota, &period) != 2) {
    quota = std::atoll(first_line(group + "/cpu.cfs_quota_us").c_str());
    period = std::atoll(first_line(group + "/cpu.cfs_period_us").c_str());
  }
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::clamp<long long>((quota - 1) / period + 1, 1, ThreadPool::most_threads));
}

// The tightest quota from `path` up to the root of the hierarchy mounted at `mount`. A group that cannot be seen from
// here (the process is in a container) leaves its visible ancestors, in the end the container's own root.
int quota_of_hierarchy(const std::string& mount, std::string path) {
  int tightest = 0;
  while (true) {
    const int quota = quota_of_group(mount + path);
    if (quota > 0) tightest = tightest == 0 ? quota : std::min(tightest, quota);
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return tightest;
    path.resize(slash);
  }
}

void run_chunks(ChunkFunction f, void* context, std::int64_t count, std::int64_t chunk, std::int64_t first_chunk,
                std::int64_t last_chunk, int index) noexcept {
  for (std::int64_t i = first_chunk; i < last_chunk; ++i) {
    const std::int64_t first = i * chunk;
    f(context, first, count - first < chunk ? count : first + chunk, index);
  }
}

}  // namespace

// A line of the process's file is "number:controllers:/path"; version 2 has no
// controllers and may be mounted beside version 1.
int quota_of_process(const std::string& cgroup_root, const std::string& cgroup_of_process) {
  int tightest = 0;
  std::ifstream file(cgroup_of_process);
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    for (const char* mount : {"", "/unified", "/cpu", "/cpu,cpuacct"}) {
      const bool version_2 = mount[0] == '\0' || mount[1] == 'u';
      if (version_2 ? controllers != ",," : controllers.find(",cpu,") == std::string::npos) continue;
      const int quota = quota_of_hierarchy(cgroup_root + mount, path);
      if (quota > 0) tightest = tightest == 0 ? quota : std::min(tightest, quota);
    }
  }
  return tightest;
}

int usable_processors(const std::string& cgroup_root, const std::string& cgroup_of_process) {
  cpu_set_t mask;
  // The mask of the process's first thread: the thread asking may be bound to one processor by its owner.
  const bool known = sched_getaffinity(getpid(), sizeof mask, &mask) == 0;
  const int available = known ? CPU_COUNT(&mask) : static_cast<int>(std::thread::hardware_concurrency());
  const int quota = quota_of_process(cgroup_root, cgroup_of_process);
  return std::clamp(quota > 0 ? std::min(quota, available) : available, 1, ThreadPool::most_threads);
}

struct alignas(64) ThreadPool::Worker {
  std::atomic<std::uint32_t> asleep{0};
  int index = 0;
  int processor = -1;      // -1: not pinned
  std::uint64_t seen = 0;  // the invitation at its start
  ThreadPool* pool = nullptr;
  pthread_t thread{};
};

// What workers poll: which job, for how many threads, and of which kind.
struct ThreadPool::Invitation {
  static constexpr std::uint64_t forced_bit = 1 << 16;  // thread i owns claim i, the job waits for it
  static constexpr std::uint64_t retire_bit = 1 << 17;  // no job: workers from `participants` on end
  static constexpr std::uint64_t participants_mask = (1 << 16) - 1;

  std::uint64_t word;

  std::uint64_t generation() const noexcept { return word >> generation_shift; }
  int participants() const noexcept { return static_cast<int>(word & participants_mask); }
  bool forced() const noexcept { return (word & forced_bit) != 0; }
  bool retires() const noexcept { return (word & retire_bit) != 0; }
};

struct ThreadPool::Job {
  ChunkFunction f;
  void* context;
  std::int64_t count;
  std::int64_t chunk;
  std::int64_t chunks_per_claim;
  std::int64_t claims;

  void run_claim(std::int64_t claim, int index) const noexcept {
    const std::int64_t chunks = (count - 1) / chunk + 1;
    const std::int64_t first = claim * chunks_per_claim;
    run_chunks(f, context, count, chunk, first, std::min(first + chunks_per_claim, chunks), index);
  }
};

ThreadPool& ThreadPool::instance() {
  static ThreadPool& pool = *new ThreadPool;
  return pool;
}

ThreadPool::ThreadPool() {
  std::fill(std::begin(workers_), std::end(workers_), nullptr);
  std::fill(std::begin(worker_on_processor_), std::end(worker_on_processor_), std::int16_t{0});
  cpu_set_t mask;
  if (sched_getaffinity(getpid(), sizeof mask, &mask) == 0)
    for (int i = 0; i < most_threads && i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(static_cast<std::size_t>(i), &mask)) processors_[processor_count_++] = static_cast<std::int16_t>(i);
  usable_ = usable_processors();
  const int asked_for = std::min(config().threads, most_threads);
  wanted_size_.store(asked_for > 0 ? asked_for : usable_, std::memory_order_relaxed);
  pool_of_process = this;
  pthread_atfork(nullptr, nullptr, reset_in_child);
}

// A child has the forking thread alone. Its pool starts over, whatever the parent's was doing; a job that the forking
// thread itself was in the middle of cannot be finished there.
void ThreadPool::reset_in_child() noexcept {
  ThreadPool& pool = *pool_of_process;
  for (int i = 1; i < most_threads; ++i)
    if (pool.workers_[i] != nullptr) pool.workers_[i]->asleep.store(0, std::memory_order_relaxed);
  std::fill(std::begin(pool.worker_on_processor_), std::end(pool.worker_on_processor_), std::int16_t{0});
  pool.started_ = 1;
  pool.applied_size_ = 0;
  pool.caller_sleeps_.store(0, std::memory_order_relaxed);
  pool.awake_workers_.store(0, std::memory_order_relaxed);
  pool.taken_.store(false, std::memory_order_release);
}

bool ThreadPool::try_take() noexcept {
  return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire);
}

void ThreadPool::take() noexcept {
  const timespec moment{0, 20 * microsecond};
  while (!try_take()) nanosleep(&moment, nullptr);
}

void ThreadPool::give_back() noexcept { taken_.store(false, std::memory_order_release); }

void ThreadPool::resize(int threads) {
  wanted_size_.store(std::clamp(threads, 1, most_threads), std::memory_order_relaxed);
  if (inside_a_job) return;
  take();
  apply_size(size());
  give_back();
}

// The caller has the pool. Threads beyond the processors are not pinned and hardly spin: they would only take each
// other's time.
void ThreadPool::apply_size(int size) noexcept {
  const bool pinned = size <= usable_ && size <= processor_count_;
  if (pinned != pinned_)
    retire_workers(1);
  else if (size < started_)
    retire_workers(size);
  pinned_ = pinned;
  hard_spinning_.store(size <= usable_, std::memory_order_relaxed);
  applied_size_ = size;
}

// Starts workers until there are `threads` threads or the system refuses; returns how many there are.
int ThreadPool::start_workers(int threads) noexcept {
  while (started_ < threads && start_one(started_)) ++started_;
  return std::min(started_, threads);
}

int ThreadPool::choose_processor(int avoided) const noexcept {
  for (int i = 0; i < processor_count_; ++i) {
    const int processor = processors_[i];
    if (processor != avoided && worker_on_processor_[processor] == 0) return processor;
  }
  return -1;
}

bool ThreadPool::start_one(int index) noexcept {
  if (workers_[index] == nullptr) workers_[index] = new (std::nothrow) Worker;
  if (workers_[index] == nullptr) return false;
  Worker& worker = *workers_[index];
  worker.index = index;
  worker.pool = this;
  worker.seen = invitation_.load(std::memory_order_relaxed);
  worker.processor = pinned_ ? choose_processor(sched_getcpu()) : -1;

  {
    const backends::StartsQuietThreads quiet;
    if (pthread_create(&worker.thread, nullptr, start_worker, &worker) != 0) return false;
  }

  if (worker.processor >= 0) {
    if (pin(worker.thread, worker.processor))
      worker_on_processor_[worker.processor] = static_cast<std::int16_t>(index);
    else
      worker.processor = -1;
  }
  char name[16];
  std::snprintf(name, sizeof name, "kiln-%d", index);
  pthread_setname_np(worker.thread, name);
  return true;
}

void ThreadPool::retire_workers(int threads_left) noexcept {
  if (started_ <= threads_left) return;
  generation_ = (generation_ + 1) & generation_mask;
  publish({generation_ << generation_shift | Invitation::retire_bit | static_cast<std::uint64_t>(threads_left)});
  for (int i = threads_left; i < started_; ++i) wake(i);
  for (int i = threads_left; i < started_; ++i) {
    pthread_join(workers_[i]->thread, nullptr);
    if (workers_[i]->processor >= 0) worker_on_processor_[workers_[i]->processor] = 0;
  }
  started_ = threads_left;
}

// A worker pinned to the processor the caller runs on would stall both for a scheduler's slice, again and again. There
// is always a processor without a worker, so the worker goes there.
void ThreadPool::keep_clear_of_caller() noexcept {
  const int processor = sched_getcpu();
  if (processor < 0 || processor >= most_threads || worker_on_processor_[processor] == 0) return;
  const std::int64_t time = now();
  if (time - last_move_ < time_between_moves) return;
  last_move_ = time;
  Worker& worker = *workers_[worker_on_processor_[processor]];
  const int free_processor = choose_processor(processor);
  if (free_processor < 0) return;
  if (!pin(worker.thread, free_processor)) return;
  worker_on_processor_[processor] = 0;
  worker_on_processor_[free_processor] = static_cast<std::int16_t>(worker.index);
  worker.processor = free_processor;
}

// Sequentially consistent against sleep(): either the worker sees the invitation, or we see that it is asleep.
void ThreadPool::publish(Invitation invitation) noexcept {
  invitation_.store(invitation.word, std::memory_order_seq_cst);
}

void ThreadPool::wake(int index) noexcept {
  std::atomic<std::uint32_t>& asleep = workers_[index]->asleep;
  if (asleep.load(std::memory_order_seq_cst) != 0 && asleep.exchange(0, std::memory_order_acq_rel) != 0)
    futex_wake(asleep);
}

// Waking goes down a binary tree, so that the caller pays for two wake-ups at most.
void ThreadPool::wake_children(int index, int participants) noexcept {
  for (int child = 2 * index + 1; child <= 2 * index + 2 && child < participants; ++child) wake(child);
}

// Offers the job to the first `threads` threads and wakes the first of those asleep.
void ThreadPool::offer(const Job& job, int threads, bool force_all) noexcept {
  generation_ = (generation_ + 1) & generation_mask;
  // First the ticket leaves the old generation: a late worker that reads any of what follows must not claim from the
  // old job's ticket, which is used up for the old number of claims but not for the new one.
  ticket_.store(generation_ << generation_shift | claim_mask, std::memory_order_relaxed);
  function_.store(job.f, std::memory_order_release);
  context_.store(job.context, std::memory_order_release);
  count_.store(job.count, std::memory_order_release);
  chunk_.store(job.chunk, std::memory_order_release);
  chunks_per_claim_.store(job.chunks_per_claim, std::memory_order_release);
  claims_.store(job.claims, std::memory_order_release);
  finished_.store(0, std::memory_order_relaxed);
  // The caller owns claim 0; in a forced job every thread owns its own.
  const std::uint64_t participants = static_cast<std::uint64_t>(threads);
  ticket_.store(generation_ << generation_shift | (force_all ? participants : 1), std::memory_order_release);
  publish({generation_ << generation_shift | (force_all ? Invitation::forced_bit : 0) | participants});
  wake_children(0, threads);
}

// Claims and runs until none is left or the ticket is of another job. Returns how many claims it ran.
std::int64_t ThreadPool::run_claims(const Job& job, std::uint64_t generation, int index) noexcept {
  std::int64_t claimed = 0;
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (ticket >> generation_shift == generation) {
    const std::int64_t claim = static_cast<std::int64_t>(ticket & claim_mask);
    if (claim >= job.claims) break;
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    job.run_claim(claim, index);
    ++claimed;
    ticket = ticket_.load(std::memory_order_acquire);
  }
  return claimed;
}

// Returns when workers have finished `claims` claims.
void ThreadPool::wait_for_workers(std::int64_t claims) noexcept {
  const std::uint64_t needed = static_cast<std::uint64_t>(claims);
  const auto done = [&](std::memory_order order) { return (finished_.load(order) & finished_claims_mask) == needed; };
  if (done(std::memory_order_acquire)) return;
  const bool crowded = !hard_spinning_.load(std::memory_order_relaxed);
  const std::int64_t begin = now();
  while (true) {
    for (int i = 0; i < pauses_between_looks_at_the_clock; ++i) {
      if (done(std::memory_order_acquire)) return;
      _mm_pause();
    }
    const std::int64_t waited = now() - begin;
    if (waited > (crowded ? wait_before_sleeping_when_crowded : wait_before_sleeping)) {
      caller_sleeps_.store(1, std::memory_order_seq_cst);
      if (!done(std::memory_order_seq_cst)) futex_wait(caller_sleeps_, 1);
      caller_sleeps_.store(0, std::memory_order_relaxed);
    } else if (crowded || waited > wait_before_yielding) {
      sched_yield();
    }
  }
}

ParallelRun ThreadPool::run(ChunkFunction f, void* context, std::int64_t count, std::int64_t chunk, int max_threads,
                            bool force_all) noexcept {
  ParallelRun result;
  if (count <= 0) return result;
  chunk = std::clamp<std::int64_t>(chunk, 1, count);
  const std::int64_t chunks = (count - 1) / chunk + 1;
  const int threads = static_cast<int>(std::min<std::int64_t>({max_threads, size(), chunks}));
  if (threads > 1 && try_take()) {
    const int wanted = size();
    if (applied_size_ != wanted) apply_size(wanted);
    return run_taken(f, context, count, chunk, std::min(threads, wanted), force_all);
  }
  run_chunks(f, context, count, chunk, 0, chunks, 0);
  result.threads_that_ran = 1;
  result.pool_was_busy = threads > 1;
  return result;
}

ParallelRun ThreadPool::run_on(int threads, ChunkFunction f, void* context, std::int64_t count,
                               std::int64_t chunk) noexcept {
  if (count <= 0 || threads <= 1 || inside_a_job) return run(f, context, count, chunk, threads, true);
  chunk = std::clamp<std::int64_t>(chunk, 1, count);
  const std::int64_t chunks = (count - 1) / chunk + 1;
  take();
  const int needed = std::max(size(), std::min(threads, most_threads));
  if (applied_size_ != needed) apply_size(needed);
  return run_taken(f, context, count, chunk, static_cast<int>(std::min<std::int64_t>(threads, chunks)), true);
}

// The caller has the pool, of a size of at least `threads`; it is given back.
ParallelRun ThreadPool::run_taken(ChunkFunction f, void* context, std::int64_t count, std::int64_t chunk, int threads,
                                  bool force_all) noexcept {
  ParallelRun result;
  result.threads_that_ran = 1;
  const std::int64_t chunks = (count - 1) / chunk + 1;
  threads = start_workers(std::min(threads, applied_size_));
  if (threads <= 1) {
    give_back();
    run_chunks(f, context, count, chunk, 0, chunks, 0);
    return result;
  }
  if (pinned_) keep_clear_of_caller();

  const std::int64_t chunks_per_claim = (chunks - 1) / most_claims + 1;
  const Job job{f, context, count, chunk, chunks_per_claim, (chunks - 1) / chunks_per_claim + 1};
  offer(job, threads, force_all);
  inside_a_job = true;
  job.run_claim(0, 0);
  const std::int64_t own_claims = 1 + run_claims(job, generation_, 0);
  wait_for_workers(job.claims - own_claims);
  inside_a_job = false;
  result.threads_started = threads;
  result.threads_that_ran += static_cast<int>(finished_.load(std::memory_order_relaxed) >> finished_workers_shift);
  give_back();
  return result;
}

void* ThreadPool::start_worker(void* worker) {
  Worker& self = *static_cast<Worker*>(worker);
  _mm_setcsr(canonical_mxcsr);
  inside_a_job = true;  // whatever a worker runs is part of a job
  self.pool->awake_workers_.fetch_add(1, std::memory_order_relaxed);
  self.pool->work(self);
  self.pool->awake_workers_.fetch_sub(1, std::memory_order_relaxed);
  return nullptr;
}

void ThreadPool::work(Worker& self) noexcept {
  std::uint64_t seen = self.seen;
  while (true) {
    const Invitation invitation = wait_for_invitation(self, seen);
    seen = invitation.word;
    if (invitation.retires()) return;
    const Job job{function_.load(std::memory_order_acquire),
                  context_.load(std::memory_order_acquire),
                  count_.load(std::memory_order_acquire),
                  chunk_.load(std::memory_order_acquire),
                  chunks_per_claim_.load(std::memory_order_acquire),
                  claims_.load(std::memory_order_acquire)};
    wake_children(self.index, invitation.participants());
    std::int64_t claimed = 0;
    if (invitation.forced()) {
      // Ours without asking: the job cannot end before, so it is still the one we read. There are at least as many
      // claims as threads unless chunks were grouped, and then far more.
      job.run_claim(self.index, self.index);
      claimed = 1;
    }
    claimed += run_claims(job, invitation.generation(), self.index);
    if (claimed == 0) continue;
    finished_.fetch_add((std::uint64_t{1} << finished_workers_shift) + static_cast<std::uint64_t>(claimed),
                        std::memory_order_seq_cst);
    if (caller_sleeps_.load(std::memory_order_seq_cst) != 0) {
      caller_sleeps_.store(0, std::memory_order_relaxed);
      futex_wake(caller_sleeps_);
    }
  }
}

// Spins for a while, then sleeps, until there is an invitation other than `seen` that concerns this worker. Invitations
// for others do not prolong the spinning.
ThreadPool::Invitation ThreadPool::wait_for_invitation(Worker& self, std::uint64_t seen) noexcept {
  std::int64_t begin = now();
  std::int64_t last_yield = begin;
  while (true) {
    for (int i = 0; i < pauses_between_looks_at_the_clock; ++i) {
      const Invitation invitation{invitation_.load(std::memory_order_acquire)};
      if (invitation.word != seen) {
        seen = invitation.word;
        if (invitation.retires() ? self.index >= invitation.participants() : self.index < invitation.participants())
          return invitation;
      }
      _mm_pause();
    }
    const std::int64_t time = now();
    const bool crowded = !hard_spinning_.load(std::memory_order_relaxed);
    if (time - begin > (crowded ? spin_time_when_crowded : spin_time)) {
      sleep(self, seen);
      begin = last_yield = now();
    } else if (crowded || time - last_yield > time_between_yields) {
      sched_yield();  // another process may wait for this processor
      last_yield = time;
    }
  }
}

void ThreadPool::sleep(Worker& self, std::uint64_t seen) noexcept {
  self.asleep.store(1, std::memory_order_seq_cst);
  if (invitation_.load(std::memory_order_seq_cst) != seen) {
    self.asleep.store(0, std::memory_order_relaxed);
    return;
  }
  awake_workers_.fetch_sub(1, std::memory_order_relaxed);
  while (self.asleep.load(std::memory_order_acquire) != 0) futex_wait(self.asleep, 1);
  awake_workers_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace kiln::on_cpu
