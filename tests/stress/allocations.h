// Counts the program's calls of malloc and its family, and of those that map memory, Kiln's included, by standing in
// for them.
#pragma once

#include <cstdint>

namespace kiln::test {

/// Whether malloc is ours: not under a sanitizer, which has its own.
bool counts_allocations();
/// Calls of malloc, calloc, realloc, the aligned forms and mmap so far, in all threads.
std::uint64_t allocation_count();
/// Calls so far of mmap and mprotect that asked for pages to be executed, and for pages to be written and executed.
std::uint64_t executable_requests();
std::uint64_t writable_executable_requests();

}  // namespace kiln::test
