// Compiled code kept on disk between processes: blobs found by the hash of what they were made from.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kiln::backends {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  bool operator==(const Hash128&) const = default;
};

// XXH3, 128 bits.
Hash128 hash128(std::span<const char> bytes) noexcept;

struct DiskCacheOptions {
  std::string directory;  // empty: no cache
  std::uint64_t max_bytes = 0;
};

// The cache can only help. Whatever is wrong with it (missing, corrupt, written by another version, full, read-only,
// writable by others), a load finds nothing and a store does nothing. Code is loaded only from a directory and a file
// that belong to the effective user and that nobody else can write. Any number of threads and processes may share one
// directory.
class DiskCache {
 public:
  explicit DiskCache(DiskCacheOptions options) : options_(std::move(options)) {}

  std::optional<std::vector<char>> load(const Hash128& key) const noexcept;
  void store(const Hash128& key, std::span<const char> blob) noexcept;

  const DiskCacheOptions& options() const noexcept { return options_; }

 private:
  void sweep_if_due(int directory, std::uint64_t stored) noexcept;

  DiskCacheOptions options_;
  std::atomic<std::uint64_t> stored_since_sweep_{0};
  std::atomic<bool> looked_at_age_{false};
};

}  // namespace kiln::backends
