// The disk cache: what it keeps, and everything that must make it a miss and nothing else.
#include "backends/disk_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace kiln::backends {
namespace {

namespace fs = std::filesystem;

std::vector<char> blob_of(std::size_t size, unsigned seed) {
  std::vector<char> blob(size);
  for (char& c : blob) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return blob;
}

constexpr Hash128 key{0x1234, 0x5678};

class DiskCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "kiln-cache-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    directory_ = root_ / "a" / "kiln";
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  DiskCache cache(std::uint64_t max_bytes = 1 << 20) const { return DiskCache({directory_.string(), max_bytes}); }

  std::vector<fs::path> files(const std::string& extension) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory_))
      if (entry.path().extension() == extension) found.push_back(entry.path());
    return found;
  }

  fs::path only_file() const {
    const auto found = files(".kiln");
    EXPECT_EQ(found.size(), 1u);
    return found.at(0);
  }

  void overwrite(const fs::path& path, const std::vector<char>& bytes) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<long>(bytes.size()));
  }

  static std::vector<char> contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path root_, directory_;
};

TEST_F(DiskCacheTest, GivesBackWhatWasStored) {
  for (const std::size_t size : {0u, 1u, 4096u, 100'000u}) {
    const Hash128 own_key{size, 1};
    const std::vector<char> blob = blob_of(size, 1);
    EXPECT_FALSE(cache().load(own_key).has_value());
    cache().store(own_key, blob);
    EXPECT_EQ(cache().load(own_key), blob);
  }
}

TEST_F(DiskCacheTest, KeysAreKeptApart) {
  cache().store({1, 2}, blob_of(10, 1));
  cache().store({2, 1}, blob_of(10, 2));
  EXPECT_EQ(cache().load({1, 2}), blob_of(10, 1));
  EXPECT_EQ(cache().load({2, 1}), blob_of(10, 2));
  EXPECT_FALSE(cache().load({1, 1}).has_value());
  cache().store({1, 2}, blob_of(20, 3));
  EXPECT_EQ(cache().load({1, 2}), blob_of(20, 3));
}

TEST_F(DiskCacheTest, HashDependsOnEveryByte) {
  std::vector<char> bytes = blob_of(100, 9);
  const Hash128 before = hash128(bytes);
  EXPECT_EQ(hash128(bytes), before);
  bytes[57] ^= 1;
  EXPECT_NE(hash128(bytes), before);
  EXPECT_NE(hash128({}), before);
}

TEST_F(DiskCacheTest, DirectoryAndFilesArePrivate) {
  const mode_t before = ::umask(0);
  cache().store(key, blob_of(10, 1));
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(only_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(DiskCacheTest, DirectoryOthersCanWriteIsNotUsed) {
  cache().store(key, blob_of(10, 1));
  for (const mode_t mode : {0770, 0702, 0777}) {
    ::chmod(directory_.c_str(), mode);
    EXPECT_FALSE(cache().load(key).has_value());
    cache().store({7, 7}, blob_of(10, 1));
    EXPECT_EQ(files(".kiln").size(), 1u);
  }
  ::chmod(directory_.c_str(), 0755);
  EXPECT_TRUE(cache().load(key).has_value());
}

TEST_F(DiskCacheTest, FileOthersCanWriteIsNotUsed) {
  cache().store(key, blob_of(10, 1));
  for (const mode_t mode : {0620, 0602, 0666}) {
    ::chmod(only_file().c_str(), mode);
    EXPECT_FALSE(cache().load(key).has_value());
  }
  ::chmod(only_file().c_str(), 0644);
  EXPECT_TRUE(cache().load(key).has_value());
}

TEST_F(DiskCacheTest, ForeignOwnerIsNotBelieved) {
  cache().store(key, blob_of(10, 1));
  constexpr uid_t somebody = 65534;
  if (::geteuid() != 0) {
    // An ordinary user cannot give files away, but the root directory belongs to somebody else.
    DiskCache foreign({"/", 1 << 20});
    foreign.store(key, blob_of(10, 1));
    EXPECT_FALSE(foreign.load(key).has_value());
    return;
  }
  ASSERT_EQ(::chown(only_file().c_str(), somebody, somebody), 0);
  EXPECT_FALSE(cache().load(key).has_value());
  ASSERT_EQ(::chown(only_file().c_str(), 0, 0), 0);
  EXPECT_TRUE(cache().load(key).has_value());
  ASSERT_EQ(::chown(directory_.c_str(), somebody, somebody), 0);
  EXPECT_FALSE(cache().load(key).has_value());
}

TEST_F(DiskCacheTest, EveryDamagedByteIsNoticed) {
  const std::vector<char> blob = blob_of(40, 5);
  cache().store(key, blob);
  const fs::path path = only_file();
  const std::vector<char> intact = contents(path);
  ASSERT_EQ(intact.size(), 64u + 40u);
  for (std::size_t i = 0; i < intact.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::vector<char> damaged = intact;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      overwrite(path, damaged);
      EXPECT_FALSE(cache().load(key).has_value()) << i;
    }
  }
  overwrite(path, intact);
  EXPECT_EQ(cache().load(key), blob);
}

TEST_F(DiskCacheTest, EveryTruncationAndGrowthIsNoticed) {
  cache().store(key, blob_of(40, 5));
  const fs::path path = only_file();
  std::vector<char> bytes = contents(path);
  bytes.push_back('x');
  overwrite(path, bytes);
  EXPECT_FALSE(cache().load(key).has_value());
  bytes.pop_back();
  while (!bytes.empty()) {
    bytes.pop_back();
    overwrite(path, bytes);
    EXPECT_FALSE(cache().load(key).has_value()) << bytes.size();
  }
  cache().store(key, blob_of(40, 6));  // and what is broken is replaced
  EXPECT_EQ(cache().load(key), blob_of(40, 6));
}

TEST_F(DiskCacheTest, RenamedFileIsNotBelieved) {
  cache().store(key, blob_of(10, 1));
  const fs::path first = only_file();
  cache().store({9, 9}, blob_of(10, 2));
  for (const fs::path& path : files(".kiln"))
    if (path != first) fs::rename(first, path);
  EXPECT_FALSE(cache().load({9, 9}).has_value());
  EXPECT_FALSE(cache().load(key).has_value());
}

TEST_F(DiskCacheTest, LinksPipesAndDirectoriesAreNoBlobs) {
  cache().store(key, blob_of(10, 1));
  const fs::path path = only_file();
  fs::rename(path, root_ / "elsewhere");
  fs::create_symlink(root_ / "elsewhere", path);
  EXPECT_FALSE(cache().load(key).has_value());
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(cache().load(key).has_value());  // and does not wait for a writer
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(cache().load(key).has_value());
  cache().store(key, blob_of(10, 1));
  EXPECT_TRUE(files(".tmp").empty());
}

TEST_F(DiskCacheTest, ReadOnlyPlaceIsAMiss) {
  // /proc belongs to us here and cannot be written, not even by root.
  for (const char* place : {"/proc/self/task", "/proc/self/task/kiln", "/dev/null", "/dev/null/kiln"}) {
    DiskCache read_only({place, 1 << 20});
    read_only.store(key, blob_of(10, 1));
    EXPECT_FALSE(read_only.load(key).has_value()) << place;
  }
  DiskCache nowhere({"", 1 << 20});
  nowhere.store(key, blob_of(10, 1));
  EXPECT_FALSE(nowhere.load(key).has_value());
}

// A file size limit stands for the full disk: writes fail half-way. Its signal must not end the process.
TEST_F(DiskCacheTest, FullDiskLeavesNothingBehind) {
  cache().store({5, 5}, blob_of(10, 1));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_DFL);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    DiskCache full = cache();
    full.store(key, blob_of(5000, 1));
    ::_exit(full.load(key).has_value() ? 1 : full.load({5, 5}) == blob_of(10, 1) ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(files(".tmp").empty());
  EXPECT_EQ(files(".kiln").size(), 1u);
}

TEST_F(DiskCacheTest, StaysBelowItsBoundAndDropsTheOldest) {
  constexpr std::uint64_t bound = 64 << 10;
  DiskCache small = cache(bound);
  std::vector<Hash128> keys;
  for (std::uint64_t i = 0; i < 100; ++i) {
    keys.push_back({i, 3});
    small.store(keys.back(), blob_of(1900, static_cast<unsigned>(i)));
    // One second between any two, counted back from now.
    const timespec time{::time(nullptr) - 1000 + static_cast<time_t>(i), 0};
    const timespec times[] = {time, time};
    char name[64];
    std::snprintf(name, sizeof name, "%016x%016x.kiln", 3, static_cast<unsigned>(i));
    ::utimensat(AT_FDCWD, (directory_ / name).c_str(), times, 0);
  }
  std::uint64_t total = 0;
  for (const fs::path& path : files(".kiln")) total += fs::file_size(path);
  EXPECT_LE(total, bound + bound / 16 + 2000);
  EXPECT_GE(total, bound / 2);
  EXPECT_FALSE(small.load(keys.front()).has_value());
  EXPECT_EQ(small.load(keys.back()), blob_of(1900, 99));
  small.store({1, 4}, blob_of(bound, 1));  // larger than a quarter of the bound: not kept
  EXPECT_FALSE(small.load({1, 4}).has_value());
}

TEST_F(DiskCacheTest, SweepRemovesOnlyItsOwnStaleFiles) {
  cache().store(key, blob_of(10, 1));
  fs::remove(directory_ / "last-sweep");
  for (const char* name : {"stale.tmp", "fresh.tmp", "users-own-file.txt"}) overwrite(directory_ / name, {'x'});
  const timespec old{::time(nullptr) - 7200, 0};
  const timespec times[] = {old, old};
  ::utimensat(AT_FDCWD, (directory_ / "stale.tmp").c_str(), times, 0);
  cache().store({8, 8}, blob_of(10, 1));
  EXPECT_FALSE(fs::exists(directory_ / "stale.tmp"));
  EXPECT_TRUE(fs::exists(directory_ / "fresh.tmp"));
  EXPECT_TRUE(fs::exists(directory_ / "users-own-file.txt"));
  EXPECT_TRUE(cache().load(key).has_value());
}

TEST_F(DiskCacheTest, ThreadsAndReadersSeeWholeBlobsOnly) {
  DiskCache shared = cache(64 << 20);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 100; ++i) {
        shared.store(key, blob_of(20'000 + t, t));
        const auto found = shared.load(key);
        if (!found || found->size() < 20'000 ||
            *found != blob_of(found->size(), static_cast<unsigned>(found->size() - 20'000)))
          ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(files(".tmp").empty());
}

}  // namespace
}  // namespace kiln::backends
