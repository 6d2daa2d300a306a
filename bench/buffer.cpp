// Memory of the benchmark: mapping, first touch, filling.
#include "bench/buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t huge_page = std::size_t{1} << 21;

// The finalizer of splitmix64: a value for each index, whoever asks for it.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

template <class T>
void fill(T* to, std::int64_t count, double low, double high, std::uint64_t seed) {
  on_all_cores(count, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double unit = double(mixed(seed * 0x100000001b3u + std::uint64_t(i)) >> 40) * 0x1p-24;
      to[i] = T(low + (high - low) * unit);
    }
  });
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) {
  // A multiple of the huge page, so that the kernel can back all of it with them; the mapping is over-long because it
  // is aligned to small pages only.
  mapped_ = (std::max<std::size_t>(bytes, 1) + huge_page - 1) / huge_page * huge_page;
  void* mapping = mmap(nullptr, mapped_ + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    mapped_ = 0;
    throw std::bad_alloc();
  }
  char* begin = static_cast<char*>(mapping);
  char* aligned = begin + (huge_page - reinterpret_cast<std::uintptr_t>(begin) % huge_page) % huge_page;
  if (aligned != begin) munmap(begin, std::size_t(aligned - begin));
  char* end = begin + mapped_ + huge_page;
  if (aligned + mapped_ != end) munmap(aligned + mapped_, std::size_t(end - aligned) - mapped_);
  madvise(aligned, mapped_, MADV_HUGEPAGE);
  data_ = aligned;
  on_all_cores(std::int64_t(bytes),
               [=](std::int64_t from, std::int64_t to) { std::memset(aligned + from, 0, std::size_t(to - from)); });
}

Buffer::~Buffer() {
  if (mapped_ != 0) munmap(data_, mapped_);
}

void on_all_cores(std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t parts = std::max(1u, std::thread::hardware_concurrency());
  if (count < (1 << 16) || parts == 1) {
    if (count > 0) body(0, count);
    return;
  }
  std::vector<std::jthread> workers;
  for (std::int64_t part = 0; part < parts; ++part)
    workers.emplace_back([&body, part, parts, count] { body(count * part / parts, count * (part + 1) / parts); });
}

void fill_random(float* to, std::int64_t count, double low, double high, std::uint64_t seed) {
  fill(to, count, low, high, seed);
}

void fill_random(double* to, std::int64_t count, double low, double high, std::uint64_t seed) {
  fill(to, count, low, high, seed);
}

}  // namespace bench
