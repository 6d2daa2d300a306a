// One walk in program order with the elements whose values are known, and the variables.
#include "core/forward.h"

#include "core/effects.h"
#include "core/rewrite.h"

#include <algorithm>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

/// An element of a root and the node that holds what is in it.
struct Element {
  RootId root = none;
  bool flat = false;
  std::uint32_t first_index = 0, count = 0;
  NodeId guard = none;  // known only where this holds
  NodeId value = none;
};

/// A variable's value, as it was read or assigned.
struct Reading {
  VariableId variable = none;
  NodeId value = none;
};

/// An index that is compared with its extent, if `guard` holds.
struct Compared {
  RootId root = none;
  std::uint32_t axis = 0;
  NodeId index = none, guard = none;
};

struct Known {
  std::vector<Element> elements;
  std::vector<Reading> readings;
  std::vector<Compared> compared;
};

class Forwarder {
 public:
  explicit Forwarder(Program& program) : program_(program), builder_(program), rewriter_(builder_), memory_(program) {}

  void run() {
    Known known;
    block(0, known);
    rewriter_.rest();
  }

 private:
  void block(BlockId id, Known& known) {
    std::vector<Statement> statements = std::move(program_.blocks[id].statements);
    std::vector<Statement> kept;
    kept.reserve(statements.size());
    for (Statement& s : statements) {
      // The condition of a while_ is made of what its block reads: it is rewritten after that block.
      const NodeId condition = s.condition;
      if (s.kind == Kind::while_) s.condition = none;
      rewriter_.own(s);
      s.condition = s.kind == Kind::while_ ? condition : s.condition;
      if (statement(s, known)) kept.push_back(s);
    }
    program_.blocks[id].statements = std::move(kept);
  }

  /// Whether the statement stays.
  bool statement(Statement& s, Known& known) {
    switch (s.kind) {
      case Kind::evaluate: return evaluate(s, known);
      case Kind::assign:
      case Kind::reduce:
        forget_variable(s.target, known);
        // The variable's dtype is its own: only a value of the same one is what a read gives back.
        if (s.kind == Kind::assign && program_[s.value].type.dtype == program_.variables[s.target].type.dtype)
          known.readings.push_back({s.target, s.value});
        return true;
      case Kind::store:
        s.checked = not_compared(s.target, s.first_index, s.checked, none, known);
        forget_memory(s.target, known);
        if (program_[s.value].type.dtype == program_.roots[s.target].dtype)
          known.elements.push_back({s.target, s.flat, s.first_index, s.index_count, none, s.value});
        return true;
      case Kind::update:
        s.checked = not_compared(s.target, s.first_index, s.checked, none, known);
        if (s.other != none) forget_variable(s.other, known);
        forget_memory(s.target, known);
        return true;
      case Kind::allocate: forget_memory(s.target, known); return true;
      case Kind::swap:
        forget_memory(s.target, known);
        forget_memory(s.other, known);
        return true;
      case Kind::loop:
      case Kind::while_: {
        // What the body writes is unknown at the start of its second turn, and after it.
        forget(effects(program_, s), known);
        Known inside = known;
        if (s.body != none) block(s.body, inside);
        if (s.kind == Kind::while_) s.condition = rewriter_(s.condition);
        if (s.otherwise != none) block(s.otherwise, inside);
        return true;
      }
      case Kind::branch: {
        const Effects branches = effects(program_, s);
        for (BlockId inner : {s.body, s.otherwise})
          if (inner != none) {
            Known inside = known;
            block(inner, inside);
          }
        forget(branches, known);
        return true;
      }
      case Kind::break_:
      case Kind::continue_:
      case Kind::guard: return true;
    }
    return true;
  }

  bool evaluate(const Statement& s, Known& known) {
    const Node node = program_[s.value];
    if (node.op == Op::read_variable) {
      for (const Reading& reading : known.readings)
        if (reading.variable == node.id) {
          rewriter_.replace(s.value, reading.value);
          return false;
        }
      known.readings.push_back({node.id, s.value});
      return true;
    }
    if (node.op != Op::load) return true;
    const NodeId guard = node.operands[0];
    for (const Element& element : known.elements) {
      if (!is_same_element(element, node) || (element.guard != none && element.guard != guard)) continue;
      NodeId value = element.value;
      if (guard != none && element.guard == none)
        value = builder_.node(Op::select, node.type,
                              {guard, value, builder_.constant(node.type.dtype, {}, node.type.strength)});
      rewriter_.replace(s.value, value);
      return false;
    }
    known.elements.push_back({node.id, node.flat, node.axis, node.count, guard, s.value});
    const std::uint8_t checked = not_compared(node.id, node.axis, node.checked, guard, known);
    program_[s.value].checked = checked;
    return true;
  }

  /// Of the axes to be checked those that no access before, which this one follows in any case, has compared.
  std::uint8_t not_compared(RootId root, std::uint32_t first, std::uint8_t checked, NodeId guard, Known& known) const {
    for (std::uint32_t axis = 0; checked >> axis != 0; ++axis) {
      if ((checked >> axis & 1) == 0) continue;
      const NodeId index = program_.indices[first + axis];
      const bool again = std::any_of(known.compared.begin(), known.compared.end(), [&](const Compared& c) {
        return c.root == root && c.axis == axis && c.index == index && (c.guard == none || c.guard == guard);
      });
      if (again)
        checked = static_cast<std::uint8_t>(checked & ~(1u << axis));
      else
        known.compared.push_back({root, axis, index, guard});
    }
    return checked;
  }

  bool is_same_element(const Element& element, const Node& load) {
    if (element.root != load.id || element.flat != load.flat || element.count != load.count) return false;
    for (std::uint32_t k = 0; k < load.count; ++k)
      if (!builder_.same(program_.indices[element.first_index + k], program_.indices[load.axis + k])) return false;
    return true;
  }

  void forget_variable(VariableId variable, Known& known) {
    std::erase_if(known.readings, [&](const Reading& reading) { return reading.variable == variable; });
  }

  void forget_memory(RootId root, Known& known) {
    std::erase_if(known.elements, [&](const Element& element) { return memory_.may_alias(element.root, root); });
  }

  void forget(const Effects& effects, Known& known) {
    for (VariableId variable : effects.variables_written) forget_variable(variable, known);
    for (const Access& access : effects.accesses)
      if (access.write) forget_memory(access.root, known);
  }

  Program& program_;
  Builder builder_;
  Rewriter rewriter_;
  Memory memory_;
};

}  // namespace

void forward(Program& program) { Forwarder(program).run(); }

}  // namespace kiln::ir
