// The simulated driver's objects and the one lock that guards them. The exported functions are in the files *_api.cpp.
#pragma once

// The names cuda.h declares are those that are exported.
#pragma GCC visibility push(default)
#include <cuda.h>
#pragma GCC visibility pop

#include "tests/simulated/address_space.h"
#include "tests/simulated/control.h"
#include "tests/simulated/grid.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace kiln::simulated {

using Lock = std::unique_lock<std::mutex>;

struct Stream;

// One recording of an event. Those who wait, wait for what was the last when they asked.
struct Record {
  bool done = false;
  std::chrono::steady_clock::time_point when;
  std::shared_ptr<Stream> stream;
};

struct Operation {
  std::uint64_t sequence = 0;         // over all streams, in the order of the calls
  std::shared_ptr<Record> waits_for;  // of another stream's event
  std::function<CUresult(Lock&)> run;
};

// A device's primary context; the simulation has no others.
struct Context {
  int device = 0;
  unsigned retained = 0;
  CUresult sticky = CUDA_SUCCESS;  // what every call answers after an operation failed
  std::uint64_t generation = 0;    // how often it has been made anew
  std::shared_ptr<Stream> null_stream;
  std::map<std::thread::id, std::shared_ptr<Stream>> thread_streams;
  std::map<int, std::uint64_t> pool_attributes;
  std::size_t pool_bytes = 0;
  std::size_t pool_peak = 0;
};

struct Stream {
  Context* context = nullptr;
  bool non_blocking = false;
  bool destroyed = false;
  bool busy = false;          // a thread is running its first operation
  std::uint64_t running = 0;  // that operation's number, once it has left the queue
  std::deque<Operation> queue;
};

struct Event {
  Context* context = nullptr;
  bool timed = true;
  std::shared_ptr<Record> last;
};

struct LoadedModule {
  Context* context = nullptr;
  void* library = nullptr;
  std::string path;  // of the file to remove, or empty
  const Module* contents = nullptr;
  bool unloaded = false;
  ~LoadedModule();
};

struct Function {
  std::shared_ptr<LoadedModule> module;
  const Kernel* kernel = nullptr;
  int most_dynamic_shared = 48 * 1024;
};

// Live objects by handles that are never used again, so that a stale one is recognized.
template <typename Handle, typename Object>
class Handles {
 public:
  explicit Handles(std::uintptr_t first) : next_(first) {}
  Handle add(std::shared_ptr<Object> object) {
    const auto handle = reinterpret_cast<Handle>(next_ += 64);
    live_.emplace(handle, std::move(object));
    return handle;
  }
  std::shared_ptr<Object> find(Handle handle) const {
    const auto found = live_.find(handle);
    return found == live_.end() ? nullptr : found->second;
  }
  bool remove(Handle handle) { return live_.erase(handle) > 0; }
  template <typename Condition>
  void remove_if(const Condition& condition) {
    std::erase_if(live_, [&](const auto& entry) { return condition(*entry.second); });
  }
  std::size_t size() const { return live_.size(); }
  auto begin() const { return live_.begin(); }
  auto end() const { return live_.end(); }

 private:
  std::uintptr_t next_;
  std::unordered_map<Handle, std::shared_ptr<Object>> live_;
};

struct Settings {
  int devices = 1;
  int driver_version = 13000;
  int major = 9;
  int minor = 0;
  std::size_t memory = std::size_t{8} << 30;
  Order order = Order::forward;
  bool eager = false;
  bool protection = true;
  bool verbose = false;  // diagnoses go to the standard error too
  CUresult init_result = CUDA_SUCCESS;
  bool pools = true;
  CUstream captures = nullptr;  // says that it captures, and goes on as before

  static Settings of_environment();
};

struct Fault {
  unsigned long long remaining = 0;  // calls up to the one that fails
  CUresult result = CUDA_SUCCESS;
};

struct Driver {
  Driver();

  std::mutex mutex;
  std::condition_variable changed;  // a stream is no longer busy
  Settings settings = Settings::of_environment();
  bool initialized = false;
  std::uint64_t epoch = 0;  // of resets
  std::uint64_t last_sequence = 0;
  std::vector<std::unique_ptr<Context>> contexts;  // one per device
  std::vector<std::shared_ptr<Stream>> streams;    // all with something queued or a handle
  AddressSpace memory;
  std::vector<std::size_t> bytes_in_use;         // per device
  std::map<std::uintptr_t, std::size_t> pinned;  // host memory
  std::set<std::uintptr_t> registered;           // of it, what the caller owns
  Handles<CUstream, Stream> stream_handles{0x5100'0000'0000};
  Handles<CUevent, Event> event_handles{0x5200'0000'0000};
  Handles<CUmodule, LoadedModule> module_handles{0x5300'0000'0000};
  Handles<CUfunction, Function> function_handles{0x5400'0000'0000};
  std::array<Fault, kiln_simulated_fault_count> faults;
  std::vector<CUresult> lost;  // per device
  kiln_simulated_counts counts{};
  std::string diagnosis;

  Context* context_of(CUcontext handle);
  static CUcontext handle_of(const Context* context);

  // Why something failed. The result is the argument, for the caller to return.
  CUresult explain(CUresult result, std::string text);
  // CUDA_SUCCESS, or what the fault that is due answers.
  CUresult fault(kiln_simulated_fault kind, CUresult usual);
  bool pinned_contains(std::uintptr_t address, std::size_t bytes) const;
  void reset();
  void destroy(Context& context);
  void make_contexts();
};

Driver& driver();

// What every exported function begins with: the lock, and the checks that its kind needs.
class Call {
 public:
  enum class Needs { nothing, driver, context };
  explicit Call(Needs needs);

  CUresult result = CUDA_SUCCESS;  // the caller returns it unless it is CUDA_SUCCESS
  Driver& driver;
  Lock lock;
  Context* context = nullptr;  // the current one
};

// Set while a function of cuLaunchHostFunc runs: it may not call the driver.
extern thread_local bool inside_host_function;

// --- the current context of a thread ---

Context* current_context(Driver& driver);

// Without a destructor: arrays that are alive to the end of the process call the driver behind the main thread's.
struct ContextStack {
  static constexpr std::size_t most = 256;
  Context* entries[most];
  std::size_t size;

  bool empty() const { return size == 0; }
  Context*& back() { return entries[size - 1]; }
  void pop_back() { --size; }
  bool push_back(Context* context) {
    if (size == most) return false;
    entries[size++] = context;
    return true;
  }
};
ContextStack& context_stack(Driver& driver);

// --- streams (queue.cpp) ---

// Null where the handle is none of the current context's streams.
std::shared_ptr<Stream> stream_of(Call& call, CUstream handle);
void enqueue(Call& call, const std::shared_ptr<Stream>& stream, Operation operation);
// Runs what the stream holds now, and whatever that is ordered behind.
CUresult synchronize(Call& call, const std::shared_ptr<Stream>& stream);
CUresult synchronize_context(Call& call, Context& context);
CUresult wait_for(Call& call, Context& context, const std::shared_ptr<Record>& record);
// Runs at most one operation on the way to the record.
void advance_to(Call& call, const std::shared_ptr<Record>& record);
void advance(Call& call, const std::shared_ptr<Stream>& stream);
// Marks the context as broken by an operation that has failed.
CUresult break_context(Context& context, CUresult result, std::string diagnosis);

// --- faults of the processor (signals.cpp) ---

void install_signal_handlers();

}  // namespace kiln::simulated
