// The CPU's memory pool: alignment, reuse, counts that add up, failures that can be survived.
#include "cpu/memory.h"

#include <gtest/gtest.h>
#include <kiln/error.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using kiln::on_cpu::allocate;
using kiln::on_cpu::deallocate;
using kiln::on_cpu::memory_statistics;
using kiln::on_cpu::reset_high_water_mark;
using kiln::on_cpu::trim;

constexpr std::size_t kibibyte = 1024, mebibyte = 1024 * kibibyte;

std::size_t in_use() { return memory_statistics().bytes_in_use; }

TEST(Memory, BlocksAreAlignedAndDistinct) {
  std::vector<std::pair<char*, std::size_t>> blocks;
  const std::size_t before = in_use();
  for (std::size_t bytes = 1; bytes <= 16 * mebibyte; bytes = bytes * 3 / 2 + 1)
    for (std::size_t size : {bytes - 1, bytes, bytes + 1}) {
      char* const block = static_cast<char*>(allocate(size));
      ASSERT_NE(block, nullptr);
      const std::size_t alignment = size >= 2 * mebibyte ? 2 * mebibyte : 64;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u) << size;
      std::memset(block, static_cast<int>(blocks.size() % 251), size);
      blocks.emplace_back(block, size);
    }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, size] = blocks[i];
    if (size > 0) {
      EXPECT_EQ(block[0], static_cast<char>(i % 251)) << size;
      EXPECT_EQ(block[size - 1], static_cast<char>(i % 251)) << size;
    }
    deallocate(block, size);
  }
  EXPECT_EQ(in_use(), before);
  deallocate(nullptr, 100);
}

TEST(Memory, RoundsUpByAQuarterAndBy64KiBAtMost) {
  for (std::size_t bytes = 1; bytes <= 300 * mebibyte; bytes += 1 + bytes / 7) {
    const std::size_t before = in_use();
    void* const block = allocate(bytes);
    const std::size_t size = in_use() - before;
    EXPECT_GE(size, bytes);
    EXPECT_LE(size, std::max<std::size_t>((bytes + 63) / 64 * 64, bytes + std::min(bytes / 4, 64 * kibibyte))) << bytes;
    deallocate(block, bytes);
    EXPECT_EQ(in_use(), before);
  }
  trim();
}

TEST(Memory, EverySizeAroundAStepIsWhole) {
  // Two blocks of each size, filled to the last byte and freed in both orders: none reaches into its neighbour.
  std::vector<std::size_t> steps;
  for (std::size_t step = 64; step <= 9 * mebibyte; step += std::max<std::size_t>(64, step / 16)) steps.push_back(step);
  for (std::size_t step = 128 * kibibyte; step <= 4 * mebibyte; step += 64 * kibibyte) steps.push_back(step);
  for (std::size_t step : steps)
    for (std::size_t bytes : {step - 1, step, step + 1}) {
      const std::size_t before = in_use();
      char* const one = static_cast<char*>(allocate(bytes));
      char* const other = static_cast<char*>(allocate(bytes));
      std::memset(one, 1, bytes);
      std::memset(other, 2, bytes);
      ASSERT_EQ(one[0] + one[bytes - 1], 2) << bytes;
      deallocate(bytes % 2 ? one : other, bytes);
      deallocate(bytes % 2 ? other : one, bytes);
      ASSERT_EQ(in_use(), before) << bytes;
    }
  trim();
}

TEST(Memory, ALargerBlockServesAndItsRestStaysFree) {
  trim();
  char* const block = static_cast<char*>(allocate(20 * mebibyte));
  std::memset(block, 1, 20 * mebibyte);
  deallocate(block, 20 * mebibyte);
  const auto before = memory_statistics();
  // A quarter larger serves, more does not.
  void* const much_smaller = allocate(14 * mebibyte);
  EXPECT_EQ(memory_statistics().reuses, before.reuses);
  EXPECT_EQ(allocate(15 * mebibyte), block);
  EXPECT_EQ(memory_statistics().bytes_in_use, before.bytes_in_use + 29 * mebibyte);
  EXPECT_EQ(memory_statistics().bytes_cached, before.bytes_cached - 16 * mebibyte);
  EXPECT_EQ(allocate(4 * mebibyte), block + 16 * mebibyte);
  EXPECT_EQ(memory_statistics().bytes_cached, before.bytes_cached - 20 * mebibyte);
  deallocate(block, 15 * mebibyte);
  deallocate(block + 16 * mebibyte, 4 * mebibyte);
  deallocate(much_smaller, 14 * mebibyte);
  EXPECT_EQ(memory_statistics().bytes_in_use, before.bytes_in_use);
  trim();
  EXPECT_EQ(memory_statistics().bytes_cached, 0u);
}

TEST(Memory, TheBestFitServes) {
  trim();
  std::vector<void*> blocks;
  for (const std::size_t size : {44, 40, 48, 42}) blocks.push_back(allocate(size * mebibyte));
  for (std::size_t k = 0; k < 4; ++k) deallocate(blocks[k], std::array{44, 40, 48, 42}[k] * mebibyte);
  for (const auto& [size, expected] : {std::pair(41, 3), {43, 0}, {40, 1}, {39, 2}})
    EXPECT_EQ(allocate(static_cast<std::size_t>(size) * mebibyte), blocks[static_cast<std::size_t>(expected)]) << size;
  deallocate(blocks[3], 41 * mebibyte);
  deallocate(blocks[0], 43 * mebibyte);
  deallocate(blocks[1], 40 * mebibyte);
  deallocate(blocks[2], 39 * mebibyte);
  trim();
}

TEST(Memory, FreedBlocksAreReused) {
  for (std::size_t bytes : {std::size_t{1}, std::size_t{100}, 64 * kibibyte, 65 * kibibyte, mebibyte, 40 * mebibyte}) {
    void* const block = allocate(bytes);
    deallocate(block, bytes);
    const auto before = memory_statistics();
    for (int i = 0; i < 100; ++i) {
      void* const again = allocate(bytes);
      ASSERT_EQ(again, block) << bytes;
      deallocate(again, bytes);
    }
    const auto after = memory_statistics();
    EXPECT_EQ(after.allocations - before.allocations, 100u);
    EXPECT_EQ(after.reuses - before.reuses, 100u);
    EXPECT_EQ(after.bytes_cached, before.bytes_cached);
  }
}

TEST(Memory, TrimGivesCachedBlocksBack) {
  std::vector<void*> small;
  for (int i = 0; i < 2000; ++i) small.push_back(allocate(1000));
  void* const big = allocate(50 * mebibyte);
  void* const middle = allocate(mebibyte);
  for (void* block : small) deallocate(block, 1000);
  deallocate(big, 50 * mebibyte);
  deallocate(middle, mebibyte);
  EXPECT_GE(memory_statistics().bytes_cached, 53 * mebibyte - 50 * kibibyte);
  trim();
  EXPECT_EQ(memory_statistics().bytes_cached, 0u);
  const auto before = memory_statistics();
  deallocate(allocate(50 * mebibyte), 50 * mebibyte);
  EXPECT_EQ(memory_statistics().reuses, before.reuses);
}

TEST(Memory, BlocksFreedByAnotherThreadComeBack) {
  constexpr int count = 3000;
  trim();
  const std::size_t before = in_use();
  const std::uint64_t reuses_before = memory_statistics().reuses;
  for (int round = 0; round < 5; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < count; ++i) blocks.push_back(allocate(500 + i % 3 * 5000));
    EXPECT_EQ(memory_statistics().reuses - reuses_before, static_cast<std::uint64_t>(round * count));
    std::thread([&] {
      for (int i = 0; i < count; ++i) deallocate(blocks[i], 500 + i % 3 * 5000);
    }).join();
    EXPECT_EQ(in_use(), before);
  }
}

TEST(Memory, ManyThreadsExchangeBlocks) {
  struct Block {
    unsigned char* data;
    std::size_t bytes;
    unsigned char mark;
  };
  const std::size_t before = in_use();
  std::mutex mutex;
  std::vector<Block> exchanged;
  std::atomic<int> corrupted{0};
  const auto check_and_free = [&](const Block& block) {
    if (block.data[0] != block.mark || block.data[block.bytes - 1] != block.mark) ++corrupted;
    deallocate(block.data, block.bytes);
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int i = 0; i < 5000; ++i) {
        const std::size_t bytes = 1 + random() % (random() % 50 == 0  ? 3 * mebibyte
                                                  : random() % 5 == 0 ? 100000
                                                                      : 3000);
        const Block block{static_cast<unsigned char*>(allocate(bytes)), bytes, static_cast<unsigned char>(random())};
        block.data[0] = block.data[bytes - 1] = block.mark;
        std::unique_lock lock(mutex);
        exchanged.push_back(block);
        if (exchanged.size() < 100) continue;
        std::swap(exchanged[random() % exchanged.size()], exchanged.back());
        const Block other = exchanged.back();
        exchanged.pop_back();
        lock.unlock();
        check_and_free(other);
        if (i % 1000 == 0) trim();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const Block& block : exchanged) check_and_free(block);
  EXPECT_EQ(corrupted, 0);
  EXPECT_EQ(in_use(), before);
  trim();
}

TEST(Memory, HighWaterMarkIsRightTo64KiBPerThread) {
  const std::size_t before = in_use();
  reset_high_water_mark();
  EXPECT_EQ(memory_statistics().high_water_mark, before);
  std::vector<void*> blocks;
  for (int i = 0; i < 10000; ++i) blocks.push_back(allocate(256));
  void* const big = allocate(8 * mebibyte);
  const std::size_t peak = before + 10000 * 256 + 8 * mebibyte;
  EXPECT_EQ(in_use(), peak);
  for (void* block : blocks) deallocate(block, 256);
  deallocate(big, 8 * mebibyte);
  EXPECT_EQ(in_use(), before);
  const std::size_t mark = memory_statistics().high_water_mark;
  EXPECT_GE(mark + 64 * kibibyte, peak);
  EXPECT_LE(mark, peak + 64 * kibibyte);
  reset_high_water_mark();
  EXPECT_EQ(memory_statistics().high_water_mark, before);
}

TEST(Memory, CacheIsBounded) {
  // 6 GiB pass through, untouched and therefore costing nothing; at most 4 GiB may stay.
  std::vector<void*> blocks;
  for (int i = 0; i < 24; ++i) blocks.push_back(allocate(256 * mebibyte));
  for (void* block : blocks) deallocate(block, 256 * mebibyte);
  EXPECT_LE(memory_statistics().bytes_cached, 4096 * mebibyte + 16 * mebibyte);
  EXPECT_GT(memory_statistics().bytes_cached, 0u);
  // What stays are the newest.
  EXPECT_EQ(allocate(256 * mebibyte), blocks.back());
  deallocate(blocks.back(), 256 * mebibyte);
  trim();
}

TEST(Memory, FailureNamesTheBytesAndIsSurvived) {
  const auto before = memory_statistics();
  void* const alive = allocate(4096);
  for (std::size_t bytes : {std::size_t{1} << 47, (std::size_t{1} << 47) + 1, ~std::size_t{0}}) {
    try {
      allocate(bytes);
      FAIL() << "allocated " << bytes;
    } catch (const kiln::RuntimeError& error) {
      EXPECT_NE(std::string(error.what()).find(std::to_string(bytes) + " bytes"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(std::to_string(before.bytes_in_use + 4096) + " bytes are in use"),
                std::string::npos)
          << error.what();
    }
  }
  deallocate(alive, 4096);
  EXPECT_EQ(in_use(), before.bytes_in_use);
}

TEST(Memory, InjectedFailureHitsTheCallNamedOnce) {
  for (std::size_t bytes : {std::size_t{64}, 3 * mebibyte}) {
    void* warm = allocate(bytes);
    deallocate(warm, bytes);
    for (int failing = 1; failing <= 4; ++failing) {
      const std::size_t before = in_use();
      kiln::on_cpu::fail_allocation_after(failing);
      std::vector<void*> blocks;
      int failed = 0;
      for (int call = 1; call <= 6; ++call) {
        try {
          blocks.push_back(allocate(bytes));
        } catch (const kiln::RuntimeError&) {
          EXPECT_EQ(failed, 0);
          failed = call;
        }
      }
      EXPECT_EQ(failed, failing);
      for (void* block : blocks) deallocate(block, bytes);
      EXPECT_EQ(in_use(), before);
    }
    kiln::on_cpu::fail_allocation_after(1);
    kiln::on_cpu::fail_allocation_after(-1);
    EXPECT_NO_THROW(deallocate(allocate(bytes), bytes));
  }
}

// Frees its block when its thread ends: made before the thread's cache, hence destroyed after it.
struct FreesLate {
  void* block = nullptr;
  ~FreesLate() {
    deallocate(block, 300);
    deallocate(allocate(300), 300);
  }
};

TEST(Memory, BlocksMayBeFreedWhileAThreadEnds) {
  const std::size_t before = in_use();
  for (int i = 0; i < 10; ++i)
    std::thread([] {
      thread_local FreesLate late;
      late.block = nullptr;
      void* const other = allocate(300);
      late.block = allocate(300);
      deallocate(other, 300);
    }).join();
  EXPECT_EQ(in_use(), before);
}

TEST(Memory, ChildOfForkCanAllocate) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {  // holds the shared cache's lock much of the time
    while (!stop) deallocate(allocate(100 * kibibyte), 100 * kibibyte);
  });
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      for (std::size_t bytes : {std::size_t{100}, 100 * kibibyte, 4 * mebibyte}) {
        void* const block = allocate(bytes);
        std::memset(block, 1, bytes);
        deallocate(block, bytes);
      }
      trim();
      _exit(0);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  busy.join();
}

}  // namespace
