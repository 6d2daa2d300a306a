// An allocation ends where its last page ends, so that the first access beyond it faults.
#include "tests/simulated/address_space.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace kiln::simulated {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t alignment = 256;                      // of cuMemAlloc's addresses
constexpr std::size_t most_filled = std::size_t{16} << 20;  // of each end; the middle of greater blocks is left zero
constexpr unsigned char margin_pattern = 0xc9;
constexpr int no_reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

std::size_t rounded(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

unsigned char* pointer(std::uintptr_t address) { return reinterpret_cast<unsigned char*>(address); }

std::string hexadecimal(std::uintptr_t address) {
  char text[32];
  std::snprintf(text, sizeof text, "%#zx", static_cast<std::size_t>(address));
  return text;
}

}  // namespace

AddressSpace::AddressSpace() {
  for (std::size_t bytes = std::size_t{1} << 42; bytes >= std::size_t{1} << 32; bytes /= 2) {
    void* mapping = ::mmap(nullptr, bytes, PROT_NONE, no_reserve, -1, 0);
    if (mapping == MAP_FAILED) continue;
    first_ = reinterpret_cast<std::uintptr_t>(mapping);
    next_ = first_ + page;
    end_ = first_ + bytes;
    return;
  }
  throw std::bad_alloc();
}

std::uintptr_t AddressSpace::reserve(std::size_t bytes, int device, bool stream_ordered) {
  const std::size_t body = rounded(bytes, alignment);
  const std::size_t pages_bytes = rounded(body, page);
  if (bytes > end_ - next_ || pages_bytes + 2 * page > end_ - next_) return 0;
  Allocation allocation;
  allocation.pages = next_;
  allocation.pages_bytes = pages_bytes;
  allocation.begin = next_ + pages_bytes - body;
  allocation.bytes = bytes;
  allocation.device = device;
  allocation.stream_ordered = stream_ordered;
  next_ += pages_bytes + page;
  allocations_.emplace(allocation.begin, allocation);
  return allocation.begin;
}

bool AddressSpace::make_live(std::uintptr_t begin) {
  Allocation& allocation = allocations_.at(begin);
  if (::mprotect(pointer(allocation.pages), allocation.pages_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  std::memset(pointer(allocation.pages), margin_pattern, begin - allocation.pages);
  const std::uintptr_t end = begin + allocation.bytes;
  std::memset(pointer(end), margin_pattern, allocation.pages + allocation.pages_bytes - end);
  const std::size_t filled = std::min(allocation.bytes, most_filled);
  std::memset(pointer(begin), allocated_pattern, filled);
  if (filled < allocation.bytes) std::memset(pointer(end - filled), allocated_pattern, filled);
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(pointer(allocation.pages), begin - allocation.pages);
  __asan_poison_memory_region(pointer(end), allocation.pages + allocation.pages_bytes - end);
#endif
  allocation.state = State::live;
  if (protection_) {
    ::mprotect(pointer(allocation.pages), allocation.pages_bytes, PROT_NONE);
  } else {
    allocation.open = true;
  }
  return true;
}

void AddressSpace::free(std::uintptr_t begin) {
  Allocation& allocation = allocations_.at(begin);
  // A new mapping in the old one's place gives the pages back.
  ::mmap(pointer(allocation.pages), allocation.pages_bytes, PROT_NONE, no_reserve | MAP_FIXED, -1, 0);
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(pointer(allocation.pages), allocation.pages_bytes);
#endif
  allocation.state = State::freed;
  allocation.open = false;
}

AddressSpace::Allocation* AddressSpace::find(std::uintptr_t address) {
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return nullptr;
  Allocation& allocation = (--after)->second;
  return address - allocation.begin < std::max<std::size_t>(allocation.bytes, 1) ? &allocation : nullptr;
}

bool AddressSpace::contains(std::uintptr_t address, std::size_t bytes) {
  const Allocation* allocation = find(address);
  return allocation != nullptr && allocation->state != State::freed &&
         bytes <= allocation->bytes - (address - allocation->begin);
}

void AddressSpace::open(Allocation& allocation) {
  if (allocation.open) return;
  ::mprotect(pointer(allocation.pages), allocation.pages_bytes, PROT_READ | PROT_WRITE);
  allocation.open = true;
  allocation.next_open = opened_;
  opened_ = &allocation;
}

void* AddressSpace::open(std::uintptr_t address, std::size_t bytes, std::string& diagnosis) {
  Allocation* allocation = find(address);
  if (allocation != nullptr && allocation->state == State::live && contains(address, bytes)) {
    open(*allocation);
    return pointer(address);
  }
  diagnosis = std::to_string(bytes) + " bytes at " + hexadecimal(address);
  if (allocation == nullptr) {
    diagnosis += " are in no allocation";
  } else if (allocation->state == State::freed) {
    diagnosis += " are in memory that has been freed";
  } else if (allocation->state == State::pending) {
    diagnosis += " are in memory whose allocation its stream has not reached";
  } else {
    diagnosis += " go beyond the allocation's end";
  }
  return nullptr;
}

bool AddressSpace::open_at_fault(std::uintptr_t address) {
  if (!owns(address)) return false;
  Allocation* allocation = find(address);
  if (allocation == nullptr || allocation->state != State::live || allocation->open) return false;
  open(*allocation);
  return true;
}

bool AddressSpace::close(std::string& diagnosis) {
  bool all_intact = true;
  while (opened_ != nullptr) {
    Allocation& allocation = *opened_;
    opened_ = allocation.next_open;
    if (allocation.state != State::live) continue;
    all_intact = intact(allocation, diagnosis) && all_intact;
    if (!protection_) continue;
    ::mprotect(pointer(allocation.pages), allocation.pages_bytes, PROT_NONE);
    allocation.open = false;
  }
  return all_intact;
}

// What lies between an allocation and the borders of its pages. AddressSanitizer guards that itself.
bool AddressSpace::intact(const Allocation& allocation, std::string& diagnosis) const {
#if !defined(__SANITIZE_ADDRESS__)
  const auto spoilt = [](unsigned char byte) { return byte != margin_pattern; };
  const unsigned char* before = std::find_if(pointer(allocation.pages), pointer(allocation.begin), spoilt);
  const unsigned char* end = pointer(allocation.begin) + allocation.bytes;
  const unsigned char* pages_end = pointer(allocation.pages) + allocation.pages_bytes;
  const unsigned char* behind = std::find_if(end, pages_end, spoilt);
  if (before == pointer(allocation.begin) && behind == pages_end) return true;
  diagnosis =
      "something was written " +
      (behind != pages_end ? std::to_string(behind - end) + " bytes behind the end"
                           : std::to_string(pointer(allocation.begin) - before) + " bytes before the beginning") +
      " of an allocation of " + std::to_string(allocation.bytes) + " bytes";
  return false;
#else
  (void)allocation, (void)diagnosis;
  return true;
#endif
}

void AddressSpace::set_protection(bool on) {
  if (protection_ == on) return;
  protection_ = on;
  for (auto& [begin, allocation] : allocations_) {
    if (allocation.state != State::live) continue;
    ::mprotect(pointer(allocation.pages), allocation.pages_bytes, on ? PROT_NONE : PROT_READ | PROT_WRITE);
    allocation.open = !on;
  }
}

void AddressSpace::clear() {
  for (auto& [begin, allocation] : allocations_) {
    if (allocation.state != State::freed) free(begin);
  }
  opened_ = nullptr;
}

}  // namespace kiln::simulated
