// Rebuilding expressions bottom-up through the Builder, each node once.
#include "core/rewrite.h"

namespace kiln::ir {

void Rewriter::replace(NodeId from, NodeId to) {
  if (from == to) return;
  replaced_[from] = to;
  // Whatever contains `from` is rebuilt only after this: it could not be mentioned before `from` took place.
  known_[from] = to;
}

void Rewriter::rename(LoopId from, LoopId to) {
  loops_[from] = to;
  if (const auto next = loops_.find(to); next != loops_.end()) loops_[from] = next->second;
  known_.clear();
}

NodeId Rewriter::operator()(NodeId id) {
  if (id == none) return none;
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  if (const auto replaced = replaced_.find(id); replaced != replaced_.end()) return known_[id] = replaced->second;
  const NodeId result = rebuilt(id);
  known_[id] = result;
  return result;
}

NodeId Rewriter::rebuilt(NodeId id) {
  // A copy: the Builder's appends move the nodes.
  const Node node = program_[id];
  if (!is_pure(node.op)) return id;
  if (node.op == Op::index) {
    const auto renamed = loops_.find(node.id);
    return renamed == loops_.end() ? id : builder_.index(renamed->second, node.axis);
  }
  NodeId operands[3] = {none, none, none};
  bool changed = false;
  const int count = operand_count(node);
  for (int k = 0; k < count; ++k) {
    operands[k] = (*this)(node.operands[k]);
    changed |= operands[k] != node.operands[k];
  }
  if (!changed) return id;
  builder_.at(node.location);
  switch (count) {
    case 1:
      return node.op == Op::convert ? builder_.convert(operands[0], node.type)
                                    : builder_.node(node.op, node.type, {operands[0]});
    case 2: return builder_.node(node.op, node.type, {operands[0], operands[1]});
    default: return builder_.node(node.op, node.type, {operands[0], operands[1], operands[2]});
  }
}

void Rewriter::own_indices(std::uint32_t& first, std::uint32_t count) {
  // Statements may share a range of indices: a changed one gets a range of its own.
  NodeId fresh[max_rank + 1];
  bool changed = false;
  for (std::uint32_t k = 0; k < count; ++k) {
    fresh[k] = (*this)(program_.indices[first + k]);
    changed |= fresh[k] != program_.indices[first + k];
  }
  if (!changed) return;
  first = static_cast<std::uint32_t>(program_.indices.size());
  program_.indices.insert(program_.indices.end(), fresh, fresh + count);
}

void Rewriter::own(Statement& s) {
  using Kind = Statement::Kind;
  if (s.kind == Kind::evaluate) {
    if (program_[s.value].op != Op::load) return;
    std::uint32_t first = program_[s.value].axis;
    own_indices(first, program_[s.value].count);
    const NodeId guard = (*this)(program_[s.value].operands[0]);
    program_[s.value].axis = first;
    program_[s.value].operands[0] = guard;
    return;
  }
  own_indices(s.first_index, s.index_count);
  const std::uint32_t indices = s.index_count;
  s.index_count = 0;
  for_each_mention(program_, s, [&](NodeId& node) {
    const NodeId fresh = (*this)(node);
    node = fresh;
  });
  s.index_count = indices;
}

void Rewriter::block(BlockId block) {
  for (std::size_t k = 0; k < program_.blocks[block].statements.size(); ++k) {
    own(program_.blocks[block].statements[k]);
    BlockId blocks[2];
    for (int b = 0, count = nested_blocks(program_.blocks[block].statements[k], blocks); b < count; ++b)
      this->block(blocks[b]);
  }
}

void Rewriter::rest() {
  for (Result& result : program_.results) {
    result.value = (*this)(result.value);
    result.offset = (*this)(result.offset);
    for (int k = 0; k < result.rank; ++k) {
      result.extents[k] = (*this)(result.extents[k]);
      result.strides[k] = (*this)(result.strides[k]);
    }
  }
  for (Root& root : program_.roots)
    if (root.kind == Root::Kind::alias)
      for (int k = 0; k < root.rank; ++k) root.extents[k] = (*this)(root.extents[k]);
}

}  // namespace kiln::ir
