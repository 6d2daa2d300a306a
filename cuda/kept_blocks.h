// Device memory that was given back on a stream and waits there for the next allocation of its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kiln::on_cuda {

/// What is freed on a stream may be used again on it without a question to the driver: the stream's order is the
/// order of the uses. Sizes are exact; the oldest blocks go first. Its owner locks it.
class KeptBlocks {
 public:
  struct Block {
    std::uint64_t address;
    std::size_t bytes;
  };

  /// The address of a block of this size, no longer kept; 0: there is none.
  std::uint64_t take(std::size_t bytes) noexcept;
  /// False: it is not kept. `most` is the bytes that all of them may have; what has no room any more is in `gone`.
  bool keep(Block block, std::size_t most, std::vector<Block>& gone) noexcept;
  /// All of them, no longer kept.
  std::vector<Block> take_all() noexcept;

 private:
  static constexpr std::size_t most_blocks = 64;  // a search of them is 20 ns
  std::vector<Block> blocks_;                     // the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace kiln::on_cuda
