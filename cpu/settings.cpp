// The CPU's part of kiln/inspect.h: threads and memory.
#include "cpu/memory.h"
#include "cpu/thread_pool.h"

#include <kiln/error.h>
#include <kiln/inspect.h>

#include <string>

namespace kiln {

int num_threads() { return on_cpu::ThreadPool::instance().size(); }

void set_num_threads(int threads, Location where) {
  if (threads < 1)
    throw UsageError("set_num_threads(" + std::to_string(threads) + "): give 1 or more threads, the caller's included",
                     where);
  on_cpu::ThreadPool::instance().resize(threads);
}

MemoryInfo memory_info() {
  const on_cpu::MemoryStatistics s = on_cpu::memory_statistics();
  return {s.bytes_in_use, s.high_water_mark};
}

void reset_high_water_mark() { on_cpu::reset_high_water_mark(); }

}  // namespace kiln
