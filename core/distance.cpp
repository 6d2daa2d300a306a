// Indices as sums of loop indices: which iterations of two loops meet at an element.
#include "core/distance.h"

#include <numeric>

namespace kiln::ir {

void Distance::inside(const Effects& body) {
  defined_.insert(body.defines.begin(), body.defines.end());
  loops_.insert(body.loops.begin(), body.loops.end());
  varies_.clear();
}

bool Distance::is_own_index(NodeId id) const {
  const Node& node = program_[id];
  return node.op == Op::index && node.id == loop_ && node.axis < depth_;
}

// Whether a node's value may change between iterations of the loop, or within one.
bool Distance::varies(NodeId id) {
  if (const auto known = varies_.find(id); known != varies_.end()) return known->second;
  const Node node = program_[id];
  bool result = false;
  if (!is_pure(node.op)) {
    result = defined_.contains(id);
  } else if (node.op == Op::index) {
    result = node.id == loop_ || loops_.contains(node.id);
  } else {
    for (int k = 0, count = operand_count(node); k < count && !result; ++k) result = varies(node.operands[k]);
  }
  return varies_[id] = result;
}

bool Distance::trivial(std::uint32_t dimension) {
  const LoopDimension& d = program_.loops[loop_].dimensions[dimension];
  const auto step = builder_.constant_value(d.step), trips = builder_.difference(d.end, d.begin);
  return step == 1 && trips && *trips <= 1;
}

// Whether two equal indices mean the same position along the dimension: c * index + what does not vary, c not 0.
bool Distance::serves(NodeId first, NodeId second, std::uint32_t dimension) {
  if (!builder_.same(first, second)) return false;
  bool found = false;
  const Sum sum = builder_.sum(first);
  for (const Sum::Term& term : sum.terms) {
    const Node& factor = program_[term.factors[0]];
    if (term.factors.size() == 1 && is_own_index(term.factors[0]) && factor.axis == dimension) {
      found = true;
    } else {
      for (NodeId node : term.factors)
        if (varies(node)) return false;
    }
  }
  return found;
}

// Along some axis the indices are sums of the same loop indices, and their constant parts never meet.
bool Distance::disjoint(const Access& first, const Access& second) {
  for (std::uint32_t axis = 0; axis < first.count; ++axis) {
    const NodeId a = program_.indices[first.first_index + axis], b = program_.indices[second.first_index + axis];
    const auto difference = builder_.difference(a, b);
    if (!difference || *difference == 0) continue;
    std::int64_t divisor = 0;
    bool known = true;
    const Sum sum = builder_.sum(a);
    for (const Sum::Term& term : sum.terms) {
      if (term.factors.size() == 1 && is_own_index(term.factors[0])) {
        divisor = std::gcd(divisor, term.coefficient);
      } else {
        for (NodeId node : term.factors) known &= !varies(node);
      }
    }
    if (known && (divisor == 0 || *difference % divisor != 0)) return true;
  }
  return false;
}

bool Distance::is_zero(const Access& first, const Access& second) {
  if (!first.write && !second.write) return true;
  if (!memory_.may_alias(first.root, second.root)) return true;
  if (first.root != second.root || first.whole || second.whole || first.flat || second.flat) return false;
  if (disjoint(first, second)) return true;
  for (std::uint32_t dimension = 0; dimension < depth_; ++dimension) {
    if (trivial(dimension)) continue;
    bool served = false;
    for (std::uint32_t axis = 0; axis < first.count && !served; ++axis)
      served =
          serves(program_.indices[first.first_index + axis], program_.indices[second.first_index + axis], dimension);
    if (!served) return false;
  }
  return true;
}

}  // namespace kiln::ir
