// Replacing nodes, and loops' indices, throughout statements.
#pragma once

#include "core/effects.h"

#include <unordered_map>

namespace kiln::ir {

class Rewriter {
 public:
  explicit Rewriter(Builder& builder) : builder_(builder), program_(builder.program()) {}

  /// From now on `to` stands for the node `from` (a load or variable read, or an index).
  void replace(NodeId from, NodeId to);
  /// From now on index k of loop `from` is index k of loop `to`.
  void rename(LoopId from, LoopId to);

  NodeId operator()(NodeId id);
  /// The nodes a statement mentions itself; a load it evaluates changes in place.
  void own(Statement& statement);
  void block(BlockId block);
  /// Results and the extents of aliases: what stands in no statement.
  void rest();

 private:
  NodeId rebuilt(NodeId id);
  void own_indices(std::uint32_t& first, std::uint32_t count);

  Builder& builder_;
  Program& program_;
  std::unordered_map<NodeId, NodeId> replaced_, known_;
  std::unordered_map<LoopId, LoopId> loops_;
};

}  // namespace kiln::ir
