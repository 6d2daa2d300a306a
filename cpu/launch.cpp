// Launching compiled code on the CPU.
#include "cpu/launch.h"

#include "core/floating_point.h"
#include "cpu/thread_pool.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>

namespace kiln::on_cpu {

namespace {

using Clock = std::chrono::steady_clock;

// Handing a loop to workers that spin pays above so many nanoseconds of work, waking sleeping ones above so many
// (thread_pool's measurements: a meeting costs 0.2 us spinning, 40 to 60 us asleep).
constexpr double spinning_pays_ns = 5'000;
constexpr double waking_pays_ns = 120'000;
// Loops shorter than this run on the caller and are timed once in so many calls: looking at the clock twice costs 50
// ns.
constexpr double too_short_to_time_ns = 2'500;
constexpr std::uint32_t timed_every = 16;
// Calls that follow one another this closely find the workers still spinning once they are awake: waking them costs the
// first of the calls a system call, 2 to 5 us, and all the others win.
constexpr double waking_pays_in_a_row_ns = 6'000;
constexpr std::int64_t in_a_row_ns = 50'000;
// One disturbed run must not decide: so many parallel runs come before the two kinds are compared, of short loops as
// many as go by while a thread wakes up. The sums of 1e4 rows of 16 f64 (15 us) stayed on one thread without.
constexpr double fewest_tries = 4, most_tries = 16;
// The slower kind is tried again after so many calls, each time after twice as many: caches and neighbours change.
constexpr std::uint32_t first_wait = 16, longest_wait = 512;
// Pieces are taken one by one; none is shorter than this, so that taking it costs little.
constexpr double shortest_chunk_ns = 2'000;
constexpr std::int64_t most_small_pieces = 4;

// The services of one launch: compiled code sees the base, the callbacks the rest.
struct LaunchServices : RuntimeServices {
  LaunchServices(const RuntimeServices& of_call, LaunchOptions options, LaunchCosts& costs, LaunchReport& report);

  LaunchOptions options;
  LaunchCosts* costs;
  LaunchReport& report;
  int widest = 0;
  int thread_limit = 0;  // once threads have memory of their own no loop runs on more; 0: not set yet
};

struct Run {
  Frame* frame;
  LoopBody body;
  void* captures;
};

// What is shared among threads: a share of the units for each, the same in every call, so that a thread finds what it
// had last in a cache near it (`sum_axis1_4096x4096` f32, two threads: 0.7 of the time of chunks that whoever came
// took). The first pieces are three quarters of each share; the rest is cut small, for whoever is done first.
struct Shares {
  Run run;
  std::int64_t offset, units, threads, small;  // small: pieces of each share's last quarter

  void run_piece(std::int64_t piece, int thread) const noexcept {
    const std::int64_t share = piece % threads, turn = piece / threads;
    const std::int64_t begin = units * share / threads, end = units * (share + 1) / threads;
    const std::int64_t middle = small == 0 ? end : begin + (end - begin) * 3 / 4;
    const std::int64_t first = turn == 0 ? begin : middle + (end - middle) * (turn - 1) / small;
    const std::int64_t last = turn == 0 ? middle : middle + (end - middle) * turn / small;
    if (first < last) run.body(run.frame, run.captures, offset + first, offset + last, thread);
  }

  static void run_pieces(void* context, std::int64_t first, std::int64_t last, int thread) noexcept {
    for (std::int64_t piece = first; piece < last; ++piece)
      static_cast<const Shares*>(context)->run_piece(piece, thread);
  }
};

void run_chunk(void* context, std::int64_t first, std::int64_t last, int thread) noexcept {
  const Run& r = *static_cast<const Run*>(context);
  r.body(r.frame, r.captures, first, last, thread);
}

std::int64_t nanoseconds_of(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// The lowest cost seen lately: what disturbs a run only makes it longer, so that a lower sample counts at once and a
// higher one by an eighth, and never by more than an eighth of what is known: one run that was interrupted for
// milliseconds says nothing.
void record(LoopCost::Sample& cost, std::atomic<float>& lowest, Clock::time_point start, std::int64_t units) {
  const Clock::time_point now = Clock::now();
  const float old = lowest.load(std::memory_order_relaxed);
  const auto x =
      static_cast<float>(std::chrono::duration<double, std::nano>(now - start).count() / static_cast<double>(units));
  lowest.store(old == 0 || x < old ? x : old + (std::min(x, 2 * old) - old) * 0.125f, std::memory_order_relaxed);
  cost.ended.store(nanoseconds_of(now), std::memory_order_relaxed);
}

void note(LaunchServices& s, int threads, const char* reason) {
  if (threads < s.widest || (threads == s.widest && s.widest > 0)) return;
  s.widest = threads;
  s.report.threads = threads;
  s.report.reason = reason;
}

void run_serial(LaunchServices& s, const Run& r, std::int64_t first, std::int64_t count, const char* reason) {
  r.body(r.frame, r.captures, first, count, 0);
  note(s, 1, reason);
}

// How many threads a loop may run on.
int thread_limit(const LaunchServices& s) {
  if (s.thread_limit > 0) return s.thread_limit;
  const int size = ThreadPool::instance().size();
  if (s.options.threads <= 0) return size;
  return s.options.force_threads ? s.options.threads : std::min(s.options.threads, size);
}

void run_forced(LaunchServices& s, Run& r, std::int64_t units) {
  ThreadPool& pool = ThreadPool::instance();
  const int threads = thread_limit(s);
  const std::int64_t chunk = std::max<std::int64_t>(1, units / (std::int64_t{threads} * 2));
  const ParallelRun ran = pool.run_on(threads, &run_chunk, &r, units, chunk);
  note(s, ran.threads_that_ran,
       units < threads ? "forced by JitOptions, as far as the loop can be divided" : "forced by JitOptions");
}

// Whether this size should run on the pool, from what it cost before.
bool prefer_parallel(LoopCost::Sample& cost, double predicted_ns) {
  constexpr auto relaxed = std::memory_order_relaxed;
  const auto tries = static_cast<std::uint32_t>(std::clamp(waking_pays_ns / predicted_ns, fewest_tries, most_tries));
  if (cost.tries.load(relaxed) < tries) {
    cost.tries.fetch_add(1, relaxed);
    return true;
  }
  const float serial = cost.serial.load(relaxed);
  if (serial == 0) return false;  // no run on one thread was measured yet
  const bool faster = cost.parallel.load(relaxed) < serial;
  if (cost.parallel_won.exchange(faster, relaxed) != faster) cost.wait.store(first_wait, relaxed);
  const std::uint32_t wait = cost.wait.load(relaxed);
  if (cost.calls.fetch_add(1, relaxed) < wait) return faster;
  cost.calls.store(0, relaxed);
  cost.wait.store(std::clamp(2 * wait, first_wait, longest_wait), relaxed);
  if (!faster) cost.tries.store(1, relaxed);
  return !faster;
}

LaunchServices& services_of(Frame* frame) {
  return const_cast<LaunchServices&>(static_cast<const LaunchServices&>(*frame->services));
}

std::byte* allocate_per_thread(Frame* frame, std::uint32_t root, std::int64_t bytes) noexcept {
  LaunchServices& s = services_of(frame);
  s.thread_limit = thread_limit(s);
  std::int64_t all;
  if (__builtin_mul_overflow(bytes, s.thread_limit, &all)) all = std::numeric_limits<std::int64_t>::max();
  return s.allocate_again(frame, root, all);
}

std::int64_t threads(Frame* frame) noexcept {
  LaunchServices& s = services_of(frame);
  return s.thread_limit = thread_limit(s);
}

void parallel(Frame* frame, std::uint32_t loop, LoopBody body, void* captures, std::int64_t units,
              std::int64_t) noexcept {
  LaunchServices& s = services_of(frame);
  Run r{frame, body, captures};
  if (units <= 0) return;
  if (s.options.force_threads) return run_forced(s, r, units);
  ThreadPool& pool = ThreadPool::instance();
  const int allowed = thread_limit(s);
  const int most = static_cast<int>(std::min<std::int64_t>(allowed, units));
  LoopCost::Sample& cost = s.costs->loops[loop].at(units);
  const char* only_one = allowed == 1 ? "one thread was asked for" : "the loop is one unit of work";
  double per_unit = cost.serial.load(std::memory_order_relaxed);
  if (per_unit != 0 && per_unit * static_cast<double>(units) < too_short_to_time_ns) {
    const std::uint32_t untimed = cost.untimed.load(std::memory_order_relaxed);
    cost.untimed.store(untimed + 1, std::memory_order_relaxed);
    if (untimed % timed_every != 0)
      return run_serial(s, r, 0, units, most == 1 ? only_one : "too little work to share");
  }
  const auto start = Clock::now();
  std::int64_t done = 0;
  if (most == 1) {
    run_serial(s, r, 0, units, only_one);
    return record(cost, cost.serial, start, units);
  }
  if (per_unit == 0) per_unit = cost.first_part.load(std::memory_order_relaxed);
  if (per_unit == 0) {
    // Never run at this size: a first part on this thread tells what the rest may cost.
    done = std::max<std::int64_t>(1, units / 16);
    body(frame, captures, 0, done, 0);
    record(cost, cost.first_part, start, done);
    per_unit = cost.first_part.load(std::memory_order_relaxed);
  }
  const std::int64_t left = units - done;
  const double predicted = per_unit * static_cast<double>(left);
  const int awake = std::min(most, pool.awake_workers() + 1);
  const bool in_a_row = nanoseconds_of(start) - cost.ended.load(std::memory_order_relaxed) < in_a_row_ns;
  const int threads = predicted >= (in_a_row ? waking_pays_in_a_row_ns : waking_pays_ns) ? most
                      : predicted >= spinning_pays_ns                                    ? awake
                                                                                         : 1;
  const bool measured = cost.serial.load(std::memory_order_relaxed) != 0;
  if (threads == 1 || !prefer_parallel(cost, predicted)) {
    run_serial(s, r, done, units,
               threads > 1                    ? measured ? "one thread was faster before" : "one thread is measured"
               : predicted < spinning_pays_ns ? "too little work to share"
                                              : "too little work to wake a thread");
    if (done == 0) record(cost, cost.serial, start, units);
    return;
  }
  Shares shares{r, done, left, threads, 0};
  // What balances is a quarter of the work; where that is too short to be taken piece by piece, each share is one.
  shares.small = std::clamp(static_cast<std::int64_t>(predicted / (4 * shortest_chunk_ns * threads)), std::int64_t{0},
                            most_small_pieces);
  const ParallelRun ran = pool.run(&Shares::run_pieces, &shares, threads * (1 + shares.small), 1, threads);
  note(s, ran.threads_that_ran,
       ran.pool_was_busy           ? "the pool was busy with another launch"
       : ran.threads_that_ran == 1 ? "the work was done before another thread came"
                                   : "the work pays for them");
  if (done == 0 && !ran.pool_was_busy) record(cost, cost.parallel, start, units);
}

// Member by member: of a whole aggregate the compiler clears the memory first, 5 ns of a warm call.
LaunchServices::LaunchServices(const RuntimeServices& of_call, LaunchOptions asked, LaunchCosts& measured,
                               LaunchReport& told)
    : RuntimeServices{of_call.allocate,  of_call.allocate_again, &on_cpu::allocate_per_thread,
                      &on_cpu::parallel, &on_cpu::threads,       of_call.fail},
      options(asked),
      costs(&measured),
      report(told) {}

}  // namespace

LoopCost::Sample& LoopCost::at(std::int64_t units) {
  const int size = std::bit_width(static_cast<std::uint64_t>(units)) / 2;
  return samples_[std::min(size, sizes - 1)];
}

std::int32_t launch(EntryPoint entry, Frame& frame, LaunchOptions options, LaunchCosts& costs,
                    LaunchReport* report) noexcept {
  LaunchReport unread;
  LaunchServices services(*frame.services, options, costs, report ? *report : unread);
  services.report.threads = 1;
  services.report.reason = "nothing to share among threads";
  frame.services = &services;
  std::int32_t status;
  {
    const CanonicalFloatingPoint canonical;
    status = entry(&frame);
  }
  return status;
}

}  // namespace kiln::on_cpu
