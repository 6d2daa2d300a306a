// Which sequential loops may run side by side, and what keeps the others from it.
#include "core/parallelise.h"

#include "core/visit.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

struct Access {
  bool writes = false;
  bool flat = false;
  RootId root = none;
  std::uint32_t first_index = 0, count = 0;
  std::uint32_t line = 0;
};

class Dependences {
 public:
  Dependences(Program& program, const Statement& loop) : program_(program), build_(program, false), loop_(loop) {}

  std::optional<Dependence> find() {
    if (std::optional<Dependence> found = of_the_loop()) return found;
    collect();
    if (structure_) return structure_;
    if (std::optional<Dependence> found = variables()) return found;
    return stores();
  }

 private:
  Dependence because(const char* text, std::vector<std::uint32_t> lines = {}) const {
    return {loop_.target, text, none, none, std::move(lines)};
  }
  Dependence because_of(RootId root, const char* text, std::vector<std::uint32_t> lines) const {
    return {loop_.target, text, root, none, std::move(lines)};
  }

  std::optional<Dependence> of_the_loop() {
    const Loop& loop = program_.loops[loop_.target];
    if (loop.dimensions.size() != 1) return because("it has several dimensions");
    const auto step = build_.constant_value(loop.dimensions[0].step);
    if (!step || *step == 0) return because("its step is not a constant");
    if (has_break(program_, loop_.body)) return because("break_ leaves it early");
    return std::nullopt;
  }

  void collect() {
    const auto structure = [&](const Statement& s, const char* text) {
      if (!structure_) structure_ = because(text, {s.location});
    };
    for_each_statement(program_, loop_.body, [&](const Statement& s) {
      switch (s.kind) {
        case Kind::evaluate: {
          const Node& node = program_[s.value];
          inside_.insert(s.value);
          if (node.op == Op::load)
            accesses_.push_back({false, node.flat, node.id, node.axis, node.count, s.location});
          else
            read_.emplace(node.id, s.location);
          break;
        }
        case Kind::update:
          if (s.other != none) assigned_.emplace(s.other, s.location);
          [[fallthrough]];
        case Kind::store:
          accesses_.push_back({true, s.flat, s.target, s.first_index, s.index_count, s.location});
          break;
        case Kind::assign: assigned_.emplace(s.target, s.location); break;
        case Kind::reduce: reduced_[s.target].emplace(s.op, s.location); break;
        case Kind::loop:
          loops_.insert(s.target);
          if (program_.loops[s.target].parallel) structure(s, "the loop at {} inside it is parallel");
          break;
        case Kind::allocate: structure(s, "it makes an array at {}"); break;
        case Kind::swap: structure(s, "it swaps arrays at {}"); break;
        case Kind::guard: structure(s, "it checks shapes or indices at {}"); break;
        default: break;
      }
    });
  }

  // What a variable from outside carries from one iteration to the next, if not a reduction.
  std::optional<Dependence> variables() {
    const std::vector<Scope> where = scopes(program_);
    const auto outside = [&](VariableId variable) {
      return !is_inside(where, program_.variables[variable].block, loop_.body);
    };
    const auto of = [&](VariableId variable, const char* text, std::vector<std::uint32_t> lines) {
      return Dependence{loop_.target, text, none, variable, std::move(lines)};
    };
    for (const auto& [variable, line] : assigned_) {
      if (!outside(variable)) continue;
      const auto read = read_.find(variable);
      if (read == read_.end()) return of(variable, "{} is assigned at {} and keeps the last turn's value", {line});
      return of(variable, "{} is assigned at {} and read by a later turn at {}", {line, read->second});
    }
    for (const auto& [variable, ops] : reduced_) {
      if (!outside(variable)) continue;
      const std::uint32_t line = ops.begin()->second;
      if (ops.size() > 1)
        return of(variable, "{} is updated by two different operations, at {} and {}", {line, ops.rbegin()->second});
      if (const auto read = read_.find(variable); read != read_.end())
        return of(variable, "{} is updated at {} and read by a later turn at {}", {line, read->second});
    }
    return std::nullopt;
  }

  std::optional<Dependence> stores() {
    bool effect = !reduced_.empty();
    for (const Access& access : accesses_) {
      if (!access.writes) continue;
      effect = true;
      const Root& root = program_.roots[access.root];
      if (root.may_overlap)
        return because_of(access.root, "{}, which is written at {}, shares memory with another array", {access.line});
      if (root.kind == Root::Kind::alias)
        return because_of(access.root, "{}, which is written at {}, is another array reshaped", {access.line});
      if (std::optional<Dependence> found = common_element(access)) return found;
    }
    if (!effect) return because("it changes nothing outside");
    return std::nullopt;
  }

  // Which element two iterations may have in common, unless on some axis all accesses to the root have one index, a
  // multiple of the loop's index plus what no iteration changes.
  std::optional<Dependence> common_element(const Access& store) {
    std::vector<std::optional<Sum>> own;
    for (std::uint32_t k = 0; k < store.count; ++k) own.push_back(own_index(program_.indices[store.first_index + k]));
    const auto any_own = [&] {
      return std::any_of(own.begin(), own.end(), [](const auto& index) { return index.has_value(); });
    };
    if (!any_own())
      return because_of(store.root, "{} may have an element that several turns write at {}", {store.line});
    for (const Access& access : accesses_) {
      if (memory_of(program_, access.root) != store.root) continue;
      const bool comparable = access.root == store.root && access.flat == store.flat && access.count == store.count;
      for (std::uint32_t k = 0; k < store.count; ++k) {
        if (own[k] && (!comparable || build_.sum(program_.indices[access.first_index + k]) != *own[k])) own[k].reset();
      }
      if (any_own()) continue;
      return because_of(store.root,
                        access.writes ? "{} is written at {} and its elements by other turns at {}"
                                      : "{} is written at {} and its elements read by other turns at {}",
                        {store.line, access.line});
    }
    return std::nullopt;
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

  Program& program_;
  Builder build_;  // without folding: what is found must not depend on whether the trace was folded
  const Statement loop_;
  std::optional<Dependence> structure_;  // the first thing in the loop that alone keeps it sequential
  std::vector<Access> accesses_;
  std::set<NodeId> inside_;
  std::map<VariableId, std::uint32_t> read_, assigned_;  // and the line where first
  std::map<VariableId, std::map<Op, std::uint32_t>> reduced_;
  std::set<LoopId> loops_;
};

// So many turns are too few to go across lanes.
constexpr std::int64_t few_turns = 8;

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
  Builder build(program, false);
  const auto turns = build.difference(dimensions[0].end, dimensions[0].begin);
  if ((turns && *turns < few_turns) || dependence(program, inner)) return;
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
      if (program.loops[statement.target].parallel || !dependence(program, statement)) {
        collapse(program, statement);
        program.loops[statement.target].parallel = true;
        program.blocks[block].statements[k] = statement;
        continue;
      }
    }
    for_each_block(statement, [&](BlockId inner) { parallelise(program, inner); });
  }
}

void describe(Program& program, BlockId block, std::vector<Dependence>& found) {
  const std::vector<Statement> statements = program.blocks[block].statements;
  for (const Statement& statement : statements) {
    if (statement.kind == Kind::loop) {
      if (program.loops[statement.target].parallel) continue;
      if (auto one = dependence(program, statement)) found.push_back(std::move(*one));
    }
    for_each_block(statement, [&](BlockId inner) { describe(program, inner, found); });
  }
}

}  // namespace

std::optional<Dependence> dependence(Program& program, const Statement& statement) {
  return Dependences(program, statement).find();
}

void parallelise(Program& program) { parallelise(program, 0); }

std::vector<Dependence> sequential_loops(Program& program) {
  std::vector<Dependence> found;
  describe(program, 0, found);
  return found;
}

}  // namespace kiln::ir
