// Walking a Program: the statements under a block in program order, the nodes a statement or a node uses.
#pragma once

#include "core/build.h"

#include <vector>

namespace kiln::ir {

/// The blocks directly inside a statement.
template <class F>
void for_each_block(const Statement& statement, F&& f) {
  using enum Statement::Kind;
  if (statement.kind != loop && statement.kind != while_ && statement.kind != branch) return;
  if (statement.body != none) f(statement.body);
  if (statement.otherwise != none) f(statement.otherwise);
}

/// Every statement under `block`, in program order, an outer one before those inside it.
template <class F>
void for_each_statement(const Program& program, BlockId block, F&& f) {
  for (const Statement& statement : program.blocks[block].statements) {
    f(statement);
    for_each_block(statement, [&](BlockId inner) { for_each_statement(program, inner, f); });
  }
}

/// The nodes a node is computed from; of a load also its indices and its guard.
template <class F>
void for_each_operand(const Program& program, NodeId id, F&& f) {
  const Node& node = program[id];
  if (node.op == Op::load) {
    if (node.operands[0] != none) f(node.operands[0]);
    for (std::uint32_t k = 0; k < node.count; ++k) f(program.indices[node.axis + k]);
    return;
  }
  const int count = operand_count(node);
  for (int k = 0; k < count; ++k) f(node.operands[k]);
}

/// The nodes a statement uses itself (not those of the blocks inside it).
template <class F>
void for_each_use(const Program& program, const Statement& statement, F&& f) {
  using enum Statement::Kind;
  if (statement.value != none && statement.kind != evaluate) f(statement.value);
  if (statement.condition != none) f(statement.condition);
  if (statement.expected != none) f(statement.expected);
  if (statement.kind == store || statement.kind == update) {
    for (std::uint32_t k = 0; k < statement.index_count; ++k) f(program.indices[statement.first_index + k]);
  }
  if (statement.kind == loop) {
    for (const LoopDimension& dimension : program.loops[statement.target].dimensions) {
      f(dimension.begin), f(dimension.end), f(dimension.step);
    }
  }
  if (statement.kind == allocate) {
    const Root& root = program.roots[statement.target];
    for (int axis = 0; axis < root.rank; ++axis) f(root.extents[axis]);
  }
  if (statement.kind == guard) {
    for (const NodeId shown : program.messages[statement.message].shown) f(shown);
  }
}

/// The nodes the results are made of.
template <class F>
void for_each_result(const Program& program, F&& f) {
  for (const Result& result : program.results) {
    if (!result.is_array) {
      f(result.value);
      continue;
    }
    f(result.offset);
    for (int axis = 0; axis < result.rank; ++axis) f(result.extents[axis]), f(result.strides[axis]);
  }
}

/// Where a block stands: inside which statement (of which block). The body stands nowhere: parent is none.
struct Scope {
  BlockId parent = none;
  Statement::Kind kind = Statement::Kind::branch;
  LoopId loop = none;
};

/// The scopes of all blocks, by block.
inline std::vector<Scope> scopes(const Program& program) {
  std::vector<Scope> result(program.blocks.size());
  for (BlockId block = 0; block < program.blocks.size(); ++block) {
    for (const Statement& statement : program.blocks[block].statements) {
      const bool is_loop = statement.kind == Statement::Kind::loop;
      for_each_block(statement, [&](BlockId inner) {
        result[inner] = {block, statement.kind, is_loop ? statement.target : none};
      });
    }
  }
  return result;
}

/// Whether a block is `ancestor` or stands inside it.
inline bool is_inside(const std::vector<Scope>& scopes, BlockId block, BlockId ancestor) {
  while (block != ancestor && block != none) block = scopes[block].parent;
  return block == ancestor;
}

/// The root whose memory an alias shares, or the root itself.
inline RootId memory_of(const Program& program, RootId root) {
  while (program.roots[root].kind == Root::Kind::alias) root = program.roots[root].of;
  return root;
}

/// Whether writing one may change what the other reads.
inline bool may_alias(const Program& program, RootId a, RootId b) {
  a = memory_of(program, a);
  b = memory_of(program, b);
  return a == b || (program.roots[a].may_overlap && program.roots[b].may_overlap);
}

/// Whether statements under `block` leave (break_) or cut short (continue_) the turn of the loop that `block` is the
/// body of.
template <class F>
bool any_at_level(const Program& program, BlockId block, F&& test) {
  for (const Statement& statement : program.blocks[block].statements) {
    if (test(statement)) return true;
    if (statement.kind != Statement::Kind::branch) continue;
    bool found = false;
    for_each_block(statement, [&](BlockId inner) { found = found || any_at_level(program, inner, test); });
    if (found) return true;
  }
  return false;
}

inline bool has_break(const Program& program, BlockId body) {
  return any_at_level(program, body, [](const Statement& s) { return s.kind == Statement::Kind::break_; });
}

}  // namespace kiln::ir
