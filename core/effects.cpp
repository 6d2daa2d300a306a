// Collecting what statements do, and the order that follows from it.
#include "core/effects.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

template <class T>
bool meet(const std::vector<T>& a, const std::vector<T>& b) {
  return std::any_of(a.begin(), a.end(), [&](const T& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
}

template <class T>
void append_new(std::vector<T>& to, const T& x) {
  if (std::find(to.begin(), to.end(), x) == to.end()) to.push_back(x);
}

class Collector {
 public:
  // The Program is only read: for_each_mention hands out references for the passes that change them.
  Collector(const Program& program, Effects& effects) : program_(const_cast<Program&>(program)), effects_(effects) {}

  void statement(const Statement& s, int loops, int sequential) {
    for_each_mention(program_, s, [&](NodeId node) { use(node); });
    switch (s.kind) {
      case Kind::evaluate: evaluate(s); break;
      case Kind::assign: append_new(effects_.variables_written, s.target); break;
      case Kind::reduce:
        append_new(effects_.variables_read, s.target);
        append_new(effects_.variables_written, s.target);
        append_new(effects_.reduced, s.loop);
        break;
      case Kind::store: access(s, false); break;
      case Kind::update:
        access(s, true);
        if (s.other != none) append_new(effects_.variables_written, s.other);
        break;
      case Kind::allocate: whole(s.target); break;
      case Kind::swap:
        whole(s.target);
        whole(s.other);
        break;
      case Kind::guard: effects_.guards = true; break;
      case Kind::break_: effects_.leaves |= sequential == 0; break;
      case Kind::continue_:
        effects_.leaves |= loops == 0;
        effects_.skips |= loops == 1;
        break;
      case Kind::loop: {
        effects_.loops.push_back(s.target);
        const bool parallel = program_.loops[s.target].parallel;
        effects_.iterates |= !parallel;
        ++loops;
        sequential += parallel ? 0 : 1;
        break;
      }
      case Kind::while_:
        effects_.iterates = true;
        ++loops;
        ++sequential;
        break;
      case Kind::branch: break;
    }
    BlockId blocks[2];
    for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k)
      for (const Statement& inner : program_.blocks[blocks[k]].statements) statement(inner, loops, sequential);
  }

 private:
  void evaluate(const Statement& s) {
    const Node& node = program_[s.value];
    effects_.defines.push_back(s.value);
    if (node.op == Op::read_variable) append_new(effects_.variables_read, node.id);
    if (node.op == Op::load)
      effects_.accesses.push_back({node.id, node.axis, node.count, node.flat, false, true, false, node.checked});
  }

  void access(const Statement& s, bool reads) {
    effects_.accesses.push_back({s.target, s.first_index, s.index_count, s.flat, false, reads, true, s.checked});
  }

  void whole(RootId root) { effects_.accesses.push_back({root, 0, 0, false, true, false, true, 0}); }

  void use(NodeId id) {
    if (id == none || !seen_.insert(id).second) return;
    const Node& node = program_[id];
    if (!is_pure(node.op)) {
      effects_.uses.push_back(id);
      return;
    }
    for (int k = 0, count = operand_count(node); k < count; ++k) use(node.operands[k]);
  }

  Program& program_;
  Effects& effects_;
  std::unordered_set<NodeId> seen_;
};

}  // namespace

void Effects::add(const Effects& other) {
  accesses.insert(accesses.end(), other.accesses.begin(), other.accesses.end());
  for (VariableId v : other.variables_read) append_new(variables_read, v);
  for (VariableId v : other.variables_written) append_new(variables_written, v);
  uses.insert(uses.end(), other.uses.begin(), other.uses.end());
  defines.insert(defines.end(), other.defines.begin(), other.defines.end());
  loops.insert(loops.end(), other.loops.begin(), other.loops.end());
  for (LoopId loop : other.reduced) append_new(reduced, loop);
  guards |= other.guards;
  leaves |= other.leaves;
  skips |= other.skips;
  iterates |= other.iterates;
}

Effects effects(const Program& program, const Statement& statement) {
  Effects result;
  Collector(program, result).statement(statement, 0, 0);
  return result;
}

Memory::Memory(const Program& program) : class_(program.roots.size()) {
  std::iota(class_.begin(), class_.end(), 0u);
  const auto find = [&](std::uint32_t x) {
    while (class_[x] != x) x = class_[x] = class_[class_[x]];
    return x;
  };
  RootId overlapping = none;
  const auto overlaps = [&](RootId root) {
    if (overlapping == none) overlapping = root;
    class_[find(root)] = find(overlapping);
  };
  for (RootId root = 0; root < program.roots.size(); ++root) {
    if (program.roots[root].kind == Root::Kind::alias) class_[find(root)] = find(program.roots[root].of);
    if (program.roots[root].may_overlap) overlaps(root);
  }
  // A root that swaps its memory with one that others also name is, afterwards, named by those others.
  std::vector<bool> shared(class_.size());
  for (RootId root = 0; root < class_.size(); ++root)
    if (find(root) != root) shared[root] = shared[find(root)] = true;
  for (bool changed = true; changed;) {
    changed = false;
    for (const Block& block : program.blocks)
      for (const Statement& s : block.statements) {
        if (s.kind != Kind::swap || find(s.target) == find(s.other)) continue;
        if (!shared[find(s.target)] && !shared[find(s.other)]) continue;
        class_[find(s.target)] = find(s.other);
        shared[find(s.other)] = changed = true;
      }
  }
  for (std::uint32_t& x : class_) x = find(x);
}

std::vector<bool> named_roots(const Program& program) {
  std::vector<bool> named(program.roots.size());
  for (const Root& root : program.roots)
    if (root.kind == Root::Kind::alias) named[root.of] = true;
  for (const Result& result : program.results)
    if (result.is_array) named[result.root] = true;
  for (const Block& block : program.blocks)
    for (const Statement& s : block.statements)
      if (s.kind == Statement::Kind::swap) named[s.target] = named[s.other] = true;
  return named;
}

bool must_follow(const Memory& memory, const Effects& first, const Effects& second) {
  if (first.leaves || second.leaves || first.guards) return true;
  if (meet(first.variables_written, second.variables_read) || meet(first.variables_written, second.variables_written) ||
      meet(first.variables_read, second.variables_written) || meet(first.defines, second.uses))
    return true;
  for (const Access& a : first.accesses)
    for (const Access& b : second.accesses)
      if ((a.write || b.write) && memory.may_alias(a.root, b.root)) return true;
  return false;
}

}  // namespace kiln::ir
