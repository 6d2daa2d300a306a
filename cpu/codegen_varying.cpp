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

namespace {

__extension__ using Wide = __int128;

std::int64_t clamp(Wide x) {
  if (x < INT64_MIN) return INT64_MIN;
  if (x > INT64_MAX) return INT64_MAX;
  return static_cast<std::int64_t>(x);
}

// Sums and products that leave i64 wrap: then nothing is known.
Interval ends(Wide low, Wide high) {
  if (low < INT64_MIN || high > INT64_MAX) return {};
  return {clamp(low), clamp(high)};
}

Interval join(Interval a, Interval b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

Interval product(Interval a, Interval b) {
  const Wide corners[] = {Wide{a.low} * b.low, Wide{a.low} * b.high, Wide{a.high} * b.low, Wide{a.high} * b.high};
  return ends(*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4));
}

Interval range_of(DType dtype) {
  switch (dtype.code()) {
    case TypeCode::bool_: return {0, 1};
    case TypeCode::i8: return {INT8_MIN, INT8_MAX};
    case TypeCode::i16: return {INT16_MIN, INT16_MAX};
    case TypeCode::i32: return {INT32_MIN, INT32_MAX};
    case TypeCode::u8: return {0, UINT8_MAX};
    case TypeCode::u16: return {0, UINT16_MAX};
    case TypeCode::u32: return {0, UINT32_MAX};
    default: return {};
  }
}

}  // namespace

Varying::Varying(const ir::Program& program, const Statement& loop)
    : program_(program),
      loop_(loop),
      nodes_(program.nodes.size(), State::unknown),
      inside_(program.nodes.size()),
      variables_(program.variables.size()),
      taken_(program.variables.size()),
      local_(program.roots.size()),
      masked_(program.blocks.size()),
      narrow_(program.nodes.size()),
      narrow_variables_(program.variables.size()),
      escapes_(program.blocks.size()),
      parents_(program.blocks.size(), none),
      loop_bodies_(program.blocks.size(), none),
      variable_state_(program.variables.size()),
      variable_intervals_(program.variables.size()) {
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
      case Kind::assign:
      case Kind::reduce: assigns_.emplace_back(block, &s); break;
      case Kind::update:
        if (s.other != none) taken_[s.other] = true;
        break;
      case Kind::allocate: local_[s.target] = true; break;
      case Kind::evaluate:
        reads_.emplace_back(block, &s);
        inside_[s.value] = true;
        break;
      case Kind::loop: enter(s.body, block, s.body); break;
      case Kind::while_:
        whiles_.emplace_back(block, &s);
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

Interval Varying::interval(NodeId id, int depth) {
  const Node& node = program_[id];
  const Interval whole = range_of(node.type.dtype);
  if (!(node.type.dtype.is_integer() || node.type.dtype.is_bool()) || node.type.dtype == u64 || depth > 24)
    return whole;
  const auto operand = [&](int k) { return interval(node.operands[k], depth + 1); };
  Interval result = whole;
  switch (node.op) {
    case Op::constant: return {node.number.i, node.number.i};
    case Op::index: {
      const ir::LoopDimension& d = program_.loops[node.id].dimensions[node.axis];
      const Interval begin = interval(d.begin, depth + 1), end = interval(d.end, depth + 1);
      return {std::min(begin.low, end.low), std::max(begin.high, end.high)};
    }
    case Op::read_variable: return variable_interval(node.id, depth + 1);
    case Op::convert: {
      const DType from = program_[node.operands[0]].type.dtype;
      if (!(from.is_integer() || from.is_bool()) || from == u64) return whole;
      result = operand(0);
      break;
    }
    case Op::add: {
      const Interval a = operand(0), b = operand(1);
      result = ends(Wide{a.low} + b.low, Wide{a.high} + b.high);
      break;
    }
    case Op::subtract: {
      const Interval a = operand(0), b = operand(1);
      result = ends(Wide{a.low} - b.high, Wide{a.high} - b.low);
      break;
    }
    case Op::negative: {
      const Interval a = operand(0);
      result = ends(-Wide{a.high}, -Wide{a.low});
      break;
    }
    case Op::multiply: result = product(operand(0), operand(1)); break;
    case Op::select: result = join(operand(1), operand(2)); break;
    case Op::minimum: {
      const Interval a = operand(0), b = operand(1);
      return {std::min(a.low, b.low), std::min(a.high, b.high)};
    }
    case Op::maximum: {
      const Interval a = operand(0), b = operand(1);
      return {std::max(a.low, b.low), std::max(a.high, b.high)};
    }
    default: return whole;
  }
  // Narrower dtypes wrap: outside their range nothing is known.
  return result.low >= whole.low && result.high <= whole.high ? result : whole;
}

// Whether a read of a variable takes place in a turn of this while, so that it sees what the turn began with or made.
bool Varying::read_within(NodeId read, BlockId body) const {
  return std::any_of(reads_.begin(), reads_.end(),
                     [&](const auto& r) { return r.second->value == read && loop_bodies_[r.first] == body; });
}

// The value itself of one that only became strong.
NodeId Varying::unconverted(NodeId id) const {
  while (program_[id].op == Op::convert && program_[program_[id].operands[0]].type.dtype == program_[id].type.dtype)
    id = program_[id].operands[0];
  return id;
}

// The constant K of a conjunct `variable < K`, as the largest value that passes.
std::optional<std::int64_t> Varying::bound_in(NodeId condition, VariableId id, const Statement& loop) const {
  const Node& node = program_[condition];
  if (node.op == Op::logical_and || node.op == Op::bit_and) {
    const auto a = bound_in(node.operands[0], id, loop);
    return a ? a : bound_in(node.operands[1], id, loop);
  }
  const bool less = node.op == Op::less || node.op == Op::less_equal;
  const bool greater = node.op == Op::greater || node.op == Op::greater_equal;
  if (!less && !greater) return std::nullopt;
  const NodeId read = unconverted(node.operands[less ? 0 : 1]);
  const Node& small = program_[read];
  const Node& large = program_[node.operands[less ? 1 : 0]];
  if (small.op != Op::read_variable || small.id != id || large.op != Op::constant || !large.type.dtype.is_integer())
    return std::nullopt;
  // A value from before the loop, or one that the condition's own block replaces, bounds nothing.
  const bool changed = taken_[id] || std::any_of(assigns_.begin(), assigns_.end(), [&](const auto& a) {
                         return a.first == loop.body && a.second->target == id;
                       });
  if (changed || !read_within(read, loop.otherwise)) return std::nullopt;
  const bool strict = node.op == Op::less || node.op == Op::greater;
  if (strict && large.number.i == INT64_MIN) return std::nullopt;
  return strict ? large.number.i - 1 : large.number.i;
}

// `n += c` once per turn of a while that goes on only for n < K.
bool Varying::bounded_increment(VariableId id, const Statement& assign, BlockId where, Interval& result) {
  const Node& sum = program_[assign.value];
  if (sum.op != Op::add) return false;
  const NodeId terms[] = {unconverted(sum.operands[0]), unconverted(sum.operands[1])};
  const auto is_self = [&](NodeId n) { return program_[n].op == Op::read_variable && program_[n].id == id; };
  const int other = is_self(terms[0]) ? 1 : is_self(terms[1]) ? 0 : -1;
  if (other < 0 || !program_.is_constant(sum.operands[other])) return false;
  const std::int64_t by = program_[sum.operands[other]].number.i;
  if (by < 0 || by > INT32_MAX) return false;
  for (const auto& [block, s] : whiles_) {
    if (loop_bodies_[where] != s->otherwise) continue;
    const auto bound = bound_in(s->condition, id, *s);
    if (!bound || *bound > INT32_MAX || !read_within(terms[1 - other], s->otherwise)) return false;
    result = {result.low, clamp(Wide{std::max(result.high, *bound)} + by)};
    return true;
  }
  return false;
}

Interval Varying::variable_interval(VariableId id, int depth) {
  const DType dtype = program_.variables[id].type.dtype;
  if (taken_[id]) return range_of(dtype);
  if (variable_state_[id] == 2) return variable_intervals_[id];
  if (variable_state_[id] == 1 || parents_[program_.variables[id].block] == none) {
    if (program_.variables[id].block != loop_.body) return range_of(dtype);  // declared outside the loop
    if (variable_state_[id] == 1) return range_of(dtype);
  }
  variable_state_[id] = 1;
  Interval result{INT64_MAX, INT64_MIN};
  std::vector<std::pair<BlockId, const Statement*>> increments;
  bool known = true;
  for (const auto& [block, s] : assigns_) {
    if (s->target != id) continue;
    Interval ignored;
    if (s->kind == Kind::reduce)
      known = false;
    else if (bounded_increment(id, *s, block, ignored))
      increments.emplace_back(block, s);
    else
      result = join(result, interval(s->value, depth));
  }
  // Several increments in one turn add up; more than one is not worth the care.
  if (increments.size() > 1 || result.low > result.high) known = false;
  for (const auto& [block, s] : increments) known = known && bounded_increment(id, *s, block, result);
  variable_state_[id] = 2;
  variable_intervals_[id] = known ? result : range_of(dtype);
  return variable_intervals_[id];
}

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
      case Op::maximum: narrow_[id] = interval(id).fits_32_bits(); break;
      default: break;
    }
  }
  for (VariableId id = 0; id < variables_.size(); ++id)
    if (variables_[id] && program_.variables[id].type.dtype == i64)
      narrow_variables_[id] = variable_interval(id, 0).fits_32_bits();
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
