// Fusion in three steps: loops of a block join, then those of the joined bodies, then what they pass to each other.
#include "core/fuse.h"

#include "core/cleanup.h"
#include "core/contract.h"
#include "core/distance.h"
#include "core/equalities.h"
#include "core/forward.h"
#include "core/rewrite.h"

#include <algorithm>
#include <utility>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

constexpr std::size_t most_candidates = 32;  // earlier loops that are tried for each loop
constexpr std::size_t most_streams = 12;     // roots of a loop that joins loops with nothing in common

/// A statement and what it does.
struct Item {
  Statement statement;
  Effects effects;
};

class Fuser {
 public:
  explicit Fuser(Program& program) : program_(program), builder_(program), memory_(program) {}

  void run() {
    block(0, {});
    Rewriter rewriter(builder_);
    for (const auto& [from, to] : gone_) rewriter.rename(from, to);
    rewriter.rest();
  }

 private:
  void block(BlockId id, Equalities around) {
    Equalities equalities = around;
    std::vector<Item> items;
    for (const Statement& s : std::exchange(program_.blocks[id].statements, {})) {
      if (s.kind == Kind::guard) equalities.learn(program_, s.condition);
      Item item{s, effects(program_, s)};
      if (!is_parallel(s) || !joined(items, item, equalities)) items.push_back(std::move(item));
    }
    for (const Item& item : items) program_.blocks[id].statements.push_back(item.statement);
    for (const Item& item : items) {
      if (item.statement.kind == Kind::guard) around.learn(program_, item.statement.condition);
      BlockId blocks[2];
      for (int k = 0, count = nested_blocks(item.statement, blocks); k < count; ++k) block(blocks[k], around);
    }
  }

  bool is_parallel(const Statement& s) const { return s.kind == Kind::loop && program_.loops[s.target].parallel; }

  /// Tries to make `item` part of one of the loops before it, the nearest first; over the same space if there is one.
  bool joined(std::vector<Item>& items, Item& item, const Equalities& equalities) {
    for (bool whole : {true, false}) {
      std::size_t tried = 0;
      for (std::size_t at = items.size(); at-- > 0 && tried < most_candidates;) {
        if (items[at].effects.leaves) break;
        if (!is_parallel(items[at].statement)) continue;
        ++tried;
        if (whole ? join_whole(items, at, item, equalities) : join_outer(items, at, item, equalities)) return true;
      }
    }
    return false;
  }

  bool join_whole(std::vector<Item>& items, std::size_t at, Item& item, const Equalities& equalities) {
    Item& first = items[at];
    const std::size_t depth = dimensions(first).size();
    if (depth != dimensions(item).size() || common(first, item, equalities) != depth) return false;
    if (!worthwhile(first.effects, item.effects) || !stays_within(first, item, static_cast<std::uint32_t>(depth)))
      return false;
    // Reductions in the order of a loop want a body that is one straight line.
    if ((is_composite(first) && reduces(item)) || (reduces(first) && is_composite(item))) return false;
    std::vector<Item> order;
    if (!arrange(items, at, item, order)) return false;
    join(items[at], item);
    place(items, at, order);
    return true;
  }

  /// A loop over rows that has a loop over columns inside, and a loop over both: the second becomes two loops.
  bool join_outer(std::vector<Item>& items, std::size_t at, Item& item, const Equalities& equalities) {
    Item& first = items[at];
    const bool split_second = dimensions(first).size() < dimensions(item).size();
    Item& flat = split_second ? item : first;
    const Item& nest = split_second ? first : item;
    const std::size_t depth = dimensions(nest).size();
    if (dimensions(flat).size() <= depth || common(first, item, equalities) != depth) return false;
    if (reduces(flat) || reduces(nest) || flat.effects.skips) return false;
    if (!has_inner(nest, flat, depth, equalities) || !passes_on(first.effects, item.effects)) return false;
    if (!stays_within(first, item, static_cast<std::uint32_t>(depth))) return false;
    std::vector<Item> order;
    if (!arrange(items, at, item, order)) return false;
    split(flat, depth);
    join(first, item);
    place(items, at, order);
    return true;
  }

  const std::vector<LoopDimension>& dimensions(const Item& item) const {
    return program_.loops[item.statement.target].dimensions;
  }

  bool equal(NodeId a, NodeId b, const Equalities& equalities) { return equalities.equal(builder_, a, b); }

  bool equal(const LoopDimension& a, const LoopDimension& b, const Equalities& equalities) {
    return equal(a.begin, b.begin, equalities) && equal(a.end, b.end, equalities) && equal(a.step, b.step, equalities);
  }

  /// How many leading dimensions agree.
  std::size_t common(const Item& a, const Item& b, const Equalities& equalities) {
    const auto &x = dimensions(a), &y = dimensions(b);
    std::size_t depth = 0;
    while (depth < x.size() && depth < y.size() && equal(x[depth], y[depth], equalities)) ++depth;
    return depth;
  }

  static bool is_composite(const Item& item) { return item.effects.iterates || item.effects.loops.size() > 1; }

  static bool reduces(const Item& item) {
    const auto& reduced = item.effects.reduced;
    return std::find(reduced.begin(), reduced.end(), item.statement.target) != reduced.end();
  }

  /// Whether the second reads or overwrites what the first wrote.
  bool passes_on(const Effects& first, const Effects& second) const {
    for (const Access& a : first.accesses)
      for (const Access& b : second.accesses)
        if (a.write && memory_.may_alias(a.root, b.root)) return true;
    return false;
  }

  bool worthwhile(const Effects& first, const Effects& second) const {
    // A loop with lanes that joins a loop around others loses them: only to keep what is passed on in registers.
    if ((first.loops.size() > 1) != (second.loops.size() > 1)) return passes_on(first, second);
    for (const Access& b : second.accesses)
      for (const Access& a : first.accesses)
        if (memory_.may_alias(a.root, b.root)) return true;
    std::vector<std::uint32_t> roots;
    for (const Effects* effects : {&first, &second})
      for (const Access& access : effects->accesses)
        if (std::find(roots.begin(), roots.end(), memory_.of(access.root)) == roots.end())
          roots.push_back(memory_.of(access.root));
    return roots.size() <= most_streams;
  }

  /// Whether no dependence of the second loop on the first leaves an iteration of their first `depth` dimensions.
  bool stays_within(const Item& first, const Item& second, std::uint32_t depth) {
    const Effects &a = first.effects, &b = second.effects;
    if (a.skips || a.guards) return false;
    for (VariableId v : a.variables_written)
      for (const auto* variables : {&b.variables_read, &b.variables_written})
        if (std::find(variables->begin(), variables->end(), v) != variables->end()) return false;
    for (VariableId v : b.variables_written)
      if (std::find(a.variables_read.begin(), a.variables_read.end(), v) != a.variables_read.end()) return false;

    Distance distance(builder_, memory_, first.statement.target, depth);
    distance.inside(a);
    distance.inside(b);
    Rewriter renamed(builder_);
    renamed.rename(second.statement.target, first.statement.target);
    for (const Access& access : b.accesses) {
      Access other = access;
      bool moved = false;
      for (const Access& earlier : a.accesses) {
        if ((!earlier.write && !other.write) || !memory_.may_alias(earlier.root, other.root)) continue;
        if (!std::exchange(moved, true)) other.first_index = renamed_indices(renamed, access);
        if (!distance.is_zero(earlier, other)) return false;
      }
    }
    return true;
  }

  std::uint32_t renamed_indices(Rewriter& renamed, const Access& access) {
    const std::size_t first = program_.indices.size();
    for (std::uint32_t k = 0; k < access.count; ++k) {
      const NodeId index = renamed(program_.indices[access.first_index + k]);
      program_.indices.push_back(index);
    }
    return static_cast<std::uint32_t>(first);
  }

  /// What stands between the loops splits into what the second needs, which must be free to go before the first, and
  /// the rest, which stays behind: `order` is the items of [at, end) with the first loop's place taken by the joined
  /// loop.
  bool arrange(const std::vector<Item>& items, std::size_t at, const Item& item, std::vector<Item>& order) {
    std::vector<std::size_t> before;
    std::vector<bool> moves(items.size());
    for (std::size_t k = items.size(); --k > at;) {
      bool needed = must_follow(memory_, items[k].effects, item.effects);
      for (std::size_t m : before) needed = needed || must_follow(memory_, items[k].effects, items[m].effects);
      if (!needed) continue;
      if (must_follow(memory_, items[at].effects, items[k].effects)) return false;
      before.push_back(k);
      moves[k] = true;
    }
    for (std::size_t k = at + 1; k < items.size(); ++k)
      if (moves[k]) order.push_back(items[k]);
    order.push_back(items[at]);
    for (std::size_t k = at + 1; k < items.size(); ++k)
      if (!moves[k]) order.push_back(items[k]);
    return true;
  }

  /// Puts the joined loop, which is items[at], where `order` has the first one.
  void place(std::vector<Item>& items, std::size_t at, std::vector<Item>& order) {
    for (Item& item : order)
      if (is_parallel(item.statement) && item.statement.target == items[at].statement.target) item = items[at];
    std::move(order.begin(), order.end(), items.begin() + static_cast<std::ptrdiff_t>(at));
  }

  /// The loop's dimensions from `depth` on become a loop inside it.
  void split(Item& item, std::size_t depth) {
    const LoopId outer = item.statement.target, inner = static_cast<LoopId>(program_.loops.size());
    Loop copy = program_.loops[outer];
    std::vector<LoopDimension>& all = program_.loops[outer].dimensions;
    copy.dimensions.assign(all.begin() + static_cast<std::ptrdiff_t>(depth), all.end());
    all.resize(depth);
    program_.loops.push_back(copy);

    Statement inside = item.statement;
    inside.target = inner;
    Rewriter rewriter(builder_);
    for (std::size_t k = 0; k < copy.dimensions.size(); ++k)
      rewriter.replace(builder_.index(outer, static_cast<std::uint32_t>(depth + k)),
                       builder_.index(inner, static_cast<std::uint32_t>(k)));
    rewriter.block(inside.body);
    rewriter.rest();
    item.statement.body = program_.new_block();
    program_.blocks[item.statement.body].statements.push_back(inside);
    item.effects = effects(program_, item.statement);
  }

  /// Whether the nest has, directly inside, a parallel loop over the flat loop's dimensions from `depth` on.
  bool has_inner(const Item& nest, const Item& flat, std::size_t depth, const Equalities& equalities) {
    for (const Statement& s : program_.blocks[nest.statement.body].statements) {
      if (!is_parallel(s)) continue;
      const std::vector<LoopDimension> inner = program_.loops[s.target].dimensions, all = dimensions(flat);
      bool agree = inner.size() == all.size() - depth;
      for (std::size_t k = 0; agree && k < inner.size(); ++k) agree = equal(inner[k], all[depth + k], equalities);
      if (agree) return true;
    }
    return false;
  }

  /// The second loop's body follows the first's.
  void join(Item& first, Item& second) {
    const LoopId from = second.statement.target, to = first.statement.target;
    const BlockId body = first.statement.body, other = second.statement.body;
    Rewriter rewriter(builder_);
    rewriter.rename(from, to);
    rewriter.block(other);
    rename_reductions(other, from, to);
    for (Variable& variable : program_.variables)
      if (variable.block == other) variable.block = body;
    // A body's own statements leave and skip what the loop around them keeps.
    const bool skips = first.effects.skips || second.effects.skips,
               leaves = first.effects.leaves || second.effects.leaves;
    for (const Statement& s : std::exchange(program_.blocks[other].statements, {})) {
      program_.blocks[body].statements.push_back(s);
      first.effects.add(effects(program_, s));
    }
    first.effects.skips = skips;
    first.effects.leaves = leaves;
    program_.loops[to].from_array &= program_.loops[from].from_array;
    gone_.emplace_back(from, to);
  }

  void rename_reductions(BlockId id, LoopId from, LoopId to) {
    for (Statement& s : program_.blocks[id].statements) {
      if (s.kind == Kind::reduce && s.loop == from) s.loop = to;
      BlockId blocks[2];
      for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k) rename_reductions(blocks[k], from, to);
    }
  }

  Program& program_;
  Builder builder_;
  Memory memory_;
  std::vector<std::pair<LoopId, LoopId>> gone_;  // loops that are part of others now
};

}  // namespace

void fuse(Program& program) {
  Fuser(program).run();
  forward(program);
  cleanup(program);
  contract(program);
}

}  // namespace kiln::ir
