// The updates of each outermost parallel loop, compared with each other and with all else the loop does to their
// memory.
#include "core/sharing.h"

#include "core/build.h"
#include "core/effects.h"
#include "core/visit.h"

#include <algorithm>
#include <optional>
#include <set>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

class Sharer {
 public:
  Sharer(Program& program, Layouts& layouts)
      : program_(program), layouts_(layouts), builder_(program), memory_(program), swapped_(program.roots.size()) {
    for (const Block& block : program.blocks)
      for (const Statement& s : block.statements)
        if (s.kind == Kind::swap) swapped_[s.target] = swapped_[s.other] = true;
  }

  void block(BlockId id) {
    for (std::size_t k = 0; k < program_.blocks[id].statements.size(); ++k) {
      const Statement s = program_.blocks[id].statements[k];
      if (s.kind == Kind::loop && program_.loops[s.target].parallel) {
        loop(s);
        continue;
      }
      for_each_block(s, [&](BlockId inner) { block(inner); });
    }
  }

 private:
  struct Update {
    BlockId block = 0;
    std::size_t statement = 0;
    std::vector<LoopId> loops;  // parallel ones whose iterations have the array in common
  };

  Statement& of(const Update& update) { return program_.blocks[update.block].statements[update.statement]; }

  void loop(const Statement& outermost) {
    updates_.clear();
    other_accesses_.clear();
    inside_.clear();
    loops_.clear();
    made_at_.assign(program_.roots.size(), none);
    std::vector<LoopId> parallel;
    collect(outermost, parallel);
    for (const Update& update : updates_)
      if (is_own(update)) of(update).sharing = Sharing::own;
    for (const Update& update : updates_)
      if (of(update).sharing == Sharing::shared && is_countable(update)) of(update).sharing = Sharing::private_;
  }

  void collect(const Statement& loop, std::vector<LoopId>& parallel) {
    loops_.insert(loop.target);
    const bool is_parallel = program_.loops[loop.target].parallel;
    if (is_parallel) parallel.push_back(loop.target);
    collect(loop.body, parallel);
    if (is_parallel) parallel.pop_back();
  }

  void collect(BlockId id, std::vector<LoopId>& parallel) {
    for (std::size_t k = 0; k < program_.blocks[id].statements.size(); ++k) {
      const Statement s = program_.blocks[id].statements[k];
      if (s.kind == Kind::evaluate) {
        inside_.insert(s.value);
        if (program_[s.value].op == Op::load) other_accesses_.push_back(program_[s.value].id);
      }
      if (s.kind == Kind::store) other_accesses_.push_back(s.target);
      if (s.kind == Kind::allocate) made_at_[s.target] = static_cast<std::uint32_t>(parallel.size());
      if (s.kind == Kind::update) {
        // An iteration's own array is shared by the loops inside the iteration alone.
        const RootId root = memory_of(program_, s.target);
        const std::size_t first = made_at_[root] == none ? 0 : made_at_[root];
        updates_.push_back({id, k, {parallel.begin() + static_cast<std::ptrdiff_t>(first), parallel.end()}});
      }
      if (s.kind == Kind::loop)
        collect(s, parallel);
      else
        for_each_block(s, [&](BlockId inner) { collect(inner, parallel); });
    }
  }

  // Whether no two iterations update one element: each index of the loops alone, times a number and plus what no
  // iteration changes, makes an axis' index, the same one in all updates of the memory.
  bool is_own(const Update& update) {
    const Statement s = of(update);
    for (const LoopId loop : update.loops) {
      for (std::uint32_t d = 0; d < program_.loops[loop].dimensions.size(); ++d) {
        bool found = false;
        for (std::uint32_t axis = 0; axis < s.index_count && !found; ++axis) found = is_own_axis(s, axis, loop, d);
        if (!found) return false;
      }
    }
    return true;
  }

  bool is_own_axis(const Statement& s, std::uint32_t axis, LoopId loop, std::uint32_t dimension) {
    const std::optional<Sum> own = own_index(program_.indices[s.first_index + axis], loop, dimension);
    if (!own) return false;
    return std::all_of(updates_.begin(), updates_.end(), [&](const Update& each) {
      const Statement other = of(each);
      if (!memory_.may_alias(other.target, s.target)) return true;
      return other.target == s.target && other.flat == s.flat && other.index_count == s.index_count &&
             builder_.sum(program_.indices[other.first_index + axis]) == *own;
    });
  }

  std::optional<Sum> own_index(NodeId index, LoopId loop, std::uint32_t dimension) {
    const Sum sum = builder_.sum(index);
    bool found = false;
    for (const Sum::Term& term : sum.terms) {
      const Node& factor = program_[term.factors[0]];
      if (term.factors.size() == 1 && factor.op == Op::index && factor.id == loop && factor.axis == dimension)
        found = true;
      else if (!std::all_of(term.factors.begin(), term.factors.end(), [&](NodeId id) { return is_fixed(id); }))
        return std::nullopt;
    }
    return found ? std::optional(sum) : std::nullopt;
  }

  // Whether a node has one value in all iterations.
  bool is_fixed(NodeId id) {
    const Node& node = program_[id];
    if (node.op == Op::index) return !loops_.contains(node.id);
    if (!is_pure(node.op)) return !inside_.contains(id);
    bool fixed = true;
    for_each_operand(program_, id, [&](NodeId operand) { fixed = fixed && is_fixed(operand); });
    return fixed;
  }

  // Whether the updates count in integers, by one operation, in memory that the loop does nothing else with: in any
  // order and in parts they give the same. How many elements there are is known when the loop starts.
  bool is_countable(const Update& update) {
    const Statement s = of(update);
    const Root& root = program_.roots[s.target];
    if (!root.dtype.is_integer() || root.kind == Root::Kind::alias || root.may_overlap || root.rank == 0) return false;
    if (made_at_[s.target] != none || swapped_[s.target] || s.op == Op::select) return false;
    const auto aliases = [&](RootId other) { return memory_.may_alias(other, s.target); };
    if (std::any_of(other_accesses_.begin(), other_accesses_.end(), aliases)) return false;
    for (const Update& each : updates_) {
      const Statement& other = of(each);
      if (!aliases(other.target)) continue;
      if (other.target != s.target || other.op != s.op || other.other != none || other.sharing == Sharing::own)
        return false;
    }
    return layouts_.contiguous(s.target);
  }

  Program& program_;
  Layouts& layouts_;
  Builder builder_;
  Memory memory_;
  std::vector<bool> swapped_;
  // Of the loop at hand.
  std::vector<Update> updates_;
  std::vector<RootId> other_accesses_;
  std::set<NodeId> inside_;  // loads and reads that take place in it
  std::set<LoopId> loops_;
  std::vector<std::uint32_t> made_at_;  // by root allocated in it: how many parallel loops are around
};

}  // namespace

void share(Program& program, Layouts& layouts) { Sharer(program, layouts).block(0); }

}  // namespace kiln::ir
