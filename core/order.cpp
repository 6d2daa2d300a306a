// The order of every reduction and, where asked for, contraction to fma: fixed once, on the raw trace, before anything
// moves.
#include "core/order.h"

#include "core/host_ops.h"
#include "core/parallelise.h"
#include "core/relax.h"
#include "core/visit.h"

#include <kiln/error.h>

#include <string>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

// What happens to a variable: an assignment, a read, or an update.
struct Use {
  Kind kind = Kind::assign;
  Op op = Op::add;
  BlockId block = 0;
  LoopId decided = none;  // update: the loop it already is a reduction over
  std::uint32_t location = 0;
};

class Reductions {
 public:
  explicit Reductions(Program& program) : program_(program), build_(program, false), scopes_(scopes(program)) {}

  void run() {
    uses_.resize(program_.variables.size());
    collect(0);
    for (VariableId variable = 0; variable < uses_.size(); ++variable) {
      for (const Use& use : uses_[variable]) check(variable, use);
    }
    for (BlockId block = 0; block < program_.blocks.size(); ++block) decide(block);
    nest(0);
  }

 private:
  void collect(BlockId block) {
    for (const Statement& statement : program_.blocks[block].statements) {
      if (statement.kind == Kind::evaluate && program_[statement.value].op == Op::read_variable) {
        const Node& node = program_[statement.value];
        uses_[node.id].push_back({Kind::evaluate, Op::add, block, none, node.location});
      } else if (statement.kind == Kind::assign || statement.kind == Kind::reduce) {
        uses_[statement.target].push_back({statement.kind, statement.op, block, statement.loop, statement.location});
      } else if (statement.kind == Kind::update && statement.other != none) {
        uses_[statement.other].push_back({Kind::assign, statement.op, block, none, statement.location});
      }
      for_each_block(statement, [&](BlockId inner) { collect(inner); });
    }
  }

  // The body of the outermost parallel loop between the variable and the block, or none.
  BlockId parallel_body(VariableId variable, BlockId block) const {
    BlockId found = none;
    for (; block != program_.variables[variable].block && block != none; block = scopes_[block].parent) {
      if (scopes_[block].loop != none && program_.loops[scopes_[block].loop].parallel) found = block;
    }
    return found;
  }

  // Throws where a parallel loop does to a variable from outside what depends on the order of its iterations.
  void check(VariableId variable, const Use& use) const {
    const BlockId body = parallel_body(variable, use.block);
    if (body == none || use.kind == Kind::evaluate) return;
    const LoopId loop = scopes_[body].loop;
    if (use.kind == Kind::assign) fail(variable, use, "assign a Var declared outside it");
    if (use.decided != none) return;
    for (const Use& other : uses_[variable]) {
      if (!is_inside(scopes_, other.block, body)) continue;
      if (other.kind == Kind::evaluate) fail(variable, use, "both update and read a Var declared outside it");
      if (other.kind == Kind::reduce && other.op != use.op) {
        fail(variable, use,
             "update a Var declared outside it by two different operations (" + std::string(row(use.op).spelling) +
                 " and " + row(other.op).spelling + ")");
      }
      if (other.decided != none && other.decided != loop) {
        fail(variable, use, "update a Var declared outside it both directly and from an array expression");
      }
    }
  }

  [[noreturn]] void fail(VariableId variable, const Use& use, const std::string& what) const {
    throw UsageError(
        "a prange iteration cannot " + what + " (" + program_.variables[variable].type.dtype.name() +
            " scalar); use only one of +=, *=, &=, |=, ^=, .min or .max (a reduction), or declare the Var inside",
        program_.locations[use.location]);
  }

  // The loop that an update is a reduction over, or none.
  LoopId loop_of(VariableId variable, BlockId block, Op op) const {
    if (const BlockId body = parallel_body(variable, block); body != none) return scopes_[body].loop;
    LoopId found = none;
    for (; block != program_.variables[variable].block && block != none; block = scopes_[block].parent) {
      if (scopes_[block].loop != none && only_updates(variable, block, op)) found = scopes_[block].loop;
    }
    return found;
  }

  // Whether all that happens to the variable in a sequential loop are updates by `op`, in each turn and each loop
  // between.
  bool only_updates(VariableId variable, BlockId body, Op op) const {
    for (const Use& use : uses_[variable]) {
      if (!is_inside(scopes_, use.block, body)) continue;
      if (use.kind != Kind::reduce || use.op != op || use.decided != none) return false;
      for (BlockId block = use.block;; block = scopes_[block].parent) {
        if (scopes_[block].kind == Kind::while_) return false;
        if (scopes_[block].loop != none) {
          if (program_.loops[scopes_[block].loop].parallel || has_break(program_, block)) return false;
        }
        if (block == body) break;
      }
    }
    return true;
  }

  void decide(BlockId block) {
    std::vector<Statement> decided;
    for (Statement statement : program_.blocks[block].statements) {
      if (statement.kind == Kind::reduce && statement.loop == none) {
        statement.loop = loop_of(statement.target, block, statement.op);
        if (statement.loop == none) {
          lower(statement, decided);
          continue;
        }
      }
      decided.push_back(statement);
    }
    program_.blocks[block].statements = std::move(decided);
  }

  // What a loop contributes to a reduction over a loop around it is folded first, in the order of the loop itself: into
  // a variable of its own, which joins the term of the turn around.
  void nest(BlockId block) {
    std::vector<Statement> nested;
    for (const Statement& statement : std::vector<Statement>(program_.blocks[block].statements)) {
      for_each_block(statement, [&](BlockId inner) { nest(inner); });
      if (statement.kind != Kind::loop) {
        nested.push_back(statement);
        continue;
      }
      std::vector<Statement> joins;
      while (Statement* update = update_of_another_loop(statement.body, statement.target)) {
        const Statement found = *update;
        const VariableId partial = declare_partial(found, block, nested);
        joins.push_back(found);
        while ((update = update_of_another_loop(statement.body, statement.target, found.target)) != nullptr) {
          update->target = partial;
          update->loop = statement.target;
        }
        joins.back().value = read(partial, found.location);
      }
      nested.push_back(statement);
      for (const Statement& join : joins) {
        Statement evaluate;
        evaluate.value = join.value;
        evaluate.location = join.location;
        nested.push_back(evaluate);
        nested.push_back(join);
      }
    }
    program_.blocks[block].statements = std::move(nested);
  }

  // The first update in a loop's body, of `variable` or of any, that is a reduction over another loop.
  Statement* update_of_another_loop(BlockId body, LoopId loop, VariableId variable = none) {
    for (Statement& statement : program_.blocks[body].statements) {
      const bool is_wanted = variable == none || statement.target == variable;
      if (statement.kind == Kind::reduce && is_wanted && statement.loop != loop) return &statement;
      if (statement.kind == Kind::loop) continue;  // what it contributes has joined behind it
      Statement* found = nullptr;
      for_each_block(statement, [&](BlockId inner) {
        if (found == nullptr) found = update_of_another_loop(inner, loop, variable);
      });
      if (found != nullptr) return found;
    }
    return nullptr;
  }

  // A variable of `block` that starts as nothing.
  VariableId declare_partial(const Statement& update, BlockId block, std::vector<Statement>& statements) {
    const auto partial = static_cast<VariableId>(program_.variables.size());
    Variable variable = program_.variables[update.target];
    variable.type.dtype = accumulator_dtype(variable.type.dtype);  // halves are rounded once, in the end
    variable.block = block;
    variable.location = update.location;
    program_.variables.push_back(variable);
    Statement assign;
    assign.kind = Kind::assign;
    assign.target = partial;
    assign.location = update.location;
    build_.at(update.location);
    assign.value =
        build_.constant(variable.type.dtype, identity(update.op, variable.type.dtype), variable.type.strength);
    statements.push_back(assign);
    return partial;
  }

  NodeId read(VariableId variable, std::uint32_t location) {
    Node read;
    read.op = Op::read_variable;
    read.type = program_.variables[variable].type;
    read.id = variable;
    read.location = location;
    return program_.append(read);
  }

  // variable = variable op value.
  void lower(const Statement& update, std::vector<Statement>& block) {
    const Type type = program_.variables[update.target].type;
    Statement evaluate;
    evaluate.value = read(update.target, update.location);
    evaluate.location = update.location;
    block.push_back(evaluate);
    build_.at(update.location);
    Statement assign = update;
    assign.kind = Kind::assign;
    assign.value = build_.node(update.op, type, {evaluate.value, update.value});
    block.push_back(assign);
  }

  Program& program_;
  Builder build_;
  std::vector<Scope> scopes_;
  std::vector<std::vector<Use>> uses_;  // by variable
};

}  // namespace

void form_fma(Program& program) {
  Builder build(program, false);
  // A product of constants is one: the Program traced without folding must become the same.
  const auto is_product = [&](NodeId id) { return program[id].op == Op::multiply && !build.computed(id); };
  const NodeId count = static_cast<NodeId>(program.nodes.size());
  for (NodeId id = 0; id < count; ++id) {
    const Node node = program[id];
    if (node.op != Op::add && node.op != Op::subtract) continue;
    if (node.type.dtype != f32 && node.type.dtype != f64) continue;
    const bool left = is_product(node.operands[0]);
    if (!left && !is_product(node.operands[1])) continue;
    NodeId product = node.operands[left ? 0 : 1], rest = node.operands[left ? 1 : 0];
    NodeId factor = program[product].operands[0];
    build.at(node.location);
    if (node.op == Op::subtract) {
      // a b - c = fma(a, b, -c) and c - a b = fma(-a, b, c); a change of sign is exact.
      NodeId& changed = left ? rest : factor;
      changed = build.node(Op::negative, program[changed].type, {changed});
    }
    Node fused = node;
    fused.op = Op::fma;
    fused.operands[0] = factor;
    fused.operands[1] = program[product].operands[1];
    fused.operands[2] = rest;
    program[id] = fused;
  }
}

void order(Program& program) {
  relax(program);
  if (program.contract) form_fma(program);
  parallelise(program);
  Reductions(program).run();
}

}  // namespace kiln::ir
