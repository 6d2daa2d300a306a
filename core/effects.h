// What a statement reads, writes, uses and defines, and what that says about the order of two statements.
#pragma once

#include "core/build.h"
#include "core/ir.h"

#include <cstdint>
#include <vector>

namespace kiln::ir {

/// One access to a root: a load, a store, an update, or (`whole`) an allocation or swap.
struct Access {
  RootId root = none;
  std::uint32_t first_index = 0, count = 0;
  bool flat = false;
  bool whole = false;
  bool read = false, write = false;
  std::uint8_t checked = 0;  // as Node::checked
};

/// Everything a statement does, nested blocks included.
struct Effects {
  std::vector<Access> accesses;
  std::vector<VariableId> variables_read, variables_written;
  std::vector<NodeId> uses;     // loads and variable reads whose values it uses
  std::vector<NodeId> defines;  // loads and variable reads that take place in it
  std::vector<LoopId> loops;    // loops in it, itself included
  std::vector<LoopId> reduced;  // loops that reductions in it run over
  bool guards = false;          // a guard is in it: nothing may move before it
  bool leaves = false;          // a break or continue in it belongs to a loop around it
  bool skips = false;           // it is a loop and has a continue of its own
  bool iterates = false;        // a sequential loop or while is in it

  void add(const Effects& other);
};

Effects effects(const Program& program, const Statement& statement);

/// Which roots may share memory: equal numbers may.
class Memory {
 public:
  explicit Memory(const Program& program);
  std::uint32_t of(RootId root) const { return class_[root]; }
  bool may_alias(RootId a, RootId b) const { return class_[a] == class_[b]; }

 private:
  std::vector<std::uint32_t> class_;
};

/// By root: whether it has other names (aliases, swaps) or outlives the function, so that it is more than a temporary.
std::vector<bool> named_roots(const Program& program);

/// Drops, in a block and those inside it, outer ones first and the last of a block first, each allocation of a
/// temporary that `needless(block, statement)` has found or made so. It may change what stands behind the allocation.
template <class F>
void drop_temporaries(Program& program, const std::vector<bool>& named, BlockId block, F&& needless) {
  for (std::size_t k = program.blocks[block].statements.size(); k-- > 0;) {
    const Statement& s = program.blocks[block].statements[k];
    if (s.kind == Statement::Kind::allocate && !named[s.target] && needless(block, k))
      program.blocks[block].statements.erase(program.blocks[block].statements.begin() + static_cast<std::ptrdiff_t>(k));
  }
  for (std::size_t k = 0; k < program.blocks[block].statements.size(); ++k)
    for (const BlockId inner :
         {program.blocks[block].statements[k].body, program.blocks[block].statements[k].otherwise})
      if (inner != none) drop_temporaries(program, named, inner, needless);
}

/// Whether `second`, which comes after `first`, must stay after it.
bool must_follow(const Memory& memory, const Effects& first, const Effects& second);

/// Calls visit(NodeId&) for every node the statement itself mentions (not those in its blocks). A load's own indices
/// and guard are no part of it.
template <class AnyStatement, class Visit>
void for_each_mention(Program& program, AnyStatement& statement, Visit&& visit) {
  using Kind = Statement::Kind;
  if (statement.kind == Kind::assign || statement.kind == Kind::reduce || statement.kind == Kind::store ||
      statement.kind == Kind::update)
    visit(statement.value);
  if (statement.condition != none) visit(statement.condition);
  if (statement.expected != none) visit(statement.expected);
  for (std::uint32_t k = 0; k < statement.index_count; ++k) visit(program.indices[statement.first_index + k]);
  if (statement.kind == Kind::loop)
    for (LoopDimension& dimension : program.loops[statement.target].dimensions) {
      visit(dimension.begin);
      visit(dimension.end);
      visit(dimension.step);
    }
  if (statement.kind == Kind::allocate) {
    Root& root = program.roots[statement.target];
    for (int k = 0; k < root.rank; ++k) visit(root.extents[k]);
  }
  if (statement.kind == Kind::guard && statement.message != none)
    for (NodeId& shown : program.messages[statement.message].shown) visit(shown);
  if (statement.kind == Kind::evaluate && program[statement.value].op == Op::load) {
    Node& load = program.nodes[statement.value];
    if (load.operands[0] != none) visit(load.operands[0]);
    for (std::uint32_t k = 0; k < load.count; ++k) visit(program.indices[load.axis + k]);
  }
}

/// The blocks nested directly in a statement, in the order they run.
inline int nested_blocks(const Statement& statement, BlockId (&blocks)[2]) {
  int count = 0;
  if (statement.body != none) blocks[count++] = statement.body;
  if (statement.otherwise != none) blocks[count++] = statement.otherwise;
  return count;
}

}  // namespace kiln::ir
