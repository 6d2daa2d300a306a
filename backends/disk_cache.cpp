// One file per blob: a header that says what it is and a checksum, then the blob. Published by rename.
#include "backends/disk_cache.h"

#include "core/error_text.h"
#include "core/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kiln::backends {
namespace {

constexpr char magic[8] = {'K', 'I', 'L', 'N', 'B', 'L', 'O', 'B'};
constexpr std::uint32_t format_version = 2;
constexpr std::string_view suffix = ".kiln";
constexpr std::string_view temporary_suffix = ".tmp";
constexpr const char* sweep_stamp = "last-sweep";
constexpr std::time_t day = 24 * 60 * 60;
constexpr std::time_t hour = 60 * 60;

struct Header {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t payload_bytes;
  Hash128 key;       // a file under a wrong name is not believed
  Hash128 checksum;  // of the payload
  std::uint64_t reserved;
};
static_assert(sizeof(Header) == 64);

Header header_of(const Hash128& key, std::span<const char> blob) noexcept {
  Header header{};
  std::memcpy(header.magic, magic, sizeof magic);
  header.version = format_version;
  header.header_bytes = sizeof(Header);
  header.payload_bytes = blob.size();
  header.key = key;
  header.checksum = hash128(blob);
  return header;
}

// A file descriptor that closes itself.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// Room for a file name: 32 hexadecimal digits and what surrounds them.
struct Name {
  char text[96];
};

Name name_of(const Hash128& key) {
  Name name;
  std::snprintf(name.text, sizeof name.text, "%016llx%016llx%.*s", static_cast<unsigned long long>(key.high),
                static_cast<unsigned long long>(key.low), static_cast<int>(suffix.size()), suffix.data());
  return name;
}

Name temporary_name(const Hash128& key) {
  static std::atomic<unsigned> counter{0};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);  // process ids repeat, between containers that share a directory too
  Name name;
  std::snprintf(name.text, sizeof name.text, "%016llx%016llx.%ld.%ld.%u%.*s", static_cast<unsigned long long>(key.high),
                static_cast<unsigned long long>(key.low), static_cast<long>(::getpid()), now.tv_nsec,
                counter.fetch_add(1), static_cast<int>(temporary_suffix.size()), temporary_suffix.data());
  return name;
}

// Owned by us and writable by nobody else. (An access control list that lets others write shows in the group bits.)
bool is_private(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// Makes the directory and its parents where they are missing.
void make_directories(const std::string& path) {
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    ::mkdir(path.substr(0, end).c_str(), 0700);  // a failure shows when the directory is opened
  }
}

// The opened directory, or -1; checked on the open descriptor so that nothing can be exchanged between check and use.
int open_private_directory(const std::string& path) {
  const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -1;
  struct stat status{};
  if (::fstat(directory, &status) == 0 && is_private(status)) return directory;
  ::close(directory);
  log(LogLevel::info, text("the cache ", path, " is not used: it belongs to another user, or others can write to it"));
  return -1;
}

bool read_all(int file, void* destination, std::size_t size) {
  auto* at = static_cast<char*>(destination);
  while (size > 0) {
    const ssize_t count = ::read(file, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_all(int file, const void* source, std::size_t size) {
  const auto* at = static_cast<const char*>(source);
  while (size > 0) {
    const ssize_t count = ::write(file, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

// A write beyond the process's file size limit raises a signal whose default is to end the process. While this lives it
// stays pending in this thread, and one that we caused is taken back.
class BlockFileSizeSignal {
 public:
  BlockFileSizeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~BlockFileSizeSignal() {
    const timespec now{};
    if (!was_pending_) sigtimedwait(&signal_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BlockFileSizeSignal(const BlockFileSizeSignal&) = delete;
  BlockFileSizeSignal& operator=(const BlockFileSizeSignal&) = delete;

 private:
  sigset_t signal_;
  sigset_t before_;
  bool was_pending_ = false;
};

bool write_file(int directory, const char* name, const Header& header, std::span<const char> blob) {
  const BlockFileSizeSignal blocked;
  const File file(::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.open()) return false;
  return write_all(file.get(), &header, sizeof header) && write_all(file.get(), blob.data(), blob.size());
}

// The sweep goes by the time of last use; noting it once a day is enough and keeps loads free of writes.
void note_use(int file, const struct stat& status) {
  if (std::time(nullptr) - status.st_mtime > day) ::futimens(file, nullptr);
}

std::optional<std::vector<char>> load_file(int directory, const Hash128& key, std::uint64_t max_bytes) {
  // Not blocking, in case somebody put a pipe there.
  const File file(::openat(directory, name_of(key).text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file.open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || !is_private(status)) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof(Header) || size - sizeof(Header) > max_bytes / 4) return {};
  Header header;
  std::vector<char> blob(size - sizeof(Header));
  if (!read_all(file.get(), &header, sizeof header) || !read_all(file.get(), blob.data(), blob.size())) return {};
  const Header expected = header_of(key, blob);
  if (std::memcmp(&header, &expected, sizeof header) != 0) {
    log(LogLevel::info, text("the cache's entry ", name_of(key).text, " is damaged: compiling again"));
    return {};
  }
  note_use(file.get(), status);
  return blob;
}

struct Entry {
  Name name;
  std::uint64_t bytes;
  std::time_t used;
};

// The blobs in the directory; temporary files that a process left behind an hour ago or more go on the way.
std::vector<Entry> list_and_tidy(int directory) {
  std::vector<Entry> entries;
  const int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = again >= 0 ? ::fdopendir(again) : nullptr;
  if (stream == nullptr) {
    if (again >= 0) ::close(again);
    return entries;
  }
  const std::time_t now = std::time(nullptr);
  while (const dirent* found = ::readdir(stream)) {
    const std::string_view name = found->d_name;
    struct stat status{};
    Entry entry{};
    if (name.size() >= sizeof entry.name.text) continue;
    if (!name.ends_with(suffix) && !name.ends_with(temporary_suffix)) continue;
    if (::fstatat(directory, found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) continue;
    if (name.ends_with(temporary_suffix)) {
      if (now - status.st_mtime > hour) ::unlinkat(directory, found->d_name, 0);
      continue;
    }
    std::memcpy(entry.name.text, found->d_name, name.size());
    entry.bytes = static_cast<std::uint64_t>(status.st_size);
    entry.used = status.st_mtime;
    entries.push_back(entry);
  }
  ::closedir(stream);
  return entries;
}

// Removes what was not used for longest until three quarters of the bound are left, so that the next sweep is far off.
void sweep(int directory, std::uint64_t max_bytes) {
  std::vector<Entry> entries = list_and_tidy(directory);
  std::uint64_t total = 0;
  for (const Entry& entry : entries) total += entry.bytes;
  if (total <= max_bytes) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= max_bytes / 4 * 3) return;
    if (::unlinkat(directory, entry.name.text, 0) == 0 || errno == ENOENT) total -= entry.bytes;
  }
}

// Whether a day has passed since any process swept; if so, this one takes it on.
bool daily_sweep_due(int directory) {
  struct stat status{};
  if (::fstatat(directory, sweep_stamp, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      std::time(nullptr) - status.st_mtime < day)
    return false;
  const File stamp(::openat(directory, sweep_stamp, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  return stamp.open() && ::futimens(stamp.get(), nullptr) == 0;
}

}  // namespace

Hash128 hash128(std::span<const char> bytes) noexcept {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

std::optional<std::vector<char>> DiskCache::load(const Hash128& key) const noexcept try {
  if (options_.directory.empty()) return {};
  const File directory(open_private_directory(options_.directory));
  if (!directory.open()) return {};
  return load_file(directory.get(), key, options_.max_bytes);
} catch (...) {  // out of memory: not found
  return {};
}

void DiskCache::store(const Hash128& key, std::span<const char> blob) noexcept try {
  if (options_.directory.empty() || blob.size() > options_.max_bytes / 4) return;
  int descriptor = open_private_directory(options_.directory);
  if (descriptor < 0) {
    make_directories(options_.directory);
    descriptor = open_private_directory(options_.directory);
  }
  const File directory(descriptor);
  if (!directory.open())
    return log(LogLevel::info, text("compiled code cannot be kept: no usable folder ", options_.directory));
  const Name name = name_of(key);
  const Name temporary = temporary_name(key);
  const bool written = write_file(directory.get(), temporary.text, header_of(key, blob), blob);
  if (!written || ::renameat(directory.get(), temporary.text, directory.get(), name.text) != 0) {
    log(LogLevel::info, text("compiled code cannot be kept in ", options_.directory, ": ", strerrordesc_np(errno)));
    ::unlinkat(directory.get(), temporary.text, 0);
    return;
  }
  sweep_if_due(directory.get(), sizeof(Header) + blob.size());
} catch (...) {  // out of memory: not stored
}

// A sweep lists the directory, so it is rare: the first store of a process looks whether a day has passed, and a
// process that stores a lot sweeps after each sixteenth of the bound.
void DiskCache::sweep_if_due(int directory, std::uint64_t stored) noexcept try {
  const bool first = !looked_at_age_.exchange(true);
  const bool much = stored_since_sweep_.fetch_add(stored) + stored > options_.max_bytes / 16;
  if (!much && !(first && daily_sweep_due(directory))) return;
  stored_since_sweep_ = 0;
  sweep(directory, options_.max_bytes);
} catch (...) {  // out of memory: swept another time
}

}  // namespace kiln::backends
