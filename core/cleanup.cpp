// Liveness from what a caller can see, then removal, then renumbering.
#include "core/cleanup.h"

#include "core/effects.h"
#include "core/forward.h"

#include <algorithm>
#include <utility>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

/// Finds what the results, the parameters' memory and the guards need.
class Liveness {
 public:
  explicit Liveness(Program& program)
      : program_(program),
        nodes_(program.nodes.size()),
        variables_(program.variables.size()),
        shared_(program.roots.size()) {}

  void run() {
    for (RootId root = 0; root < program_.roots.size(); ++root)
      if (program_.roots[root].kind == Root::Kind::parameter) shared_[memory_of(root)] = true;
    unite_swapped();
    for (const Result& result : program_.results) {
      if (result.is_array) {
        need_root(result.root);
        need(result.offset);
        for (int k = 0; k < result.rank; ++k) {
          need(result.extents[k]);
          need(result.strides[k]);
        }
      } else {
        need(result.value);
      }
    }
    // Backwards, once more for whatever the last walk made needed: a turn of a loop needs what the turn before it left.
    do {
      changed_ = false;
      block(0, false);
    } while (changed_);
  }

  void sweep(BlockId id, bool in_live_loop) {
    auto& statements = program_.blocks[id].statements;
    std::erase_if(statements, [&](const Statement& s) { return !is_live(s, in_live_loop); });
    for (std::size_t k = 0; k < program_.blocks[id].statements.size(); ++k) {
      Statement& s = program_.blocks[id].statements[k];
      if (s.kind == Kind::update && !asks_for_old(s)) s.other = none;
      BlockId blocks[2];
      const bool loops = s.kind == Kind::loop || s.kind == Kind::while_;
      for (int b = 0, count = nested_blocks(s, blocks); b < count; ++b) sweep(blocks[b], loops || in_live_loop);
      if (s.kind == Kind::branch && s.otherwise != none && program_.blocks[s.otherwise].statements.empty())
        s.otherwise = none;
    }
  }

 private:
  std::uint32_t memory_of(RootId root) const {
    while (program_.roots[root].kind == Root::Kind::alias) root = program_.roots[root].of;
    return root;
  }

  // What is stored in one of two roots that swap may be read through the other.
  void unite_swapped() {
    united_.resize(program_.roots.size());
    for (RootId root = 0; root < united_.size(); ++root) united_[root] = memory_of(root);
    for (const Block& block : program_.blocks)
      for (const Statement& s : block.statements) {
        if (s.kind != Kind::swap) continue;
        const std::uint32_t from = united_[s.target], to = united_[s.other];
        for (std::uint32_t& x : united_)
          if (x == from) x = to;
      }
    for (RootId root = 0; root < united_.size(); ++root)
      if (shared_[memory_of(root)]) shared_[united_[root]] = true;
  }

  void need(NodeId id) {
    if (id == none || nodes_[id]) return;
    nodes_[id] = changed_ = true;
    const Node& node = program_[id];
    if (node.op == Op::read_variable && !variables_[node.id]) variables_[node.id] = changed_ = true;
    if (node.op == Op::load || node.op == Op::extent || node.op == Op::stride) need_root(node.id);
    for (int k = 0, count = operand_count(node); k < count; ++k) need(node.operands[k]);
  }

  void need_root(RootId root) {
    if (shared_[united_[root]]) return;
    shared_[united_[root]] = changed_ = true;
  }

  // Whether what an update found is used.
  bool asks_for_old(const Statement& s) const {
    return s.kind == Kind::update && s.other != none && variables_[s.other];
  }

  bool is_live(const Statement& s, bool in_live_loop) const {
    switch (s.kind) {
      case Kind::evaluate: return nodes_[s.value] || program_[s.value].checked != 0;  // it may be an error
      case Kind::assign:
      case Kind::reduce: return variables_[s.target];
      case Kind::store:
      case Kind::update: return shared_[united_[s.target]] || s.checked != 0 || asks_for_old(s);
      case Kind::allocate: return shared_[united_[s.target]];
      case Kind::swap: return shared_[united_[s.target]] || shared_[united_[s.other]];
      case Kind::guard: return true;
      // Leaving a loop matters only if the loop does something else: it keeps no loop alive.
      case Kind::break_:
      case Kind::continue_: return in_live_loop;
      case Kind::loop:
      case Kind::while_:
      case Kind::branch: break;
    }
    BlockId blocks[2];
    for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k)
      for (const Statement& inner : program_.blocks[blocks[k]].statements)
        if (is_live(inner, in_live_loop && s.kind == Kind::branch)) return true;
    return false;
  }

  void block(BlockId id, bool in_live_loop) {
    const auto& statements = program_.blocks[id].statements;
    for (std::size_t k = statements.size(); k-- > 0;) {
      const Statement& s = statements[k];
      if (!is_live(s, in_live_loop)) continue;
      for_each_mention(program_, s, [&](NodeId node) { need(node); });
      if (s.kind == Kind::swap || s.checked != 0 || asks_for_old(s)) need_root(s.target);
      if (s.kind == Kind::evaluate) need(s.value);
      const bool loops = s.kind == Kind::loop || s.kind == Kind::while_;
      if (s.otherwise != none) block(s.otherwise, loops || in_live_loop);
      if (s.body != none) block(s.body, loops || in_live_loop);
    }
  }

  Program& program_;
  std::vector<bool> nodes_, variables_;
  std::vector<bool> shared_;  // roots, by their united number, whose contents matter
  std::vector<std::uint32_t> united_;
  bool changed_ = false;
};

/// New numbers for what is still mentioned, in the old order.
class Numbering {
 public:
  explicit Numbering(std::size_t count) : numbers_(count, none) {}
  bool mark(std::uint32_t old) {
    const bool is_new = numbers_[old] == none;
    numbers_[old] = 0;
    return is_new;
  }
  void number() {
    std::uint32_t next = 0;
    for (std::uint32_t& x : numbers_)
      if (x != none) x = next++;
  }
  void apply(std::uint32_t& old) const {
    if (old != none) old = numbers_[old];
  }
  template <class T>
  void keep(std::vector<T>& all) const {
    std::size_t to = 0;
    for (std::size_t from = 0; from < all.size(); ++from)
      if (numbers_[from] != none) {
        if (to != from) all[to] = std::move(all[from]);
        ++to;
      }
    all.resize(to);
  }

 private:
  std::vector<std::uint32_t> numbers_;
};

class Compactor {
 public:
  explicit Compactor(Program& program)
      : program_(program),
        nodes_(program.nodes.size()),
        roots_(program.roots.size()),
        variables_(program.variables.size()),
        loops_(program.loops.size()),
        blocks_(program.blocks.size()) {}

  void run() {
    for (RootId root = 0; root < program_.roots.size(); ++root)
      if (program_.roots[root].kind == Root::Kind::parameter) mark_root(root);
    mark_block(0);
    for (Result& result : program_.results) for_each_node(result, [&](NodeId& node) { mark(node); });
    for (const Result& result : program_.results)
      if (result.is_array) mark_root(result.root);
    for (auto* numbering : {&nodes_, &roots_, &variables_, &loops_, &blocks_}) numbering->number();
    rename();
  }

 private:
  template <class Visit>
  static void for_each_node(Result& result, Visit&& visit) {
    if (result.value != none) visit(result.value);
    if (result.offset != none) visit(result.offset);
    for (int k = 0; k < result.rank; ++k) {
      visit(result.extents[k]);
      visit(result.strides[k]);
    }
  }

  void mark_root(RootId root) {
    if (!roots_.mark(root)) return;
    const Root& r = program_.roots[root];
    if (r.kind == Root::Kind::alias) mark_root(r.of);
    if (r.kind == Root::Kind::parameter) return;
    for (int k = 0; k < r.rank; ++k) mark(r.extents[k]);
  }

  void mark(NodeId id) {
    if (id == none || !nodes_.mark(id)) return;
    const Node& node = program_[id];
    switch (node.op) {
      case Op::extent:
      case Op::stride:
      case Op::load: mark_root(node.id); break;
      case Op::index: loops_.mark(node.id); break;
      case Op::read_variable: mark_variable(node.id); break;
      default: break;
    }
    for (int k = 0, count = operand_count(node); k < count; ++k) mark(node.operands[k]);
  }

  void mark_variable(VariableId variable) { variables_.mark(variable); }

  void mark_block(BlockId id) {
    blocks_.mark(id);
    for (Statement& s : program_.blocks[id].statements) {
      for_each_mention(program_, s, [&](NodeId& node) { mark(node); });
      if (s.kind == Kind::evaluate) mark(s.value);
      if (names_variable(s)) mark_variable(s.target);
      if (s.kind == Kind::update && s.other != none) mark_variable(s.other);
      if (names_root(s)) mark_root(s.target);
      if (s.kind == Kind::swap) mark_root(s.other);
      if (s.kind == Kind::loop) loops_.mark(s.target);
      if (s.kind == Kind::reduce) loops_.mark(s.loop);
      BlockId blocks[2];
      for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k) mark_block(blocks[k]);
    }
  }

  static bool names_variable(const Statement& s) { return s.kind == Kind::assign || s.kind == Kind::reduce; }
  static bool names_root(const Statement& s) {
    return s.kind == Kind::store || s.kind == Kind::update || s.kind == Kind::allocate || s.kind == Kind::swap;
  }

  void rename() {
    nodes_.keep(program_.nodes);
    roots_.keep(program_.roots);
    variables_.keep(program_.variables);
    loops_.keep(program_.loops);
    blocks_.keep(program_.blocks);
    fresh_.reserve(program_.indices.size());
    for (Node& node : program_.nodes) rename(node);
    for (Root& root : program_.roots) {
      roots_.apply(root.of);
      for (int k = 0; k < root.rank && root.kind != Root::Kind::parameter; ++k) nodes_.apply(root.extents[k]);
    }
    // A variable that is still read may have been declared in a block that is gone: only dead code can do that.
    for (Variable& variable : program_.variables) blocks_.apply(variable.block);
    for (Loop& loop : program_.loops)
      for (LoopDimension& d : loop.dimensions)
        for (NodeId* node : {&d.begin, &d.end, &d.step}) nodes_.apply(*node);
    for (Block& block : program_.blocks)
      for (Statement& s : block.statements) rename(s);
    for (Result& result : program_.results) {
      for_each_node(result, [&](NodeId& node) { nodes_.apply(node); });
      roots_.apply(result.root);
    }
    for (Message& message : program_.messages)
      for (NodeId& node : message.shown) nodes_.apply(node);
    program_.indices = std::move(fresh_);
  }

  std::uint32_t moved_indices(std::uint32_t first, std::uint32_t count) {
    const std::uint32_t to = static_cast<std::uint32_t>(fresh_.size());
    for (std::uint32_t k = 0; k < count; ++k) {
      fresh_.push_back(program_.indices[first + k]);
      nodes_.apply(fresh_.back());
    }
    return to;
  }

  void rename(Node& node) {
    switch (node.op) {
      case Op::load:
        roots_.apply(node.id);
        node.axis = moved_indices(node.axis, node.count);
        break;
      case Op::extent:
      case Op::stride: roots_.apply(node.id); break;
      case Op::index: loops_.apply(node.id); break;
      case Op::read_variable: variables_.apply(node.id); break;
      default: break;
    }
    for (NodeId& operand : node.operands) nodes_.apply(operand);
  }

  void rename(Statement& s) {
    if (names_variable(s)) variables_.apply(s.target);
    if (names_root(s)) roots_.apply(s.target);
    if (s.kind == Kind::swap) roots_.apply(s.other);
    if (s.kind == Kind::update) variables_.apply(s.other);
    if (s.kind == Kind::loop) loops_.apply(s.target);
    loops_.apply(s.loop);
    nodes_.apply(s.value);
    nodes_.apply(s.condition);
    nodes_.apply(s.expected);
    blocks_.apply(s.body);
    blocks_.apply(s.otherwise);
    s.first_index = s.index_count > 0 ? moved_indices(s.first_index, s.index_count) : 0;
  }

  Program& program_;
  Numbering nodes_, roots_, variables_, loops_, blocks_;
  std::vector<NodeId> fresh_;
};

}  // namespace

void cleanup(Program& program) {
  forward(program);
  Liveness liveness(program);
  liveness.run();
  liveness.sweep(0, false);
  Compactor(program).run();
}

}  // namespace kiln::ir
