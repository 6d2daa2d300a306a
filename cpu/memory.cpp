// Size classes, free lists of each thread for small blocks, and one shared cache that trims its oldest blocks. Large
// blocks are whole huge pages, the best fit of those that are free.
#include "cpu/memory.h"

#include <kiln/error.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>

namespace kiln::on_cpu {

namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t page = 4096;             // of blocks above small_limit
constexpr std::size_t small_limit = 64 << 10;  // up to here threads keep free lists of their own
constexpr std::size_t huge_page = 2 << 20;     // above huge_page - widest_step bytes a block is so many of these
constexpr std::size_t widest_step = 64 << 10;  // no block counts for more than this above what was asked for
constexpr std::size_t largest_block = std::size_t{1} << 47;  // all the addresses there are

// Steps 0 to 3 are 64, 128, 192 and 256 bytes; then every power of two is reached in four.
constexpr unsigned step_of(std::size_t bytes) noexcept {
  if (bytes <= 4 * alignment) return bytes == 0 ? 0 : static_cast<unsigned>((bytes - 1) / alignment);
  const std::size_t last = bytes - 1;
  const unsigned step_shift = static_cast<unsigned>(std::bit_width(last)) - 3;
  return 4 * (step_shift - 6) + static_cast<unsigned>(last >> step_shift) - 4 + 4;
}

constexpr std::size_t size_of_step(unsigned index) noexcept {
  if (index < 4) return (index + 1) * alignment;
  const unsigned step_shift = index / 4 - 1 + 6;
  return static_cast<std::size_t>(index % 4 + 5) << step_shift;
}

// Blocks of one class are alike up to the size of a huge page: there the steps go on until they are 64 KiB, and stay.
// The classes above are bins, each of the sizes within one step.
constexpr std::size_t last_narrow_step = 4 * widest_step;
constexpr unsigned even_classes = step_of(last_narrow_step) + 1;
constexpr unsigned mapped_classes_begin =
    even_classes + static_cast<unsigned>((huge_page - last_narrow_step) / widest_step) - 1;

constexpr unsigned class_of(std::size_t bytes) noexcept {
  if (bytes <= last_narrow_step) return step_of(bytes);
  if (bytes <= huge_page - widest_step)
    return even_classes + static_cast<unsigned>((bytes - 1 - last_narrow_step) / widest_step);
  return mapped_classes_begin + step_of(bytes) - step_of(huge_page);
}

// Of a class whose blocks are alike.
constexpr std::size_t size_of_class(unsigned index) noexcept {
  return index < even_classes ? size_of_step(index) : last_narrow_step + (index - even_classes + 1) * widest_step;
}

constexpr bool is_mapped(unsigned size_class) noexcept { return size_class >= mapped_classes_begin; }

// What a block counts for while it is in use.
constexpr std::size_t size_in_use(std::size_t bytes, unsigned size_class) noexcept {
  return is_mapped(size_class) ? (bytes + widest_step - 1) / widest_step * widest_step : size_of_class(size_class);
}

constexpr std::uint32_t huge_pages_of(std::size_t bytes) noexcept {
  return static_cast<std::uint32_t>((bytes + huge_page - 1) / huge_page);
}

// A free mapping up to a quarter larger serves too: its pages are there already, and what is not needed stays free.
constexpr std::uint32_t most_huge_pages_for(std::uint32_t pages) noexcept { return pages + pages / 4; }

constexpr unsigned small_classes = class_of(small_limit) + 1;
constexpr unsigned all_classes = class_of(largest_block) + 1;
static_assert(size_of_class(class_of(257)) == 320 && size_of_class(class_of(small_limit)) == small_limit);
static_assert(size_of_class(class_of(small_limit + 1)) == small_limit / 4 * 5 && class_of(320) + 1 == class_of(321));
static_assert(size_of_class(class_of(last_narrow_step + 1)) == last_narrow_step + widest_step);
static_assert(size_of_class(class_of(huge_page - widest_step)) == huge_page - widest_step);
static_assert(class_of(huge_page - widest_step) + 1 == class_of(huge_page - widest_step + 1));
static_assert(class_of(huge_page - widest_step + 1) == class_of(huge_page) && is_mapped(class_of(huge_page)));
static_assert(class_of(huge_page) + 1 == class_of(huge_page + 1));

// The bytes of one class that a thread keeps before it hands them all to the shared cache.
constexpr std::size_t kept_by_thread = 256 << 10;

struct SmallClass {
  std::uint32_t size;
  std::uint32_t blocks_kept;  // by one thread
};

constexpr auto small_class = [] {
  std::array<SmallClass, small_classes> table{};
  for (unsigned i = 0; i < small_classes; ++i) {
    const std::size_t size = size_of_class(i);
    table[i].size = static_cast<std::uint32_t>(size);
    table[i].blocks_kept = static_cast<std::uint32_t>(std::clamp<std::size_t>(kept_by_thread / size, 4, 512));
  }
  return table;
}();

// A free block holds its links. In the shared cache one FreeBlock stands for a whole list of small ones of its class.
struct FreeBlock {
  FreeBlock* next;           // the rest of the list it heads
  FreeBlock* next_of_class;  // in the shared cache: its class, newest first
  FreeBlock* previous_of_class;
  FreeBlock* newer;  // in the shared cache: all blocks by age
  FreeBlock* older;
  std::uint32_t blocks;  // of a mapped class: huge pages
  std::uint32_t size_class;

  std::size_t bytes() const noexcept {
    return blocks * (is_mapped(size_class) ? huge_page : size_of_class(size_class));
  }
};
static_assert(sizeof(FreeBlock) <= alignment);

void* take_from_system(std::size_t bytes, unsigned size_class) noexcept {
  if (!is_mapped(size_class)) {
    const std::size_t size = size_of_class(size_class);
    return std::aligned_alloc(size > small_limit ? page : alignment, size);
  }
  // Huge pages start at multiples of their size: map more, give back what lies before and behind. The last one is
  // mapped whole, because a part of it would be small pages.
  const std::size_t size = huge_pages_of(bytes) * huge_page;
  const std::size_t mapped = size + huge_page;
  void* const mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapping);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) & (huge_page - 1);
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, mapped - before - size);
  madvise(begin + before, size, MADV_HUGEPAGE);  // refused where the system has none, which costs speed alone
  return begin + before;
}

// Gives back lists chained by `older`.
void give_to_system(FreeBlock* lists) noexcept {
  while (lists != nullptr) {
    FreeBlock* const older = lists->older;
    if (is_mapped(lists->size_class)) {
      munmap(lists, lists->bytes());
    } else {
      for (FreeBlock* block = lists; block != nullptr;) {
        FreeBlock* const next = block->next;
        std::free(block);
        block = next;
      }
    }
    lists = older;
  }
}

// The limit a control group sets, as far as it can be seen from a container; no limit reads as a huge number or "max".
std::size_t memory_limit_of_group(const char* path) noexcept {
  std::FILE* const file = std::fopen(path, "re");
  if (file == nullptr) return largest_block;
  unsigned long long limit = 0;
  const bool is_number = std::fscanf(file, "%llu", &limit) == 1;
  std::fclose(file);
  return is_number && limit > 0 ? static_cast<std::size_t>(limit) : largest_block;
}

// A quarter of the memory there is, at most 4 GiB.
std::size_t cache_limit_of_machine() noexcept {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  std::size_t memory =
      pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page) : 1 << 30;
  memory = std::min(memory, memory_limit_of_group("/sys/fs/cgroup/memory.max"));
  memory = std::min(memory, memory_limit_of_group("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  return std::min(memory / 4, std::size_t{4} << 30);
}

// Adds to a counter that only this thread writes: others may read it, no locked instruction is needed.
template <typename T>
void add_alone(std::atomic<T>& counter, T amount) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

struct FreeList {
  FreeBlock* head = nullptr;
  std::atomic<std::uint32_t> blocks{0};
};

// What one thread keeps. Counters are read by memory_statistics().
struct ThreadCache {
  std::array<FreeList, small_classes> lists;
  std::atomic<std::int64_t> unreported{0};  // bytes in use that the shared count does not have yet
  std::atomic<std::uint64_t> reuses{0};
  ThreadCache* next = nullptr;
  ThreadCache* previous = nullptr;
};

// Constant-initialized and never destroyed: blocks may be freed before main() and after it.
struct Shared {
  std::mutex mutex;  // guards what follows, up to the counters
  std::array<FreeBlock*, all_classes> newest_of_class{};
  FreeBlock* newest = nullptr;
  FreeBlock* oldest = nullptr;
  std::size_t bytes_cached = 0;
  std::size_t cache_limit = 0;
  std::uint64_t reuses_of_ended_threads = 0;
  ThreadCache* threads = nullptr;
  bool prepared = false;

  alignas(64) std::atomic<std::int64_t> bytes_in_use{0};
  std::atomic<std::int64_t> high_water_mark{0};
  std::atomic<std::uint64_t> fresh{0};   // allocations from the system
  std::atomic<std::uint64_t> reuses{0};  // from the shared cache

  alignas(64) std::atomic<std::int64_t> calls_until_failure{0};  // 0: none is to fail
};
constinit Shared shared;

// Only a pointer is thread-local storage of the library's own, so that the library can still be loaded late.
[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadCache* cache_of_thread = nullptr;
// Not a member of CacheOwner: what a destructor stores in its own object may be optimized away.
constinit thread_local bool thread_is_ending = false;

void report(std::int64_t bytes) noexcept {
  const std::int64_t in_use = shared.bytes_in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t mark = shared.high_water_mark.load(std::memory_order_relaxed);
  while (in_use > mark && !shared.high_water_mark.compare_exchange_weak(mark, in_use, std::memory_order_relaxed)) {
  }
}

// Counts small blocks; the shared count hears of them when more than 64 KiB have come together.
void count(ThreadCache& cache, std::int64_t bytes) noexcept {
  constexpr std::int64_t limit = static_cast<std::int64_t>(small_limit);
  std::int64_t unreported = cache.unreported.load(std::memory_order_relaxed) + bytes;
  if (unreported > limit || unreported < -limit) [[unlikely]] {
    cache.unreported.store(0, std::memory_order_relaxed);
    report(unreported);
    return;
  }
  cache.unreported.store(unreported, std::memory_order_relaxed);
}

// With the mutex held.
void insert(FreeBlock* list) noexcept {
  FreeBlock*& newest_of_class = shared.newest_of_class[list->size_class];
  list->next_of_class = newest_of_class;
  list->previous_of_class = nullptr;
  if (newest_of_class != nullptr) newest_of_class->previous_of_class = list;
  newest_of_class = list;
  list->newer = nullptr;
  list->older = shared.newest;
  (shared.newest != nullptr ? shared.newest->newer : shared.oldest) = list;
  shared.newest = list;
  shared.bytes_cached += list->bytes();
}

// With the mutex held.
void remove(FreeBlock* list) noexcept {
  (list->previous_of_class != nullptr ? list->previous_of_class->next_of_class
                                      : shared.newest_of_class[list->size_class]) = list->next_of_class;
  if (list->next_of_class != nullptr) list->next_of_class->previous_of_class = list->previous_of_class;
  (list->newer != nullptr ? list->newer->older : shared.newest) = list->older;
  (list->older != nullptr ? list->older->newer : shared.oldest) = list->newer;
  shared.bytes_cached -= list->bytes();
}

// With the mutex held: takes out the oldest lists until at most `limit` bytes are cached; chained by `older`.
FreeBlock* remove_oldest(std::size_t limit) noexcept {
  FreeBlock* removed = nullptr;
  while (shared.bytes_cached > limit) {
    FreeBlock* const list = shared.oldest;
    remove(list);
    list->older = removed;
    removed = list;
  }
  return removed;
}

// With the mutex held, before the first block is cached.
void prepare() noexcept {
  if (shared.prepared) return;
  shared.prepared = true;
  shared.cache_limit = cache_limit_of_machine();
  // A child must not inherit the mutex locked by a thread it does not have.
  pthread_atfork([] { shared.mutex.lock(); }, [] { shared.mutex.unlock(); }, [] { shared.mutex.unlock(); });
}

}  // namespace

void prepare_memory_for_forks() {
  const std::lock_guard lock(shared.mutex);
  prepare();
}

namespace {

// A list of `blocks` free blocks of one class goes to the shared cache, and what is too much there to the system.
void hand_over(FreeBlock* list, unsigned size_class, std::uint32_t blocks) noexcept {
  list->blocks = blocks;
  list->size_class = size_class;
  FreeBlock* too_much;
  {
    const std::lock_guard lock(shared.mutex);
    prepare();
    insert(list);
    too_much = remove_oldest(shared.cache_limit);
  }
  give_to_system(too_much);
}

FreeBlock* take_list(unsigned size_class) noexcept {
  const std::lock_guard lock(shared.mutex);
  FreeBlock* const list = shared.newest_of_class[size_class];
  if (list != nullptr) remove(list);
  return list;
}

// The free mapping that fits `pages` huge pages best, the newest of several; null if none does. What is left of it
// stays in the cache.
FreeBlock* take_mapping(std::uint32_t pages) noexcept {
  const std::lock_guard lock(shared.mutex);
  FreeBlock* best = nullptr;
  const auto is_exact = [&] { return best != nullptr && best->blocks == pages; };
  const unsigned last = std::min(class_of(most_huge_pages_for(pages) * huge_page), all_classes - 1);
  for (unsigned size_class = class_of(pages * huge_page); size_class <= last && !is_exact(); ++size_class)
    for (FreeBlock* free = shared.newest_of_class[size_class]; free != nullptr && !is_exact();
         free = free->next_of_class)
      if (free->blocks >= pages && free->blocks <= most_huge_pages_for(pages) &&
          (best == nullptr || free->blocks < best->blocks))
        best = free;
  if (best == nullptr) return nullptr;
  remove(best);
  if (best->blocks > pages) {
    auto* const rest = reinterpret_cast<FreeBlock*>(reinterpret_cast<char*>(best) + pages * huge_page);
    rest->next = nullptr;
    rest->blocks = best->blocks - pages;
    rest->size_class = class_of(rest->blocks * huge_page);
    insert(rest);
  }
  return best;
}

void hand_over_all(ThreadCache& cache) noexcept {
  for (unsigned i = 0; i < small_classes; ++i) {
    FreeList& list = cache.lists[i];
    if (list.head == nullptr) continue;
    hand_over(list.head, i, list.blocks.load(std::memory_order_relaxed));
    list.head = nullptr;
    list.blocks.store(0, std::memory_order_relaxed);
  }
}

// Gives a thread its cache and takes it back at the thread's end. Blocks may be freed later still, by thread-local
// objects that are destroyed after this one and by globals: those go the way of a thread without a cache.
class CacheOwner {
 public:
  ThreadCache* get() noexcept {
    if (thread_is_ending) return nullptr;
    if (cache_ != nullptr) return cache_;
    cache_ = new (std::nothrow) ThreadCache;
    if (cache_ == nullptr) return nullptr;
    const std::lock_guard lock(shared.mutex);
    prepare();
    cache_->next = shared.threads;
    if (shared.threads != nullptr) shared.threads->previous = cache_;
    shared.threads = cache_;
    cache_of_thread = cache_;
    return cache_;
  }

  ~CacheOwner() {
    thread_is_ending = true;
    if (cache_ == nullptr) return;
    cache_of_thread = nullptr;
    hand_over_all(*cache_);
    {
      const std::lock_guard lock(shared.mutex);
      (cache_->previous != nullptr ? cache_->previous->next : shared.threads) = cache_->next;
      if (cache_->next != nullptr) cache_->next->previous = cache_->previous;
      shared.reuses_of_ended_threads += cache_->reuses.load(std::memory_order_relaxed);
      report(cache_->unreported.load(std::memory_order_relaxed));
    }
    delete cache_;
  }

 private:
  ThreadCache* cache_ = nullptr;
};
thread_local CacheOwner cache_owner;

[[noreturn]] void throw_out_of_memory(std::size_t bytes) {
  const MemoryStatistics statistics = memory_statistics();
  char message[160];
  std::snprintf(message, sizeof message,
                "cannot allocate %zu bytes of CPU memory: %zu bytes are in use, %zu bytes are cached and free", bytes,
                statistics.bytes_in_use, statistics.bytes_cached);
  throw RuntimeError(message);
}

// Counts down to the failure that a test asked for.
bool must_fail() noexcept {
  std::int64_t calls = shared.calls_until_failure.load(std::memory_order_relaxed);
  while (calls > 0)
    if (shared.calls_until_failure.compare_exchange_weak(calls, calls - 1, std::memory_order_relaxed))
      return calls == 1;
  return false;
}

// A block of a class whose blocks are alike, from the shared cache; null if it has none. The rest of the list it heads
// becomes the thread's own, which is empty: else this would not be the slow way, or a failure is being counted down, or
// the thread has no cache; then the rest goes back.
void* take_block(unsigned size_class, ThreadCache* cache) noexcept {
  FreeBlock* const list = take_list(size_class);
  if (list == nullptr) return nullptr;
  if (FreeBlock* const rest = list->next; rest != nullptr) {
    const std::uint32_t blocks = list->blocks - 1;
    if (cache != nullptr && cache->lists[size_class].head == nullptr) {
      cache->lists[size_class].head = rest;
      cache->lists[size_class].blocks.store(blocks, std::memory_order_relaxed);
    } else {
      hand_over(rest, size_class, blocks);
    }
  }
  return list;
}

[[gnu::noinline]] void* allocate_slowly(std::size_t bytes) {
  if (must_fail() || bytes > largest_block) throw_out_of_memory(bytes);
  const unsigned size_class = class_of(bytes);
  const std::size_t size = size_in_use(bytes, size_class);
  ThreadCache* const cache = size <= small_limit ? cache_owner.get() : nullptr;
  void* block = is_mapped(size_class) ? take_mapping(huge_pages_of(bytes)) : take_block(size_class, cache);
  if (block != nullptr) {
    shared.reuses.fetch_add(1, std::memory_order_relaxed);
  } else {
    block = take_from_system(bytes, size_class);
    if (block == nullptr) {
      trim();
      block = take_from_system(bytes, size_class);
    }
    if (block == nullptr) throw_out_of_memory(bytes);
    shared.fresh.fetch_add(1, std::memory_order_relaxed);
  }
  if (cache != nullptr)
    count(*cache, static_cast<std::int64_t>(size));
  else
    report(static_cast<std::int64_t>(size));
  return block;
}

[[gnu::noinline]] void deallocate_slowly(void* block, std::size_t bytes) noexcept {
  const unsigned size_class = class_of(bytes);
  const std::size_t size = size_in_use(bytes, size_class);
  FreeBlock* const list = static_cast<FreeBlock*>(block);
  ThreadCache* const cache = size <= small_limit ? cache_owner.get() : nullptr;
  if (cache == nullptr) {
    report(-static_cast<std::int64_t>(size));
    list->next = nullptr;
    if (is_mapped(size_class)) {
      const std::uint32_t pages = huge_pages_of(bytes);
      hand_over(list, class_of(pages * huge_page), pages);
    } else {
      hand_over(list, size_class, 1);
    }
    return;
  }
  count(*cache, -static_cast<std::int64_t>(size));
  FreeList& own = cache->lists[size_class];
  const std::uint32_t blocks = own.blocks.load(std::memory_order_relaxed);
  if (blocks >= small_class[size_class].blocks_kept) {
    hand_over(own.head, size_class, blocks);
    own.head = nullptr;
    own.blocks.store(0, std::memory_order_relaxed);
  }
  list->next = own.head;
  own.head = list;
  add_alone(own.blocks, std::uint32_t{1});
}

}  // namespace

void* allocate(std::size_t bytes) {
  ThreadCache* const cache = cache_of_thread;
  if (bytes <= small_limit && cache != nullptr && shared.calls_until_failure.load(std::memory_order_relaxed) == 0)
      [[likely]] {
    const unsigned size_class = class_of(bytes);
    FreeList& list = cache->lists[size_class];
    if (FreeBlock* const block = list.head; block != nullptr) [[likely]] {
      list.head = block->next;
      add_alone(list.blocks, ~std::uint32_t{0});
      add_alone(cache->reuses, std::uint64_t{1});
      count(*cache, small_class[size_class].size);
      return block;
    }
  }
  return allocate_slowly(bytes);
}

void deallocate(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  ThreadCache* const cache = cache_of_thread;
  if (bytes <= small_limit && cache != nullptr) [[likely]] {
    const unsigned size_class = class_of(bytes);
    FreeList& list = cache->lists[size_class];
    const std::uint32_t blocks = list.blocks.load(std::memory_order_relaxed);
    if (blocks < small_class[size_class].blocks_kept) [[likely]] {
      FreeBlock* const free = static_cast<FreeBlock*>(block);
      free->next = list.head;
      list.head = free;
      list.blocks.store(blocks + 1, std::memory_order_relaxed);
      count(*cache, -static_cast<std::int64_t>(small_class[size_class].size));
      return;
    }
  }
  deallocate_slowly(block, bytes);
}

MemoryStatistics memory_statistics() noexcept {
  const std::lock_guard lock(shared.mutex);
  MemoryStatistics result;
  std::int64_t in_use = shared.bytes_in_use.load(std::memory_order_relaxed);
  result.reuses = shared.reuses.load(std::memory_order_relaxed) + shared.reuses_of_ended_threads;
  result.bytes_cached = shared.bytes_cached;
  for (const ThreadCache* cache = shared.threads; cache != nullptr; cache = cache->next) {
    in_use += cache->unreported.load(std::memory_order_relaxed);
    result.reuses += cache->reuses.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < small_classes; ++i)
      result.bytes_cached += std::size_t{small_class[i].size} * cache->lists[i].blocks.load(std::memory_order_relaxed);
  }
  const std::int64_t mark = std::max(in_use, shared.high_water_mark.load(std::memory_order_relaxed));
  result.bytes_in_use = static_cast<std::size_t>(std::max<std::int64_t>(in_use, 0));
  result.high_water_mark = static_cast<std::size_t>(std::max<std::int64_t>(mark, 0));
  result.allocations = result.reuses + shared.fresh.load(std::memory_order_relaxed);
  return result;
}

void reset_high_water_mark() noexcept {
  const std::size_t in_use = memory_statistics().bytes_in_use;
  shared.high_water_mark.store(static_cast<std::int64_t>(in_use), std::memory_order_relaxed);
}

void trim() noexcept {
  if (ThreadCache* const cache = cache_of_thread; cache != nullptr) hand_over_all(*cache);
  FreeBlock* removed;
  {
    const std::lock_guard lock(shared.mutex);
    removed = remove_oldest(0);
  }
  give_to_system(removed);
}

void fail_allocation_after(std::int64_t calls) noexcept {
  shared.calls_until_failure.store(std::max<std::int64_t>(calls, 0), std::memory_order_relaxed);
}

}  // namespace kiln::on_cpu
