// A thread runs until it ends or waits. The scheduler takes a warp as far as it goes before the next: that puts the
// greatest distance between warps a missing barrier allows.
#include "tests/simulated/grid.h"

#include "tests/simulated/fiber.h"
#include "tests/simulated/warp.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <xmmintrin.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace kiln::simulated {
namespace {

constexpr unsigned default_mxcsr = 0x1f80;
constexpr std::uint64_t most_fruitless_yields = 4'000'000;

std::string name_of(Index3 index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

// Not memset: AddressSanitizer would object to the red zones between variables.
void fill(unsigned char* begin, std::size_t bytes) {
  asm volatile("rep stosb" : "+D"(begin), "+c"(bytes) : "a"(shared_pattern) : "memory");
}

// The block's dynamic shared memory ends where a page without access begins.
class DynamicShared {
 public:
  DynamicShared() {
    void* mapping = ::mmap(nullptr, bytes + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    end_ = static_cast<unsigned char*>(mapping) + bytes;
    ::mprotect(end_, guard, PROT_NONE);
  }
  unsigned char* prepare(unsigned used) {
    unsigned char* begin = end_ - (used + 15) / 16 * 16;
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(end_ - bytes, bytes);
    __asan_unpoison_memory_region(begin, used);
#endif
    return begin;
  }

 private:
  static constexpr std::size_t bytes = 228 * 1024;
  static constexpr std::size_t guard = 64 * 1024;
  unsigned char* end_;
};

class Grid {
 public:
  explicit Grid(const Launch& launch);
  LaunchResult run();

  int barrier(unsigned line, BarrierVote vote, int predicate);
  unsigned long long warp(const WarpRequest& request);
  void yield();
  [[noreturn]] void fail(LaunchEnd end, std::string reason);
  void fail_by_signal();
  void fault(LaunchEnd end, const void* address) {
    fault_end_ = end;
    fault_address_ = address;
  }

 private:
  enum class State : unsigned char { unstarted, runnable, yielded, at_barrier, at_warp, ended };
  struct Thread {
    State state = State::unstarted;
    Fiber* fiber = nullptr;
    unsigned barrier_line = 0;
    BarrierVote vote = BarrierVote::none;
    int predicate = 0;
    Index3 index{0, 0, 0};
    WarpRequest request;
  };

  void run_block();
  bool run_warp(unsigned warp);
  static void run_threads();
  void enter(unsigned index);
  void start(unsigned index);
  void release_barrier();
  void finish_warp(unsigned first, unsigned lanes);
  void report_stuck();
  void clear_fibers();
  Fiber* idle_fiber();
  unsigned ordered(unsigned position, unsigned count) const {
    return launch_.order == Order::forward ? position : count - 1 - position;
  }
  unsigned lanes_of(unsigned warp) const { return std::min(32u, count_ - 32 * warp); }
  Index3 index_of(unsigned thread) const;
  std::string thread_name(unsigned thread) const { return "thread " + name_of(threads_[thread].index); }
  std::string where() const;

  const Launch& launch_;
  DeviceState& state_;
  unsigned count_;  // of threads in a block
  std::vector<Thread> threads_;
  unsigned current_ = 0;
  unsigned at_barrier_ = 0;
  unsigned ended_ = 0;
  std::uint64_t fruitless_yields_ = 0;
  LaunchResult result_;
  LaunchEnd fault_end_ = LaunchEnd::done;
  const void* fault_address_ = nullptr;
};

Grid* running = nullptr;
pthread_t running_thread;

std::vector<std::unique_ptr<Fiber>>& fibers() {
  static auto& all = *new std::vector<std::unique_ptr<Fiber>>;
  return all;
}
std::vector<Fiber*>& idle_fibers() {
  static auto& idle = *new std::vector<Fiber*>;
  return idle;
}

long long clock_of_device() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

const Services services = {
    [](unsigned line, BarrierVote vote, int predicate) { return running->barrier(line, vote, predicate); },
    [](WarpOperation operation, unsigned line, unsigned mask, unsigned long long value, int argument, int width) {
      return running->warp({operation, line, mask, value, argument, width});
    },
    [] { running->yield(); },
    [](Failure failure, unsigned line, const char* text) {
      std::string at = std::string(text) + " at line " + std::to_string(line);
      if (failure == Failure::assertion) running->fail(LaunchEnd::assertion, "assertion failed: " + std::move(at));
      running->fail(failure == Failure::trap ? LaunchEnd::trap : LaunchEnd::misuse, std::move(at));
    },
    &clock_of_device,
};

Grid::Grid(const Launch& launch)
    : launch_(launch),
      state_(*launch.module->state),
      count_(launch.block.x * launch.block.y * launch.block.z),
      threads_(count_) {
  static DynamicShared& dynamic_shared = *new DynamicShared;
  state_.block_size = launch.block;
  state_.grid_size = launch.grid;
  state_.dynamic_shared_bytes = launch.dynamic_shared_bytes;
  state_.dynamic_shared = dynamic_shared.prepare(launch.dynamic_shared_bytes);
  state_.services = services;
  for (unsigned i = 0; i < count_; ++i) threads_[i].index = index_of(i);
}

Index3 Grid::index_of(unsigned thread) const {
  const Index3& size = launch_.block;
  return {thread % size.x, thread / size.x % size.y, thread / size.x / size.y};
}

std::string Grid::where() const {
  return std::string("kernel ") + launch_.kernel->name + ", block " + name_of(state_.block) + ", ";
}

LaunchResult Grid::run() {
  const std::uint64_t blocks = std::uint64_t{launch_.grid.x} * launch_.grid.y * launch_.grid.z;
  const auto shared_bytes = static_cast<std::size_t>(launch_.module->shared_end - launch_.module->shared_begin);
  for (std::uint64_t i = 0; i < blocks && result_.end == LaunchEnd::done; ++i) {
    const std::uint64_t block = launch_.order == Order::forward ? i : blocks - 1 - i;
    state_.block = {static_cast<unsigned>(block % launch_.grid.x),
                    static_cast<unsigned>(block / launch_.grid.x % launch_.grid.y),
                    static_cast<unsigned>(block / launch_.grid.x / launch_.grid.y)};
    if (shared_bytes > 0) fill(launch_.module->shared_begin, shared_bytes);
    if (launch_.dynamic_shared_bytes > 0) fill(state_.dynamic_shared, launch_.dynamic_shared_bytes);
    run_block();
    result_.threads += count_;
  }
  if (result_.end != LaunchEnd::done) clear_fibers();
  return std::move(result_);
}

void Grid::run_block() {
  for (Thread& thread : threads_) thread.state = State::unstarted;
  at_barrier_ = ended_ = 0;
  const unsigned warps = (count_ + 31) / 32;
  while (ended_ < count_) {
    bool ran = false;
    for (unsigned i = 0; i < warps; ++i) {
      ran |= run_warp(ordered(i, warps));
      if (result_.end != LaunchEnd::done) return;
    }
    if (at_barrier_ == count_) {
      release_barrier();
    } else if (!ran) {
      report_stuck();
    }
    if (result_.end != LaunchEnd::done) return;
  }
}

// Takes the warp as far as it goes; false where it could not go on at all.
bool Grid::run_warp(unsigned warp) {
  const unsigned lanes = lanes_of(warp);
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Thread& thread = threads_[32 * warp + lane];
    if (thread.state == State::yielded) thread.state = State::runnable;
  }
  bool ran_ever = false;
  for (bool ran = true; ran;) {
    ran = false;
    for (unsigned i = 0; i < lanes; ++i) {
      const unsigned index = 32 * warp + ordered(i, lanes);
      Thread& thread = threads_[index];
      if (thread.state == State::unstarted) {
        current_ = index;
        idle_fiber()->start(&Grid::run_threads);
      } else if (thread.state == State::runnable) {
        enter(index);
        thread.fiber->resume();
      } else {
        continue;
      }
      ran = ran_ever = true;
      if (result_.end != LaunchEnd::done) return true;
    }
  }
  return ran_ever;
}

// A fiber's job: the current thread and, as long as none waits, those after it in its warp.
void Grid::run_threads() {
  Grid& grid = *running;
  const unsigned warp = grid.current_ / 32;
  const unsigned lanes = grid.lanes_of(warp);
  for (unsigned i = grid.ordered(grid.current_ % 32, lanes); i < lanes; ++i) {
    const unsigned index = 32 * warp + grid.ordered(i, lanes);
    if (grid.threads_[index].state != State::unstarted) continue;
    grid.start(index);
  }
  idle_fibers().push_back(Fiber::current());
}

void Grid::start(unsigned index) {
  Thread& thread = threads_[index];
  thread.state = State::runnable;
  thread.fiber = Fiber::current();
  enter(index);
  launch_.kernel->run(launch_.parameters);
  thread.state = State::ended;
  ++ended_;
  fruitless_yields_ = 0;
}

void Grid::enter(unsigned index) {
  current_ = index;
  state_.thread = threads_[index].index;
  state_.lane = index % 32;
}

Fiber* Grid::idle_fiber() {
  if (idle_fibers().empty()) {
    fibers().push_back(std::make_unique<Fiber>());
    return fibers().back().get();
  }
  Fiber* fiber = idle_fibers().back();
  idle_fibers().pop_back();
  return fiber;
}

// After a failure: what the threads were doing is given up.
void Grid::clear_fibers() {
  idle_fibers().clear();
  for (const std::unique_ptr<Fiber>& fiber : fibers()) {
    fiber->forget();
    idle_fibers().push_back(fiber.get());
  }
}

int Grid::barrier(unsigned line, BarrierVote vote, int predicate) {
  Thread& thread = threads_[current_];
  thread.barrier_line = line;
  thread.vote = vote;
  thread.predicate = predicate;
  thread.state = State::at_barrier;
  ++at_barrier_;
  fruitless_yields_ = 0;
  Fiber::suspend();
  return thread.predicate;
}

void Grid::release_barrier() {
  int met = 0;
  for (unsigned i = 0; i < count_; ++i) {
    const Thread& thread = threads_[i];
    met += thread.predicate != 0 ? 1 : 0;
    if (thread.barrier_line != threads_[0].barrier_line || thread.vote != threads_[0].vote) return report_stuck();
  }
  const BarrierVote vote = threads_[0].vote;
  const int result = vote == BarrierVote::any   ? (met > 0 ? 1 : 0)
                     : vote == BarrierVote::all ? (met == static_cast<int>(count_) ? 1 : 0)
                                                : met;
  for (Thread& thread : threads_) {
    thread.predicate = result;
    thread.state = State::runnable;
  }
  at_barrier_ = 0;
}

unsigned long long Grid::warp(const WarpRequest& request) {
  const unsigned lane = current_ % 32;
  if ((request.mask >> lane & 1u) == 0) {
    fail(LaunchEnd::misuse, std::string(name_of(request.operation)) + " at line " + std::to_string(request.line) +
                                " by a thread its mask does not name");
  }
  Thread& thread = threads_[current_];
  thread.request = request;
  thread.state = State::at_warp;
  fruitless_yields_ = 0;
  const unsigned first = current_ - lane;
  const unsigned present = lanes_of(current_ / 32) == 32 ? ~0u : (1u << lanes_of(current_ / 32)) - 1;
  const unsigned lanes = request.mask & present;
  for (unsigned other = 0; other < 32; ++other) {
    if ((lanes >> other & 1u) == 0) continue;
    const Thread& partner = threads_[first + other];
    if (partner.state != State::at_warp || !partner.request.meets(request)) {
      Fiber::suspend();
      return thread.request.value;
    }
  }
  finish_warp(first, lanes);  // this was the last to come, and goes on
  return thread.request.value;
}

void Grid::finish_warp(unsigned first, unsigned lanes) {
  WarpRequest* requests[32];
  for (unsigned lane = 0; lane < 32; ++lane) {
    requests[lane] = (lanes >> lane & 1u) != 0 ? &threads_[first + lane].request : nullptr;
  }
  exchange(requests);
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (requests[lane] != nullptr) threads_[first + lane].state = State::runnable;
  }
}

void Grid::yield() {
  if (++fruitless_yields_ > most_fruitless_yields) {
    fail(LaunchEnd::timeout, "it waits for what no other thread of its block brings about");
  }
  threads_[current_].state = State::yielded;
  Fiber::suspend();
}

// Nothing on the fiber's stack is destroyed: strings have to be moved or emptied.
void Grid::fail(LaunchEnd end, std::string reason) {
  result_.end = end;
  result_.diagnosis = where() + thread_name(current_) + ": " + reason;
  std::string().swap(reason);
  Fiber::abandon();
}

void Grid::fail_by_signal() {
  char address[32];
  std::snprintf(address, sizeof address, "%p", fault_address_);
  if (fault_end_ == LaunchEnd::division) fail(fault_end_, "an integer division by zero, or of the smallest by -1");
  fail(fault_end_, std::string("an access to ") + address + ", which is no memory of the device");
}

// Nobody can go on: names a thread that waits and one that it waits for in vain.
void Grid::report_stuck() {
  unsigned stuck = 0;
  while (threads_[stuck].state != State::at_barrier && threads_[stuck].state != State::at_warp) ++stuck;
  const Thread& waiting = threads_[stuck];
  const bool at_barrier = waiting.state == State::at_barrier;
  const auto misses = [&](unsigned i) {
    const Thread& other = threads_[i];
    if (at_barrier) return other.state != State::at_barrier || other.barrier_line != waiting.barrier_line;
    return i / 32 == stuck / 32 && (waiting.request.mask >> i % 32 & 1u) != 0 &&
           (other.state != State::at_warp || !other.request.meets(waiting.request));
  };
  unsigned other = 0;
  while (other < count_ && !misses(other)) ++other;
  const auto place = [&](unsigned i) {
    const Thread& thread = threads_[i];
    if (thread.state == State::ended) return std::string("has ended");
    if (thread.state == State::at_barrier)
      return "waits at __syncthreads of line " + std::to_string(thread.barrier_line);
    return std::string("waits at ") + name_of(thread.request.operation) + " of line " +
           std::to_string(thread.request.line);
  };
  result_.end = LaunchEnd::stuck;
  result_.diagnosis = where() + thread_name(stuck) + " " + place(stuck);
  if (other < count_) result_.diagnosis += ", but " + thread_name(other) + " " + place(other);
}

[[noreturn]] void continue_after_signal() {
  running->fail_by_signal();
  std::abort();
}

// A kernel that has run off its stack cannot handle a signal on it.
class SignalStack {
 public:
  SignalStack() {
    stack_t wanted{};
    wanted.ss_sp = memory();
    wanted.ss_size = bytes;
    ::sigaltstack(&wanted, &previous_);
  }
  ~SignalStack() { ::sigaltstack(&previous_, nullptr); }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr std::size_t bytes = 64 * 1024;
  static void* memory() {
    static void* memory = ::operator new(bytes);
    return memory;
  }
  stack_t previous_{};
};

}  // namespace

LaunchResult run(const Launch& launch) {
  const SignalStack signal_stack;
  const unsigned mxcsr = _mm_getcsr();
  Grid grid(launch);
  running_thread = ::pthread_self();
  running = &grid;
  _mm_setcsr(default_mxcsr);
  LaunchResult result = grid.run();
  _mm_setcsr(mxcsr);
  running = nullptr;
  return result;
}

bool in_kernel() {
  return running != nullptr && ::pthread_equal(running_thread, ::pthread_self()) != 0 && Fiber::current() != nullptr;
}

bool end_launch_from_signal(LaunchEnd end, const void* address, void* context) {
  if (!in_kernel()) return false;
  running->fault(end, address);
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RIP] = reinterpret_cast<greg_t>(&continue_after_signal);
  registers[REG_RSP] = reinterpret_cast<greg_t>(Fiber::current()->top()) - 8;  // aligned as after a call
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(Fiber::current()->stack(), Fiber::stack_bytes);
#endif
  return true;
}

}  // namespace kiln::simulated
