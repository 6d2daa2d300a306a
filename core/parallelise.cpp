// Which sequential loops may run side by side, and what keeps the others from it.
#include "core/parallelise.h"

#include "core/visit.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

struct Access {
  bool writes = false;
  bool flat = false;
  RootId root = none;
  std::uint32_t first_index = 0, count = 0;
};

class Dependences {
 public:
  Dependences(Program& program, const Statement& loop) : program_(program), build_(program, false), loop_(loop) {}

  std::string reason() {
    const Loop& loop = program_.loops[loop_.target];
    if (loop.dimensions.size() != 1) return "it has several dimensions";
    const auto step = build_.constant_value(loop.dimensions[0].step);
    if (!step || *step == 0) return "its step is not a constant";
    if (has_break(program_, loop_.body)) return "break_ leaves it early";
    collect();
    if (!reason_.empty()) return reason_;
    if (std::string text = variables(); !text.empty()) return text;
    return stores();
  }

 private:
  void collect() {
    for_each_statement(program_, loop_.body, [&](const Statement& statement) {
      switch (statement.kind) {
        case Kind::evaluate: {
          const Node& node = program_[statement.value];
          inside_.insert(statement.value);
          if (node.op == Op::load)
            accesses_.push_back({false, node.flat, node.id, node.axis, node.count});
          else
            read_.insert(node.id);
          break;
        }
        case Kind::store:
        case Kind::update:
          accesses_.push_back({true, statement.flat, statement.target, statement.first_index, statement.index_count});
          break;
        case Kind::assign: assigned_.insert(statement.target); break;
        case Kind::reduce: reduced_[statement.target].insert(statement.op); break;
        case Kind::loop:
          loops_.insert(statement.target);
          if (program_.loops[statement.target].parallel) reason_ = "it holds a parallel loop";
          break;
        case Kind::allocate: reason_ = "it makes an array"; break;
        case Kind::swap: reason_ = "it swaps arrays"; break;
        case Kind::guard: reason_ = "it checks shapes or indices"; break;
        default: break;
      }
    });
  }

  // What a variable from outside carries from one iteration to the next, if not a reduction.
  std::string variables() {
    const std::vector<Scope> where = scopes(program_);
    const auto outside = [&](VariableId variable) {
      return !is_inside(where, program_.variables[variable].block, loop_.body);
    };
    for (const VariableId variable : assigned_) {
      if (outside(variable)) return "a Var from outside is assigned in it";
    }
    for (const auto& [variable, ops] : reduced_) {
      if (!outside(variable)) continue;
      if (ops.size() > 1) return "a Var is updated by two different operations";
      if (read_.contains(variable)) return "a Var is updated and read in it";
    }
    return {};
  }

  std::string stores() {
    bool effect = std::any_of(reduced_.begin(), reduced_.end(), [](const auto&) { return true; });
    for (const Access& access : accesses_) {
      if (!access.writes) continue;
      effect = true;
      const Root& root = program_.roots[access.root];
      if (root.may_overlap) return "the array it writes overlaps another";
      if (root.kind == Root::Kind::alias) return "it writes through a reshaped array";
      if (!has_own_axis(access)) {
        return "iterations may write or read one element of " + name(access.root);
      }
    }
    return effect ? "" : "it changes nothing outside";
  }

  // Whether on some axis all accesses to the root have one index, a multiple of the loop's index plus what no iteration
  // changes.
  bool has_own_axis(const Access& store) {
    std::vector<std::optional<Sum>> own;
    for (std::uint32_t k = 0; k < store.count; ++k) own.push_back(own_index(program_.indices[store.first_index + k]));
    for (const Access& access : accesses_) {
      if (memory_of(program_, access.root) != store.root) continue;
      if (access.root != store.root || access.flat != store.flat || access.count != store.count) return false;
      for (std::uint32_t k = 0; k < store.count; ++k) {
        if (own[k] && build_.sum(program_.indices[access.first_index + k]) != *own[k]) own[k].reset();
      }
    }
    return std::any_of(own.begin(), own.end(), [](const auto& index) { return index.has_value(); });
  }

  std::optional<Sum> own_index(NodeId index) {
    const Sum sum = build_.sum(index);
    bool found = false;
    for (const Sum::Term& term : sum.terms) {
      const Node& factor = program_[term.factors[0]];
      if (term.factors.size() == 1 && factor.op == Op::index && factor.id == loop_.target)
        found = true;
      else if (!std::all_of(term.factors.begin(), term.factors.end(), [&](NodeId id) { return is_fixed(id); })) {
        return std::nullopt;
      }
    }
    return found ? std::optional(sum) : std::nullopt;
  }

  // Whether the node has one value in all iterations.
  bool is_fixed(NodeId id) {
    const Node& node = program_[id];
    if (node.op == Op::index) return node.id != loop_.target && !loops_.contains(node.id);
    if (!is_pure(node.op)) return !inside_.contains(id);
    bool fixed = true;
    for_each_operand(program_, id, [&](NodeId operand) { fixed = fixed && is_fixed(operand); });
    return fixed;
  }

  std::string name(RootId root) const {
    const Root& memory = program_.roots[root];
    if (memory.kind == Root::Kind::parameter) return "array argument " + std::to_string(memory.argument + 1);
    return "an array made in the function";
  }

  Program& program_;
  Builder build_;  // without folding: what is found must not depend on whether the trace was folded
  const Statement loop_;
  std::string reason_;
  std::vector<Access> accesses_;
  std::set<NodeId> inside_;
  std::set<VariableId> read_, assigned_;
  std::map<VariableId, std::set<Op>> reduced_;
  std::set<LoopId> loops_;
};

// Puts the dimension of the only loop in a loop's body, whose bounds do not vary with it, after the loop's own.
void collapse(Program& program, Statement& outer) {
  const std::vector<Statement>& body = program.blocks[outer.body].statements;
  if (body.size() != 1 || body[0].kind != Kind::loop || program.loops[body[0].target].parallel) return;
  const Statement inner = body[0];
  const auto varies = [&](auto&& self, NodeId id) -> bool {
    const Node& node = program[id];
    if (node.op == Op::index && node.id == outer.target) return true;
    bool found = false;
    if (is_pure(node.op)) for_each_operand(program, id, [&](NodeId x) { found = found || self(self, x); });
    return found;
  };
  std::vector<LoopDimension> dimensions = program.loops[inner.target].dimensions;
  for (LoopDimension& dimension : dimensions) {
    for (NodeId* bound : {&dimension.begin, &dimension.end, &dimension.step}) {
      // The index may vanish from a bound, as from the extent of a slice that moves with it.
      if (varies(varies, *bound)) *bound = Builder(program, false).folded(*bound);
      if (varies(varies, *bound)) return;
    }
  }
  if (!dependence(program, inner).empty()) return;
  Loop& loop = program.loops[outer.target];
  const std::uint32_t first = static_cast<std::uint32_t>(loop.dimensions.size());
  loop.dimensions.insert(loop.dimensions.end(), dimensions.begin(), dimensions.end());
  for (Node& node : program.nodes) {
    if (node.op != Op::index || node.id != inner.target) continue;
    node.id = outer.target;
    node.axis += first;
  }
  // The block between is no part of the Program any more; what looks at all blocks must not find the inner loop there.
  program.blocks[outer.body].statements.clear();
  outer.body = inner.body;
  collapse(program, outer);
}

void parallelise(Program& program, BlockId block) {
  for (std::size_t k = 0; k < program.blocks[block].statements.size(); ++k) {
    Statement statement = program.blocks[block].statements[k];
    if (statement.kind == Kind::loop) {
      if (program.loops[statement.target].parallel) continue;
      if (dependence(program, statement).empty()) {
        collapse(program, statement);
        program.loops[statement.target].parallel = true;
        program.blocks[block].statements[k] = statement;
        continue;
      }
    }
    for_each_block(statement, [&](BlockId inner) { parallelise(program, inner); });
  }
}

void describe(Program& program, BlockId block, std::vector<Note>& notes) {
  const std::vector<Statement> statements = program.blocks[block].statements;
  for (const Statement& statement : statements) {
    if (statement.kind == Kind::loop) {
      if (program.loops[statement.target].parallel) continue;
      notes.push_back({statement.target, statement.location, dependence(program, statement)});
    }
    for_each_block(statement, [&](BlockId inner) { describe(program, inner, notes); });
  }
}

}  // namespace

std::string dependence(Program& program, const Statement& statement) {
  return Dependences(program, statement).reason();
}

void parallelise(Program& program) { parallelise(program, 0); }

std::vector<Note> sequential_loops(Program& program) {
  std::vector<Note> notes;
  describe(program, 0, notes);
  std::erase_if(notes, [](const Note& note) { return note.text.empty(); });
  return notes;
}

}  // namespace kiln::ir
