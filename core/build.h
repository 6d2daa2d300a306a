// Builder: adds hash-consed, constant-folded nodes to a Program, and keeps integer sums in one canonical form.
#pragma once

#include "core/sum.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace kiln::ir {

class Builder {
 public:
  /// Takes the pure nodes `program` has into its table. Without `fold` nothing is computed or simplified (equal nodes
  /// are still shared), but the questions below (constant_value, same, difference …) answer as with it.
  /// With `traces`, what is simplified in a Program of checked indices still asks for every element that was written:
  /// to read it may be an error. (A pass only asks questions of what it makes.)
  explicit Builder(Program& program, bool fold = true, bool traces = false);

  Program& program() { return program_; }
  bool folds() const { return folds_; }
  /// The location that nodes made from now on carry.
  void at(std::uint32_t location) { location_ = location; }

  NodeId constant(DType dtype, detail::Number16 number, Strength strength = Strength::strong);
  /// A weak i64.
  NodeId integer(std::int64_t x);
  NodeId boolean(bool x);
  /// Any pure operation: folded if its operands are constants, shared if it is there already; floats are left alone
  /// otherwise.
  NodeId node(Op op, Type result, std::initializer_list<NodeId> operands);
  /// A cast; none where only the strength of a constant changes or nothing does.
  NodeId convert(NodeId x, Type type);
  /// Of a parameter root a node that asks at run time, else the node the root was made with.
  NodeId extent(RootId root, std::uint32_t axis);
  /// In elements; of roots that are no parameters the C-contiguous one.
  NodeId stride(RootId root, std::uint32_t axis);
  NodeId index(LoopId loop, std::uint32_t dimension);
  NodeId scalar_argument(std::uint32_t number, Type type);

  // Integer arithmetic on i64 nodes, for extents and indices: the same value written in two ways becomes the same node.
  // `less_equal`, `less`, `min` and `max` are decided here where extents alone decide them.
  NodeId add(NodeId a, NodeId b);
  NodeId sub(NodeId a, NodeId b);
  NodeId mul(NodeId a, NodeId b);
  NodeId floordiv(NodeId a, NodeId b);
  NodeId min(NodeId a, NodeId b);
  NodeId max(NodeId a, NodeId b);
  NodeId less_equal(NodeId a, NodeId b);
  NodeId less(NodeId a, NodeId b) { return less_equal(add(a, integer(1)), b); }
  NodeId equal(NodeId a, NodeId b);
  NodeId logical_and(NodeId a, NodeId b);
  NodeId logical_or(NodeId a, NodeId b);
  NodeId logical_not(NodeId a);
  NodeId select(NodeId condition, NodeId a, NodeId b);

  /// Whether both are known to have one value.
  bool same(NodeId a, NodeId b);
  /// The number an integer or bool node is known to be.
  std::optional<std::int64_t> constant_value(NodeId x);
  /// a - b, where that is a known number.
  std::optional<std::int64_t> difference(NodeId a, NodeId b);
  /// Whether a <= b is known, whatever the extents and the narrow integer arguments.
  bool less_equal_known(NodeId a, NodeId b);

  /// The canonical form of an i64 node. It stays valid until the operands of a node are changed behind the Builder's
  /// back.
  const Sum& sum(NodeId x);
  /// The node that folding would have made of a pure node; what the questions are about where nothing is folded.
  NodeId folded(NodeId x);
  /// The node of a sum.
  NodeId from(const Sum& sum);
  /// The number of a node made of constants alone, of any dtype.
  std::optional<detail::Number16> computed(NodeId x) const;

 private:
  struct Hash {
    const Program* program;
    std::size_t operator()(NodeId id) const;
  };
  struct Equal {
    const Program* program;
    bool operator()(NodeId a, NodeId b) const;
  };

  NodeId intern(Node node);
  NodeId simplified(Op op, Type result, const NodeId* operands, int count);
  bool forgets(NodeId simple, NodeId x) const;
  void collect_asked(NodeId id, bool surely, std::unordered_set<NodeId>& nodes) const;
  NodeId simple_or(NodeId simple, Op op, NodeId a, NodeId b);
  NodeId rebuilt(const Node& node);
  // The node to ask a question about.
  NodeId asked(NodeId x) { return folds_ ? x : folded(x); }
  NodeId product(const Sum::Term& term);
  bool nonnegative(const Sum& sum, int depth);
  bool ordered(NodeId a, NodeId b, int depth, std::int64_t margin = 0);
  bool small(NodeId x, int depth);
  std::optional<std::int64_t> at_least(NodeId x, int depth);

  Program& program_;
  const bool folds_;
  bool fold_;  // now: also while a question makes folded nodes
  const bool traces_;
  std::uint32_t location_ = 0;
  std::unordered_set<NodeId, Hash, Equal> known_;
  std::unordered_map<NodeId, Sum> sums_;
  std::unordered_map<NodeId, NodeId> folded_;
};

/// Whether the node may be computed anywhere: all but load and read_variable.
inline bool is_pure(Op op) { return op != Op::load && op != Op::read_variable; }
/// Number of operands that are no leaf's data (a load's guard is not counted).
int operand_count(const Node& node);

}  // namespace kiln::ir
