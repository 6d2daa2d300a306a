// The threads that run a kernel's chunks: self-scheduled, spinning for a moment between jobs, asleep otherwise.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kiln::on_cpu {

// Works on the items [first, last). `lane_of_thread` is below the run's max_threads, distinct for threads working at
// the same time and the same for all chunks of one thread; 0 is the thread that called run().
using ChunkFunction = void (*)(void* context, std::int64_t first, std::int64_t last, int lane_of_thread) noexcept;

struct ParallelRun {
  int threads_started = 1;     // threads offered the job, the caller included
  int threads_that_ran = 0;    // threads that took at least one chunk
  bool pool_was_busy = false;  // the pool served another job (or this run is nested in one): the caller ran alone
};

// Threads that the CPU quota of the process's control groups pays for, rounded up; 0 if they set no limit. The
// arguments, here and below, are for tests; they name what is read.
int quota_of_process(const std::string& cgroup_root, const std::string& cgroup_of_process);

// Processors this process may use: its affinity mask, and no more than that quota.
int usable_processors(const std::string& cgroup_root = "/sys/fs/cgroup",
                      const std::string& cgroup_of_process = "/proc/self/cgroup");

class ThreadPool {
 public:
  static constexpr int most_threads = 1024;

  static ThreadPool& instance();  // made at first use, never torn down

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Threads including the caller: KILN_NUM_THREADS, else usable_processors(). Workers start with the first run that
  // wants them.
  int size() const noexcept { return wanted_size_.load(std::memory_order_relaxed); }

  // Safe while others run: waits for the job in flight. Called from inside a job it takes effect with the next run.
  void resize(int threads);

  // Workers that would see a job at once, without a system call. Runs use the lowest-numbered workers, so a job that is
  // worth a hand-off but no wake-up is best run with max_threads = awake_workers() + 1.
  int awake_workers() const noexcept { return awake_workers_.load(std::memory_order_relaxed); }

  // True if every worker is awake: a run with any max_threads costs no wake-up.
  bool workers_spinning() const noexcept { return awake_workers() >= size() - 1; }

  // Runs f over [0, count) in chunks of `chunk` items (the last may be shorter) and returns when all are done. The
  // caller starts at once and waits only for workers that have taken a chunk. Sleeping workers among the first
  // max_threads are woken. With force_all every thread takes at least one chunk as long as there are enough chunks. If
  // the pool is busy, the caller runs all chunks itself, at once.
  ParallelRun run(ChunkFunction f, void* context, std::int64_t count, std::int64_t chunk, int max_threads,
                  bool force_all = false) noexcept;

  // The same on exactly `threads` threads, as far as there are so many chunks, whatever size() is: waits for the pool,
  // lends it the threads it lacks. From inside a job it runs alone. For tests, and to measure scaling.
  ParallelRun run_on(int threads, ChunkFunction f, void* context, std::int64_t count, std::int64_t chunk) noexcept;

 private:
  struct Worker;
  struct Invitation;
  struct Job;

  ThreadPool();
  static void* start_worker(void* worker);
  static void reset_in_child() noexcept;

  bool try_take() noexcept;
  void give_back() noexcept;
  void take() noexcept;
  void apply_size(int size) noexcept;
  ParallelRun run_taken(ChunkFunction f, void* context, std::int64_t count, std::int64_t chunk, int threads,
                        bool force_all) noexcept;
  int start_workers(int threads) noexcept;
  bool start_one(int index) noexcept;
  void retire_workers(int threads_left) noexcept;
  int choose_processor(int avoided) const noexcept;
  void keep_clear_of_caller() noexcept;

  void publish(Invitation invitation) noexcept;
  void offer(const Job& job, int threads, bool force_all) noexcept;
  void wake(int index) noexcept;
  void wake_children(int index, int participants) noexcept;
  std::int64_t run_claims(const Job& job, std::uint64_t generation, int index) noexcept;
  void wait_for_workers(std::int64_t claims) noexcept;

  void work(Worker& self) noexcept;
  Invitation wait_for_invitation(Worker& self, std::uint64_t seen) noexcept;
  void sleep(Worker& self, std::uint64_t seen) noexcept;

  // Each group has a cache line of its own: what workers poll, what all threads write, and what only callers touch.
  // First line: the job. The invitation is written last and read first; the rest may be torn by a later job for a
  // worker that comes late, which then fails to claim a chunk because the ticket names another generation.
  alignas(64) std::atomic<std::uint64_t> invitation_{0};
  std::atomic<ChunkFunction> function_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<std::int64_t> count_{0};
  std::atomic<std::int64_t> chunk_{0};
  std::atomic<std::int64_t> chunks_per_claim_{0};
  std::atomic<std::int64_t> claims_{0};

  alignas(64) std::atomic<std::uint64_t> ticket_{0};  // generation and the next unclaimed claim

  alignas(64) std::atomic<std::uint64_t> finished_{0};  // workers that are done and the claims they ran
  std::atomic<std::uint32_t> caller_sleeps_{0};

  alignas(64) std::atomic<bool> taken_{false};  // a run or a change of size has the pool
  std::uint64_t generation_ = 0;                // this and what follows belong to whoever has the pool
  int started_ = 1;                             // threads there are, the caller included
  int applied_size_ = 1;
  bool pinned_ = false;
  std::int64_t last_move_ = 0;

  alignas(64) std::atomic<int> wanted_size_{1};
  std::atomic<int> awake_workers_{0};
  std::atomic<bool> hard_spinning_{true};  // false with more threads than processors

  int usable_ = 1;  // usable_processors() when the pool was made
  int processor_count_ = 0;
  std::int16_t processors_[most_threads];           // those in the affinity mask
  std::int16_t worker_on_processor_[most_threads];  // 0: none
  Worker* workers_[most_threads];
};

}  // namespace kiln::on_cpu
