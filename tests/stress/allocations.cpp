// malloc and its family, mmap and mprotect, counted and passed on.
#include "tests/stress/allocations.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace kiln::test {
bool counts_allocations() { return false; }
std::uint64_t allocation_count() { return 0; }
std::uint64_t executable_requests() { return 0; }
std::uint64_t writable_executable_requests() { return 0; }
}  // namespace kiln::test

#else

namespace {

std::atomic<std::uint64_t> count{0}, executable{0}, writable_executable{0};

void count_protection(int protection) {
  if ((protection & PROT_EXEC) == 0) return;
  ++executable;
  if ((protection & PROT_WRITE) != 0) ++writable_executable;
}

}  // namespace

namespace kiln::test {
bool counts_allocations() { return true; }
std::uint64_t allocation_count() { return count.load(); }
std::uint64_t executable_requests() { return executable.load(); }
std::uint64_t writable_executable_requests() { return writable_executable.load(); }
}  // namespace kiln::test

extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t elements, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

[[gnu::visibility("default")]] void* malloc(std::size_t bytes) {
  ++count;
  return __libc_malloc(bytes);
}
[[gnu::visibility("default")]] void* calloc(std::size_t elements, std::size_t bytes) {
  ++count;
  return __libc_calloc(elements, bytes);
}
[[gnu::visibility("default")]] void* realloc(void* block, std::size_t bytes) {
  ++count;
  return __libc_realloc(block, bytes);
}
[[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++count;
  return __libc_memalign(alignment, bytes);
}
[[gnu::visibility("default")]] void* memalign(std::size_t alignment, std::size_t bytes) {
  ++count;
  return __libc_memalign(alignment, bytes);
}
[[gnu::visibility("default")]] int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  ++count;
  *block = __libc_memalign(alignment, bytes);
  return *block ? 0 : ENOMEM;
}
[[gnu::visibility("default")]] void* mmap(void* at, std::size_t bytes, int protection, int flags, int file,
                                          off_t offset) noexcept {
  ++count;
  count_protection(protection);
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}
[[gnu::visibility("default")]] void* mmap64(void* at, std::size_t bytes, int protection, int flags, int file,
                                            off_t offset) noexcept {
  ++count;
  count_protection(protection);
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}
[[gnu::visibility("default")]] int mprotect(void* at, std::size_t bytes, int protection) noexcept {
  count_protection(protection);
  return static_cast<int>(syscall(SYS_mprotect, at, bytes, protection));
}
}

#endif
