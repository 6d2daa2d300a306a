// Intervals of the integers in a loop's iterations, from constants, bounds and what a while goes on for.
#include "core/ir_ranges.h"

#include <algorithm>

namespace kiln::ir {

using Kind = Statement::Kind;

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

Ranges::Ranges(const Program& program, const Statement& loop)
    : program_(program),
      loop_(loop),
      taken_(program.variables.size()),
      parents_(program.blocks.size(), none),
      loop_bodies_(program.blocks.size(), none),
      variable_state_(program.variables.size()),
      variable_intervals_(program.variables.size()) {
  enter(loop.body, none, loop.body);
}

void Ranges::enter(BlockId block, BlockId parent, BlockId loop_body) {
  parents_[block] = parent;
  loop_bodies_[block] = loop_body;
  for (const Statement& s : program_.blocks[block].statements) {
    switch (s.kind) {
      case Kind::assign:
      case Kind::reduce: assigns_.emplace_back(block, &s); break;
      case Kind::update:
        if (s.other != none) taken_[s.other] = true;
        break;
      case Kind::evaluate: reads_.emplace_back(block, &s); break;
      case Kind::loop: enter(s.body, block, s.body); break;
      case Kind::while_:
        whiles_.emplace_back(block, &s);
        enter(s.body, block, s.otherwise);
        enter(s.otherwise, block, s.otherwise);
        break;
      case Kind::branch:
        enter(s.body, block, loop_body);
        if (s.otherwise != none) enter(s.otherwise, block, loop_body);
        break;
      default: break;
    }
  }
}

Interval Ranges::of(NodeId id, int depth) {
  const Node& node = program_[id];
  const Interval whole = range_of(node.type.dtype);
  if (!(node.type.dtype.is_integer() || node.type.dtype.is_bool()) || node.type.dtype == u64 || depth > 24)
    return whole;
  const auto operand = [&](int k) { return of(node.operands[k], depth + 1); };
  Interval result = whole;
  switch (node.op) {
    case Op::constant: return {node.number.i, node.number.i};
    case Op::index: {
      const ir::LoopDimension& d = program_.loops[node.id].dimensions[node.axis];
      const Interval begin = of(d.begin, depth + 1), end = of(d.end, depth + 1);
      return {std::min(begin.low, end.low), std::max(begin.high, end.high)};
    }
    case Op::read_variable: return of_variable(node.id, depth + 1);
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
bool Ranges::read_within(NodeId read, BlockId body) const {
  return std::any_of(reads_.begin(), reads_.end(),
                     [&](const auto& r) { return r.second->value == read && loop_bodies_[r.first] == body; });
}

// The value itself of one that only became strong.
NodeId Ranges::unconverted(NodeId id) const {
  while (program_[id].op == Op::convert && program_[program_[id].operands[0]].type.dtype == program_[id].type.dtype)
    id = program_[id].operands[0];
  return id;
}

// The constant K of a conjunct `variable < K`, as the largest value that passes.
std::optional<std::int64_t> Ranges::bound_in(NodeId condition, VariableId id, const Statement& loop) const {
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
bool Ranges::bounded_increment(VariableId id, const Statement& assign, BlockId where, Interval& result) {
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

Interval Ranges::of_variable(VariableId id, int depth) {
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
      result = join(result, of(s->value, depth));
  }
  // Several increments in one turn add up; more than one is not worth the care.
  if (increments.size() > 1 || result.low > result.high) known = false;
  for (const auto& [block, s] : increments) known = known && bounded_increment(id, *s, block, result);
  variable_state_[id] = 2;
  variable_intervals_[id] = known ? result : range_of(dtype);
  return variable_intervals_[id];
}

}  // namespace kiln::ir
