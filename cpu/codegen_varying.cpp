// Uniformity, 32-bit ranges and lane width of a loop over SIMD lanes; no LLVM here.
#include "cpu/codegen_varying.h"

#include <algorithm>

namespace kiln::on_cpu {

using ir::BlockId;
using ir::Node;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::Statement;
using ir::VariableId;
using Kind = ir::Statement::Kind;

Varying::Varying(const ir::Program& program, const Statement& loop)
    : program_(program),
      loop_(loop),
      nodes_(program.nodes.size(), State::unknown),
      inside_(program.nodes.size()),
      variables_(program.variables.size()),
      local_(program.roots.size()),
      masked_(program.blocks.size()),
      narrow_(program.nodes.size()),
      narrow_variables_(program.variables.size()),
      escapes_(program.blocks.size()),
      parents_(program.blocks.size(), none),
      loop_bodies_(program.blocks.size(), none),
      ranges_(program, loop) {
  enter(loop.body, none, loop.body);
  propagate();
  find_narrow();
  find_widest();
}

// Finds the blocks of the loop and what stands in them.
void Varying::enter(BlockId block, BlockId parent, BlockId loop_body) {
  parents_[block] = parent;
  loop_bodies_[block] = loop_body;
  blocks_.push_back(block);
  for (const Statement& s : program_.blocks[block].statements) {
    switch (s.kind) {
      case Kind::allocate: local_[s.target] = true; break;
      case Kind::evaluate:
        reads_.emplace_back(block, &s);
        inside_[s.value] = true;
        break;
      case Kind::loop: enter(s.body, block, s.body); break;
      case Kind::while_:
        enter(s.body, block, s.otherwise);
        enter(s.otherwise, block, s.otherwise);
        break;
      case Kind::branch:
        enter(s.body, block, loop_body);
        if (s.otherwise != none) enter(s.otherwise, block, loop_body);
        escapes_[block] = escapes_[block] || escapes_[s.body] || (s.otherwise != none && escapes_[s.otherwise]);
        break;
      case Kind::break_:
      case Kind::continue_: escapes_[block] = true; break;
      default: break;
    }
  }
}

void Varying::propagate() {
  do {
    changed_ = false;
    std::fill(nodes_.begin(), nodes_.end(), State::unknown);
    visit(loop_.body, loop_.body);
  } while (changed_);
}

void Varying::mark_variable(VariableId id) {
  changed_ = changed_ || !variables_[id];
  variables_[id] = true;
}

void Varying::mark_masked(BlockId id) {
  changed_ = changed_ || !masked_[id];
  masked_[id] = true;
}

// Whether lanes may differ in reaching block `to` once they have reached `from` around it.
bool Varying::controlled(BlockId from, BlockId to) const {
  for (BlockId block = to; block != from && block != none; block = parents_[block])
    if (masked_[block]) return true;
  return false;
}

void Varying::visit(BlockId block, BlockId loop_body) {
  for (const Statement& s : program_.blocks[block].statements) {
    switch (s.kind) {
      case Kind::assign:
      case Kind::reduce:
        if (evaluate(s.value) || controlled(program_.variables[s.target].block, block)) mark_variable(s.target);
        break;
      case Kind::update:
        if (s.other != none) mark_variable(s.other);
        break;
      case Kind::loop: visit_loop(s); break;
      case Kind::while_:
        visit(s.body, s.otherwise);
        if (evaluate(s.condition)) mark_masked(s.otherwise);
        visit(s.otherwise, s.otherwise);
        if (masked_[s.otherwise]) mark_masked(s.body);
        break;
      case Kind::branch:
        if (evaluate(s.condition)) {
          mark_masked(s.body);
          if (s.otherwise != none) mark_masked(s.otherwise);
        }
        visit(s.body, loop_body);
        if (s.otherwise != none) visit(s.otherwise, loop_body);
        break;
      case Kind::break_:
      case Kind::continue_:
        // Lanes that leave at different times make the whole loop body run under a mask.
        if (controlled(loop_body, block)) mark_masked(loop_body);
        break;
      default: break;
    }
  }
}

void Varying::visit_loop(const Statement& s) {
  for (const ir::LoopDimension& d : program_.loops[s.target].dimensions)
    if (evaluate(d.begin) || evaluate(d.end) || evaluate(d.step)) mark_masked(s.body);
  visit(s.body, s.body);
}

bool Varying::load_varies(const Node& node) {
  bool varies = (node.operands[0] != none && evaluate(node.operands[0])) || local(node.id);
  for (std::uint32_t k = 0; k < node.count; ++k) varies = evaluate(program_.indices[node.axis + k]) || varies;
  return varies;
}

bool Varying::evaluate(NodeId id) {
  if (id == none) return false;
  if (nodes_[id] != State::unknown) return nodes_[id] == State::varying;
  const Node& node = program_[id];
  bool varies = false;
  switch (node.op) {
    case Op::constant:
    case Op::scalar_argument:
    case Op::extent:
    case Op::stride: break;
    case Op::index: {
      const ir::Loop& loop = program_.loops[node.id];
      if (node.id == loop_.target) {
        varies = node.axis + 1 == loop.dimensions.size();
      } else {
        // A loop with varying bounds counts in step from each lane's own begin.
        const ir::LoopDimension& d = loop.dimensions[node.axis];
        varies = evaluate(d.begin) || evaluate(d.step);
      }
      break;
    }
    // Read before the loop it is one number, whatever the loop does to the variable.
    case Op::read_variable: varies = inside_[id] && variables_[node.id]; break;
    case Op::load: varies = inside_[id] && load_varies(node); break;
    default:
      for (const NodeId operand : node.operands) varies = evaluate(operand) || varies;
  }
  nodes_[id] = varies ? State::varying : State::uniform;
  return varies;
}

bool Varying::local(ir::RootId root) const {
  while (program_.roots[root].kind == ir::Root::Kind::alias) root = program_.roots[root].of;
  return local_[root];
}

bool Varying::keeps_inactive(VariableId id, BlockId where) const {
  for (BlockId b = where; b != none && b != program_.variables[id].block; b = parents_[b]) {
    if (!masked_[b]) continue;
    const bool is_loop = parents_[b] == none || loop_bodies_[b] != loop_bodies_[parents_[b]];
    // A lane that only skips the rest of this turn comes back.
    if (!is_loop || escapes_[loop_bodies_[b]] || !dead_outside(id, loop_bodies_[b])) return true;
  }
  return false;
}

// A variable that is read only inside the while or loop with this body.
bool Varying::dead_outside(VariableId id, BlockId body) const {
  for (const auto& [block, s] : reads_) {
    const Node& node = program_[s->value];
    if (node.op != Op::read_variable || node.id != id) continue;
    bool inside = false;
    for (BlockId b = block; b != none && !inside; b = parents_[b]) inside = loop_bodies_[b] == body;
    if (!inside) return false;
  }
  return true;
}

std::optional<std::int64_t> Varying::lane_coefficient(NodeId id) const {
  if (!node(id)) return 0;
  const Node& n = program_[id];
  const auto both = [&](int sign) -> std::optional<std::int64_t> {
    const auto a = lane_coefficient(n.operands[0]), b = lane_coefficient(n.operands[1]);
    if (!a || !b) return std::nullopt;
    return *a + sign * *b;
  };
  constexpr std::int64_t largest = 1 << 20;
  switch (n.op) {
    case Op::index: {
      if (n.id != loop_.target) return std::nullopt;
      const NodeId step = program_.loops[n.id].dimensions[n.axis].step;
      if (!program_.is_constant(step)) return std::nullopt;
      const std::int64_t by = program_[step].number.i;
      if (by > largest || by < -largest) return std::nullopt;
      return by;
    }
    case Op::add: return n.type.dtype == i64 ? both(1) : std::nullopt;
    case Op::subtract: return n.type.dtype == i64 ? both(-1) : std::nullopt;
    case Op::negative: {
      const auto a = n.type.dtype == i64 ? lane_coefficient(n.operands[0]) : std::nullopt;
      return a ? std::optional(-*a) : std::nullopt;
    }
    case Op::multiply: {
      if (n.type.dtype != i64) return std::nullopt;
      for (int k = 0; k < 2; ++k) {
        if (!program_.is_constant(n.operands[k])) continue;
        const std::int64_t by = program_[n.operands[k]].number.i;
        const auto a = lane_coefficient(n.operands[1 - k]);
        if (a && by <= largest && by >= -largest && *a <= largest && *a >= -largest) return *a * by;
      }
      return std::nullopt;
    }
    default: return std::nullopt;
  }
}

// ---- 32-bit ranges --------------------------------------------------------------------------------------------------

void Varying::find_narrow() {
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id] == State::unknown) evaluate(id);
    const Node& node = program_[id];
    if (nodes_[id] != State::varying || node.type.dtype != i64) continue;
    switch (node.op) {
      case Op::index:
      case Op::read_variable:
      case Op::convert:
      case Op::add:
      case Op::subtract:
      case Op::negative:
      case Op::multiply:
      case Op::select:
      case Op::minimum:
      case Op::maximum: narrow_[id] = ranges_.of(id).fits_32_bits(); break;
      default: break;
    }
  }
  for (VariableId id = 0; id < variables_.size(); ++id)
    if (variables_[id] && program_.variables[id].type.dtype == i64)
      narrow_variables_[id] = ranges_.of_variable(id).fits_32_bits();
}

// ---- lane width -----------------------------------------------------------------------------------------------------

void Varying::use_as_data(NodeId id, std::vector<bool>& seen) {
  if (id == none || !node(id) || seen[id]) return;
  seen[id] = true;
  const Node& n = program_[id];
  const DType dtype = n.type.dtype;
  if (!dtype.is_bool()) {
    int size = static_cast<int>(ir::part_dtype(dtype).size());
    if (dtype == f16 || dtype == bf16) size = 4;
    if (narrow_[id]) size = 4;
    widest_ = std::max(widest_, size);
  }
  if (n.op == Op::load) return use_as_data(n.operands[0], seen);
  // The index of a lane becomes a float without passing through an integer vector.
  if (n.op == Op::convert && dtype.is_floating() && program_[n.operands[0]].op == Op::index) return;
  for (const NodeId operand : n.operands) use_as_data(operand, seen);
}

void Varying::find_widest() {
  std::vector<bool> seen(nodes_.size());
  for (const BlockId block : blocks_) {
    for (const Statement& s : program_.blocks[block].statements) {
      if (s.kind != Kind::evaluate) use_as_data(s.value, seen);
      use_as_data(s.condition, seen);
      use_as_data(s.expected, seen);
      if (s.kind == Kind::store || s.kind == Kind::update)
        widest_ = std::max(widest_, static_cast<int>(ir::part_dtype(program_.roots[s.target].dtype).size()));
      // Terms may be the same number in all lanes; their sums differ.
      if (s.kind == Kind::reduce && !program_.variables[s.target].type.dtype.is_bool()) {
        const DType folded = ir::accumulator_dtype(program_.variables[s.target].type.dtype);
        widest_ = std::max(widest_, static_cast<int>(ir::part_dtype(folded).size()));
      }
      if (s.kind == Kind::loop)
        for (const ir::LoopDimension& d : program_.loops[s.target].dimensions) {
          use_as_data(d.begin, seen);
          use_as_data(d.end, seen);
        }
    }
  }
  if (widest_ == 0) widest_ = 4;
  // 32 bits serve to have more lanes. Where others need 64 bits all the same, going between the two costs more than it
  // saves: 2.2 times on an f64 mandelbrot.
  if (widest_ > 4) {
    narrow_.assign(narrow_.size(), false);
    narrow_variables_.assign(narrow_variables_.size(), false);
  }
}

}  // namespace kiln::on_cpu
