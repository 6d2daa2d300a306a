// Device memory that waits on its stream for the next allocation of its size.
#include "cuda/kept_blocks.h"

#include <utility>

namespace kiln::on_cuda {

std::uint64_t KeptBlocks::take(std::size_t bytes) noexcept {
  // What was freed last is the likeliest to be in the GPU's cache.
  for (std::size_t k = blocks_.size(); k-- > 0;) {
    if (blocks_[k].bytes != bytes) continue;
    const std::uint64_t address = blocks_[k].address;
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(k));
    bytes_ -= bytes;
    return address;
  }
  return 0;
}

bool KeptBlocks::keep(Block block, std::size_t most, std::vector<Block>& gone) noexcept {
  if (block.bytes > most) return false;
  try {
    blocks_.reserve(most_blocks);
    std::size_t count = 0, bytes = bytes_;
    while (count < blocks_.size() && (bytes + block.bytes > most || blocks_.size() - count >= most_blocks))
      bytes -= blocks_[count++].bytes;
    const auto end = blocks_.begin() + static_cast<std::ptrdiff_t>(count);
    gone.assign(blocks_.begin(), end);
    blocks_.erase(blocks_.begin(), end);
    bytes_ = bytes + block.bytes;
    blocks_.push_back(block);
    return true;
  } catch (...) {
    return false;  // no memory for the list
  }
}

std::vector<KeptBlocks::Block> KeptBlocks::take_all() noexcept {
  bytes_ = 0;
  return std::exchange(blocks_, {});
}

}  // namespace kiln::on_cuda
