// Appending to a Program.
#include "core/ir.h"

namespace kiln::ir {

NodeId Program::append(const Node& node) {
  nodes.push_back(node);
  return static_cast<NodeId>(nodes.size() - 1);
}

BlockId Program::new_block() {
  blocks.emplace_back();
  return static_cast<BlockId>(blocks.size() - 1);
}

}  // namespace kiln::ir
