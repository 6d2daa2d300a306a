// Nodes that are equal because a guard before says so.
#pragma once

#include "core/build.h"

#include <algorithm>
#include <unordered_map>

namespace kiln::ir {

class Equalities {
 public:
  /// Takes in what holds after a guard on `condition`.
  void learn(const Program& program, NodeId condition) {
    const Node& node = program[condition];
    if (node.op == Op::logical_and) {
      learn(program, node.operands[0]);
      learn(program, node.operands[1]);
    } else if (node.op == Op::equal) {
      const NodeId a = find(node.operands[0]), b = find(node.operands[1]);
      if (a != b) known_[std::max(a, b)] = std::min(a, b);
    }
  }

  bool equal(Builder& builder, NodeId a, NodeId b) const { return builder.same(a, b) || find(a) == find(b); }

 private:
  NodeId find(NodeId id) const {
    for (auto known = known_.find(id); known != known_.end(); known = known_.find(id)) id = known->second;
    return id;
  }

  std::unordered_map<NodeId, NodeId> known_;
};

}  // namespace kiln::ir
