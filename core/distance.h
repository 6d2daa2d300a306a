// Dependences between two parallel loops over the same space: whether they stay within one iteration.
#pragma once

#include "core/effects.h"

#include <unordered_map>
#include <unordered_set>

namespace kiln::ir {

/// Compares the accesses of two loops whose first `depth` dimensions agree. The second's nodes are given as they read
/// with the first loop's indices in place of its own.
class Distance {
 public:
  Distance(Builder& builder, const Memory& memory, LoopId loop, std::uint32_t depth)
      : builder_(builder), program_(builder.program()), memory_(memory), loop_(loop), depth_(depth) {}

  /// What changes from iteration to iteration: the loads, variable reads and inner loops of either body.
  void inside(const Effects& body);
  /// Whether, of two accesses that may meet, only those of one iteration do.
  bool is_zero(const Access& first, const Access& second);

 private:
  bool serves(NodeId first, NodeId second, std::uint32_t dimension);
  bool disjoint(const Access& first, const Access& second);
  bool trivial(std::uint32_t dimension);
  bool varies(NodeId id);
  bool is_own_index(NodeId id) const;

  Builder& builder_;
  Program& program_;
  const Memory& memory_;
  LoopId loop_;
  std::uint32_t depth_;
  std::unordered_set<NodeId> defined_;
  std::unordered_set<LoopId> loops_;
  std::unordered_map<NodeId, bool> varies_;
};

}  // namespace kiln::ir
