// Accesses of a loop's body, as functions of its last index: neighbours, all the same, apart, or read from memory.
#include "cuda/packing.h"

#include "core/visit.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace kiln::on_cuda {

using ir::Node;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::RootId;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

constexpr int pack_bytes = 16;      // what one instruction loads
constexpr int packs_in_flight = 4;  // of a thread, so that memory has enough to do
constexpr int most_cost = 256;      // of the items of a turn: what computes more has no need of wide loads

class Accesses {
 public:
  Accesses(const ir::Program& program, const Statement& loop, const Statement& of_items, bool skips_those_apart)
      : program_(program),
        loop_(loop),
        target_(of_items.target),
        last_(dimensions(target_) - 1),
        skips_those_apart_(skips_those_apart) {}

  Packing run() {
    Packing packing;
    if (!is_straight(program_, loop_)) return packing;
    packing.cost = cost();
    if (!steps_by_one()) return packing;
    for (const Statement& s : program_.blocks[loop_.body].statements) {
      if (!add(s)) return packing;
      if (s.kind == Kind::evaluate) made_.insert(s.value);
    }
    drop_those_in_conflict();
    if (loads_.empty() && stores_.empty()) return packing;
    int widest = 1;
    for (const auto& [id, at] : loads_) widest = std::max(widest, size_of(program_[id].id));
    for (const auto& [s, at] : stores_) widest = std::max(widest, size_of(s->target));
    const int items = std::max(pack_bytes / widest, 1), cost = packing.cost;
    if (items * cost > most_cost) return packing;
    drop_those_not_aligned(items);
    packing.items = items;
    const int loads = std::max<int>(static_cast<int>(loads_.size()), 1);
    while (packing.vectors * loads < packs_in_flight && 2 * packing.vectors * items * cost <= most_cost)
      packing.vectors *= 2;
    for (const auto& [id, at] : loads_) packing.loads.push_back(id);
    for (const auto& [s, at] : stores_) packing.stores.push_back(s);
    return packing;
  }

  // Whether what these loads are at grows by the same from item to item, and nothing is needed for it that the body
  // around the loop reads.
  bool step(const std::vector<NodeId>& loads, const Statement& around) {
    for (const Statement* const each : {&around, &loop_})
      for (const Statement& s : program_.blocks[each->body].statements)
        if (s.kind == Kind::evaluate) made_.insert(s.value);
    return std::all_of(loads.begin(), loads.end(), [&](NodeId id) {
      const Node& node = program_[id];
      for (std::uint32_t k = 0; k < node.count; ++k)
        if (const NodeId index = program_.indices[node.axis + k]; is_read(index) || !coefficient(index)) return false;
      return true;
    });
  }

 private:
  enum class Way { neighbours, same, apart, anywhere };

  int size_of(RootId root) const { return static_cast<int>(program_.roots[root].dtype.size()); }
  std::uint32_t dimensions(ir::LoopId loop) const {
    return static_cast<std::uint32_t>(program_.loops[loop].dimensions.size());
  }

  bool steps_by_one() const {
    const NodeId step = program_.loops[target_].dimensions[last_].step;
    return program_.is_constant(step) && program_[step].number.i == 1;
  }

  // False where it lies apart from its neighbour's.
  bool add(const Statement& s) {
    const int at = position_++;
    if (s.kind == Kind::store) {
      const Way way = way_of(s.target, s.flat, s.first_index, s.index_count);
      if (way == Way::apart) return false;
      written_.push_back({s.target, at});
      if (way == Way::neighbours) stores_.push_back({&s, at});
    } else if (s.kind == Kind::evaluate && program_[s.value].op == Op::load) {
      const Node& node = program_[s.value];
      const Way way = way_of(node.id, node.flat, node.axis, node.count);
      if (way == Way::apart && !skips_those_apart_) return false;
      read_.push_back({node.id, at});
      if (way == Way::neighbours && node.operands[0] == none) loads_.push_back({s.value, at});
    }
    return true;
  }

  // Packs are loaded before the items' turns and stored behind them: not what the same turn writes first, or reads
  // or writes again.
  void drop_those_in_conflict() {
    std::erase_if(loads_, [&](const auto& load) {
      return std::any_of(written_.begin(), written_.end(), [&](const auto& w) {
        return w.second < load.second && ir::may_alias(program_, w.first, program_[load.first].id);
      });
    });
    std::erase_if(stores_, [&](const auto& store) {
      const auto meets = [&](const auto& other) { return ir::may_alias(program_, other.first, store.first->target); };
      return std::any_of(read_.begin(), read_.end(),
                         [&](const auto& r) { return r.second > store.second && meets(r); }) ||
             std::any_of(written_.begin(), written_.end(),
                         [&](const auto& w) { return w.second != store.second && meets(w); });
    });
  }

  Way way_of(RootId root, bool flat, std::uint32_t first, std::uint32_t count) {
    Way way = Way::same;
    for (std::uint32_t k = 0; k < count; ++k) {
      const std::optional<std::int64_t> by = coefficient(program_.indices[first + k]);
      if (!by || is_read(program_.indices[first + k]) || !moves_evenly(program_.indices[first + k]))
        return Way::anywhere;
      if (*by == 0) continue;
      if (way != Way::same || *by != 1 || !(flat || has_unit_stride(program_, root, k))) return Way::apart;
      way = Way::neighbours;
    }
    return way;
  }

  bool depends(NodeId id) {
    const Node& node = program_[id];
    if (node.op == Op::index) return node.id == target_ && node.axis == last_;
    if (node.op == Op::read_variable) return true;
    if (const auto known = depends_.find(id); known != depends_.end()) return known->second;
    bool found = false;
    ir::for_each_operand(program_, id, [&](NodeId operand) { found = found || depends(operand); });
    return depends_[id] = found;
  }

  // Whether it grows by the same from turn to turn of the loop, where the items are those of a loop around it: what is
  // aligned in two turns is aligned in all.
  bool moves_evenly(NodeId id) {
    if (target_ == loop_.target) return true;
    const ir::LoopId items = std::exchange(target_, loop_.target);
    const std::uint32_t last = std::exchange(last_, 0);
    const std::map<NodeId, bool> known = std::exchange(depends_, {});
    const bool even = dimensions(loop_.target) == 1 && coefficient(id).has_value();
    target_ = items;
    last_ = last;
    depends_ = known;
    return even;
  }

  // Whether the body itself reads what it is computed from: packs have their addresses before.
  bool is_read(NodeId id) {
    const Node& node = program_[id];
    if (node.op == Op::load || node.op == Op::read_variable) return made_.contains(id);
    bool found = false;
    ir::for_each_operand(program_, id, [&](NodeId operand) { found = found || is_read(operand); });
    return found;
  }

  // The constant part of where an access begins: packs whose parts differ are not aligned together.
  std::int64_t offset_of(const NodeId* indices, std::uint32_t count) {
    for (std::uint32_t k = 0; k < count; ++k)
      if (depends(indices[k])) return constant_part(indices[k]);
    return 0;
  }
  std::int64_t constant_part(NodeId id) const {
    const Node& node = program_[id];
    if (node.op == Op::constant) return node.number.i;
    if (node.op == Op::add) return constant_part(node.operands[0]) + constant_part(node.operands[1]);
    if (node.op == Op::subtract) return constant_part(node.operands[0]) - constant_part(node.operands[1]);
    return 0;
  }
  void drop_those_not_aligned(int items) {
    const auto of_load = [&](const auto& load) {
      return offset_of(&program_.indices[program_[load.first].axis], program_[load.first].count);
    };
    const auto of_store = [&](const auto& store) {
      return offset_of(&program_.indices[store.first->first_index], store.first->index_count);
    };
    const std::int64_t first = !stores_.empty() ? of_store(stores_[0]) : !loads_.empty() ? of_load(loads_[0]) : 0;
    std::erase_if(loads_, [&](const auto& load) { return (of_load(load) - first) % items != 0; });
    std::erase_if(stores_, [&](const auto& store) { return (of_store(store) - first) % items != 0; });
  }

  // What an i64 expression grows by from one item to the next; none where that is not known.
  std::optional<std::int64_t> coefficient(NodeId id) {
    const Node& node = program_[id];
    if (!depends(id)) return 0;
    if (node.type.dtype != i64) return std::nullopt;
    const auto part = [&](int k) { return coefficient(node.operands[k]); };
    switch (node.op) {
      case Op::index: return 1;
      case Op::add:
      case Op::subtract: {
        const auto a = part(0), b = part(1);
        if (!a || !b) return std::nullopt;
        return node.op == Op::add ? *a + *b : *a - *b;
      }
      case Op::multiply:
        for (int k = 0; k < 2; ++k)
          if (program_.is_constant(node.operands[k]) && part(1 - k) == 1) return program_[node.operands[k]].number.i;
        if (depends(node.operands[0]) && depends(node.operands[1])) return std::nullopt;  // a square grows by ever more
        // Of what only the call knows: apart, most often.
        return part(0) && part(1) ? std::optional<std::int64_t>(2) : std::nullopt;
      default: return std::nullopt;
    }
  }

  void count_cost(NodeId id, std::set<NodeId>& seen, int& sum) const {
    if (!seen.insert(id).second) return;
    const Node& node = program_[id];
    if (node.op == Op::convert)
      sum += 1;
    else if (ir::is_pure(node.op) && ir::operand_count(node) > 0)
      sum += ir::row(node.op).cost * (node.type.dtype.is_complex() ? 4 : 1);
    ir::for_each_operand(program_, id, [&](NodeId operand) { count_cost(operand, seen, sum); });
  }
  int cost() const {
    std::set<NodeId> seen;
    int sum = 1;
    for (const Statement& s : program_.blocks[loop_.body].statements)
      ir::for_each_use(program_, s, [&](NodeId id) { count_cost(id, seen, sum); });
    return sum;
  }

  const ir::Program& program_;
  const Statement& loop_;  // whose body it is
  ir::LoopId target_;      // whose neighbouring iterations are the items, along dimension last_
  std::uint32_t last_;
  bool skips_those_apart_;  // loads, which are done one by one then
  int position_ = 0;
  std::map<NodeId, bool> depends_;
  std::set<NodeId> made_;
  std::vector<std::pair<NodeId, int>> loads_;  // with their places in the body
  std::vector<std::pair<const Statement*, int>> stores_;
  std::vector<std::pair<RootId, int>> read_, written_;
};

}  // namespace

bool is_straight(const ir::Program& program, const Statement& loop) {
  for (const Statement& s : program.blocks[loop.body].statements) {
    const bool load = s.kind == Kind::evaluate && program[s.value].op == Op::load;
    if (s.kind != Kind::evaluate && s.kind != Kind::assign && s.kind != Kind::store && s.kind != Kind::reduce)
      return false;
    if (s.checked != 0 || (load && program[s.value].checked != 0)) return false;
    if (s.kind == Kind::reduce && s.loop != loop.target) return false;
  }
  return true;
}

const Statement* only_loop_of(const ir::Program& program, const Statement& outer) {
  const Statement* found = nullptr;
  for (const Statement& s : program.blocks[outer.body].statements) {
    if (s.kind == Kind::loop && !found) {
      found = &s;
      continue;
    }
    const bool load = s.kind == Kind::evaluate && program[s.value].op == Op::load;
    if (s.checked != 0 || (load && program[s.value].checked != 0)) return nullptr;
    if (s.kind != Kind::evaluate && s.kind != Kind::assign && !(s.kind == Kind::store && found)) return nullptr;
  }
  return found;
}

Packing packing_of(const ir::Program& program, const Statement& loop) {
  return Accesses(program, loop, loop, false).run();
}

Packing packing_of(const ir::Program& program, const Statement& loop, const Statement& around) {
  return Accesses(program, loop, around, false).run();
}

Packing packing_of_turns(const ir::Program& program, const Statement& loop) {
  return Accesses(program, loop, loop, true).run();
}

bool packs_step(const ir::Program& program, const Statement& loop, const Statement& around, const Packing& packing) {
  return Accesses(program, loop, around, false).step(packing.loads, around);
}

bool has_unit_stride(const ir::Program& program, RootId id, std::uint32_t axis) {
  const ir::Root& root = program.roots[id];
  if (root.unit_strides >> axis & 1) return true;
  return root.kind != ir::Root::Kind::parameter && axis + 1 == root.rank;
}

}  // namespace kiln::on_cuda
