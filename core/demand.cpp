// Guarded evaluation: loads that only the right side of && or ||, or an arm of where, asks for happen only where it is
// asked.
#include "core/demand.h"

#include "core/visit.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

// A condition or its opposite.
struct Literal {
  NodeId condition = none;
  bool holds = true;
  auto operator<=>(const Literal&) const = default;
};
// All of its literals, sorted.
using Case = std::vector<Literal>;
// One case or another. No case: never. The empty case: always.
struct Demand {
  std::vector<Case> cases;
  bool exact = true;  // false: conditions were dropped, so that it may hold where nothing asks

  bool is_always() const { return cases.size() == 1 && cases[0].empty(); }
};

constexpr std::size_t most_cases = 8, most_literals = 32;

bool includes(const Case& a, const Case& b) { return std::includes(a.begin(), a.end(), b.begin(), b.end()); }

// Two cases that differ in one literal being true or false, as one without it.
std::optional<Case> joined(const Case& a, const Case& b) {
  if (a.size() != b.size()) return std::nullopt;
  std::size_t at = a.size();
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k] == b[k]) continue;
    if (a[k].condition != b[k].condition || at != a.size()) return std::nullopt;
    at = k;
  }
  Case result = a;
  if (at != a.size()) result.erase(result.begin() + static_cast<std::ptrdiff_t>(at));
  return result;
}

void add_case(Demand& demand, Case added) {
  std::vector<Case>& cases = demand.cases;
  for (std::size_t k = 0; k < cases.size(); ++k) {
    if (const auto one = joined(cases[k], added)) {
      cases.erase(cases.begin() + static_cast<std::ptrdiff_t>(k));
      return add_case(demand, *one);
    }
  }
  for (const Case& known : cases) {
    if (includes(added, known)) return;
  }
  std::erase_if(cases, [&](const Case& known) { return includes(known, added); });
  cases.push_back(std::move(added));
  if (cases.size() > most_cases || cases.back().size() > most_literals) demand = {{Case{}}, false};
}

Demand under(const Demand& demand, Literal literal) {
  Demand result{{}, demand.exact};
  for (Case each : demand.cases) {
    const Literal opposite{literal.condition, !literal.holds};
    if (std::binary_search(each.begin(), each.end(), opposite)) continue;
    if (!std::binary_search(each.begin(), each.end(), literal)) {
      each.insert(std::lower_bound(each.begin(), each.end(), literal), literal);
    }
    add_case(result, std::move(each));
  }
  return result;
}

class Guards {
 public:
  explicit Guards(Program& program) : program_(program), build_(program) {}

  void run() {
    find_uses();
    drop_dead();
    for (BlockId block = 0; block < program_.blocks.size(); ++block) {
      for (const Statement& statement : program_.blocks[block].statements) {
        if (statement.kind == Kind::evaluate) home_[statement.value] = block;
      }
    }
    scopes_ = scopes(program_);
    bodies_.assign(program_.loops.size(), none);
    for (BlockId block = 0; block < scopes_.size(); ++block) {
      if (scopes_[block].loop != none) bodies_[scopes_[block].loop] = block;
    }
    for (BlockId block = 0; block < program_.blocks.size(); ++block) guard(block);
  }

 private:
  struct Use {
    NodeId user = none;  // none: a statement or a result
    int operand = 0;     // its number; -1: an index or a guard of a load
  };

  void find_uses() {
    uses_.resize(program_.nodes.size());
    const auto root = [&](NodeId id) {
      uses_[id].push_back({});
      visit(id);
    };
    for_each_statement(program_, 0, [&](const Statement& statement) { for_each_use(program_, statement, root); });
    for_each_result(program_, root);
    for (const Root& memory : program_.roots) {
      if (memory.kind == Root::Kind::parameter) continue;
      for (int axis = 0; axis < memory.rank; ++axis) root(memory.extents[axis]);
    }
  }

  // Enters the uses that a node which something uses makes of its operands.
  void visit(NodeId id) {
    if (!visited_.insert(id).second) return;
    const bool is_load = program_[id].op == Op::load;
    int k = 0;
    for_each_operand(program_, id, [&](NodeId operand) {
      const bool is_guard = is_load && operand == program_[id].operands[0] && k == 0;
      if (is_guard)
        uses_[operand].push_back({});
      else
        uses_[operand].push_back({id, is_load ? -1 : k});
      ++k;
      visit(operand);
    });
  }

  void drop_dead() {
    for (Block& block : program_.blocks) {
      std::erase_if(block.statements, [&](const Statement& statement) {
        return statement.kind == Kind::evaluate && !visited_.contains(statement.value);
      });
    }
  }

  const Demand& demand_of(NodeId id) {
    if (const auto found = demands_.find(id); found != demands_.end()) return found->second;
    Demand result;
    for (const Use& use : uses_[id]) {
      Demand by = demand_by(use);
      if (by.is_always() && by.exact) {
        result = std::move(by);
        break;
      }
      result.exact = result.exact && by.exact;
      for (const Case& each : by.cases) add_case(result, each);
    }
    return demands_[id] = std::move(result);
  }

  Demand demand_by(const Use& use) {
    if (use.user == none) return {{Case{}}, true};
    const Node& user = program_[use.user];
    const Demand& whole = demand_of(use.user);
    if (user.op == Op::logical_and && use.operand == 1) return under(whole, {user.operands[0], true});
    if (user.op == Op::logical_or && use.operand == 1) return under(whole, {user.operands[0], false});
    if (user.op == Op::select && use.operand > 0) return under(whole, {user.operands[0], use.operand == 1});
    return whole;
  }

  void guard(BlockId block) {
    // Statements move, so the loads are listed first.
    std::vector<NodeId> loads;
    for (const Statement& statement : program_.blocks[block].statements) {
      if (statement.kind != Kind::evaluate || program_[statement.value].op != Op::load) continue;
      if (program_[statement.value].operands[0] == none) loads.push_back(statement.value);
    }
    for (const NodeId load : loads) {
      Demand demand = testable(block, load, demand_of(load));
      if ((demand.is_always() && demand.exact) || demand.cases.empty()) continue;
      std::vector<NodeId> needed;
      for (const Case& each : demand.cases) {
        for (const Literal& literal : each) needed.push_back(literal.condition);
      }
      if (!make_available(block, load, needed)) demand = {{Case{}}, false};
      program_[load].tentative = !demand.exact;
      if (demand.is_always()) continue;
      build_.at(program_[load].location);
      const NodeId condition = node_of(demand);
      program_[load].operands[0] = condition;
    }
  }

  // The demand without the conditions that cannot be tested before the load, such as those of a loop that comes after
  // it: a load too many is better than one that nothing guards.
  Demand testable(BlockId block, NodeId load, const Demand& demand) {
    const std::size_t place = position(block, load);
    Demand result{{}, demand.exact};
    for (Case each : demand.cases) {
      const auto lost = std::erase_if(each, [&](const Literal& literal) {
        std::vector<NodeId> moved, path{load};
        return !reach(block, place, literal.condition, moved, path);
      });
      if (lost != 0) result.exact = false;
      add_case(result, std::move(each));
    }
    return result;
  }

  NodeId node_of(const Demand& demand) {
    NodeId any = build_.boolean(false);
    for (const Case& each : demand.cases) {
      NodeId all = build_.boolean(true);
      for (const Literal& literal : each) {
        all = build_.logical_and(all, literal.holds ? literal.condition : build_.logical_not(literal.condition));
      }
      any = build_.logical_or(any, all);
    }
    return any;
  }

  // Moves what the nodes need before the load, if all of it may be there.
  bool make_available(BlockId block, NodeId load, const std::vector<NodeId>& needed) {
    const std::size_t place = position(block, load);
    std::vector<NodeId> moved, path{load};
    for (const NodeId id : needed) {
      if (!reach(block, place, id, moved, path)) return false;
    }
    for (const NodeId id : moved) {
      std::vector<Statement>& statements = program_.blocks[block].statements;
      const auto from = statements.begin() + static_cast<std::ptrdiff_t>(position(block, id));
      const auto to = statements.begin() + static_cast<std::ptrdiff_t>(position(block, load));
      std::rotate(to, from, from + 1);
    }
    return true;
  }

  // Whether a node can be computed at that place, after moving there what is appended to `moved`, in order.
  bool reach(BlockId block, std::size_t place, NodeId id, std::vector<NodeId>& moved, std::vector<NodeId>& path) {
    if (std::find(moved.begin(), moved.end(), id) != moved.end()) return true;
    if (std::find(path.begin(), path.end(), id) != path.end()) return false;
    if (program_[id].op == Op::index) return is_inside(scopes_, block, bodies_[program_[id].id]);
    const bool stays_put = !is_pure(program_[id].op);
    if (stays_put) {
      const BlockId home = home_.at(id);
      // Of an enclosing block, what uses it here comes after it anyway.
      if (home != block) return is_inside(scopes_, block, home);
      const std::size_t now = position(block, id);
      if (now < place) return true;
      for (std::size_t k = place; k < now; ++k) {
        if (writes(program_.blocks[block].statements[k], id)) return false;
      }
    }
    path.push_back(id);
    bool possible = true;
    for_each_operand(program_, id,
                     [&](NodeId operand) { possible = possible && reach(block, place, operand, moved, path); });
    path.pop_back();
    if (possible && stays_put) moved.push_back(id);
    return possible;
  }

  // Whether a statement, with all inside it, may change what the load or variable read `id` gives.
  bool writes(const Statement& statement, NodeId id) const {
    const Node& read = program_[id];
    const bool is_load = read.op == Op::load;
    bool found = false;
    switch (statement.kind) {
      case Kind::store:
      case Kind::update:
      case Kind::allocate:
        found = is_load ? may_alias(program_, statement.target, read.id)
                        : statement.kind == Kind::update && statement.other == read.id;
        break;
      case Kind::swap:
        found = is_load &&
                (may_alias(program_, statement.target, read.id) || may_alias(program_, statement.other, read.id));
        break;
      case Kind::assign:
      case Kind::reduce: found = !is_load && statement.target == read.id; break;
      case Kind::guard:
      case Kind::break_:
      case Kind::continue_: found = true; break;  // what follows may not be reached
      default: break;
    }
    for_each_block(statement, [&](BlockId inner) {
      for (const Statement& each : program_.blocks[inner].statements) found = found || writes(each, id);
    });
    return found;
  }

  std::size_t position(BlockId block, NodeId id) const {
    const std::vector<Statement>& statements = program_.blocks[block].statements;
    return static_cast<std::size_t>(
        std::find_if(statements.begin(), statements.end(),
                     [&](const Statement& s) { return s.kind == Kind::evaluate && s.value == id; }) -
        statements.begin());
  }

  Program& program_;
  Builder build_;
  std::vector<Scope> scopes_;
  std::vector<BlockId> bodies_;         // by loop
  std::vector<std::vector<Use>> uses_;  // by node
  std::unordered_set<NodeId> visited_;
  std::unordered_map<NodeId, Demand> demands_;
  std::unordered_map<NodeId, BlockId> home_;
};

}  // namespace

void demand(Program& program) { Guards(program).run(); }

}  // namespace kiln::ir
