// Counts the program's calls of malloc and its family, Kiln's included, by standing in for them.
#pragma once

#include <cstdint>

namespace kiln::test {

/// Whether malloc is ours: not under a sanitizer, which has its own.
bool counts_allocations();
/// Calls of malloc, calloc, realloc, the aligned forms and mmap so far, in all threads.
std::uint64_t allocation_count();

}  // namespace kiln::test
