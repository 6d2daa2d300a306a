// The CPU's memory pool: aligned blocks that are kept when freed, because reuse saves the page faults.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kiln::on_cpu {

// A block of at least `bytes` bytes, aligned to 64 bytes (to 4096 if it has more than 64 KiB, to 2 MiB if it has 2 MiB
// or more: those are on huge pages). Zero bytes give a pointer that may be passed to deallocate(). Throws
// kiln::RuntimeError when there is no memory even after trim().
void* allocate(std::size_t bytes);

// Registers what a fork has to do with the memory; else the first block that is freed does.
void prepare_memory_for_forks();

// `bytes` as given to allocate(). Any thread may free any block.
void deallocate(void* block, std::size_t bytes) noexcept;

// Sizes are those of blocks: `bytes` rounded up to one of four sizes per power of two, by 64 KiB at most. A block of
// 2 MiB or more lies on huge pages of its own; what it leaves of the last of them counts only when it is cached.
struct MemoryStatistics {
  std::size_t bytes_in_use = 0;
  std::size_t high_water_mark = 0;  // of bytes_in_use, to within 64 KiB for each thread
  std::size_t bytes_cached = 0;     // free, but kept for the next allocation
  std::uint64_t allocations = 0;
  std::uint64_t reuses = 0;  // allocations that a cached block served
};

MemoryStatistics memory_statistics() noexcept;
void reset_high_water_mark() noexcept;

// Gives the cached blocks back to the system, except the few small ones that other threads keep for themselves.
void trim() noexcept;

// For tests: the given number of calls from now, an allocation fails, once; 1 is the next. -1 switches it off.
void fail_allocation_after(std::int64_t calls) noexcept;

}  // namespace kiln::on_cpu
