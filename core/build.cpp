// Builder: adds hash-consed, constant-folded nodes to a Program, and keeps integer sums in one canonical form.
#include "core/build.h"

#include "core/host_ops.h"
#include "core/planted_faults.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace kiln::ir {

namespace {

constexpr Type index_type{i64, Strength::weak};
constexpr Type bool_type{bool_, Strength::strong};
constexpr int deepest = 8;  // questions about ranges give up below so many nodes
constexpr std::int64_t large = std::int64_t{1} << 40;
constexpr std::int64_t most_scale = 1024;

bool is_i64(const Node& node) { return node.type.dtype == i64; }

}  // namespace

int operand_count(const Node& node) {
  if (node.op == Op::convert) return 1;
  return node.op < first_table_op ? 0 : row(node.op).arity;
}

// --- the table of nodes
// --------------------------------------------------------------------------------------------------

std::size_t Builder::Hash::operator()(NodeId id) const {
  const Node& node = program->nodes[id];
  std::uint64_t hash = 0x9e3779b97f4a7c15u;
  const auto mix = [&hash](std::uint64_t x) {
    hash = (hash ^ x) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  };
  mix(static_cast<std::uint64_t>(node.op) | static_cast<std::uint64_t>(node.type.dtype.code()) << 8 |
      static_cast<std::uint64_t>(node.type.strength) << 16);
  for (const NodeId operand : node.operands) mix(operand);
  mix(node.id | static_cast<std::uint64_t>(node.axis) << 32);
  mix(static_cast<std::uint64_t>(node.number.i));
  mix(std::bit_cast<std::uint64_t>(node.number.im));
  return hash;
}

bool Builder::Equal::operator()(NodeId a, NodeId b) const {
  const Node& x = program->nodes[a];
  const Node& y = program->nodes[b];
  return x.op == y.op && x.type == y.type && std::equal(x.operands, x.operands + 3, y.operands) && x.id == y.id &&
         x.axis == y.axis && x.number.i == y.number.i &&
         std::bit_cast<std::uint64_t>(x.number.im) == std::bit_cast<std::uint64_t>(y.number.im);
}

Builder::Builder(Program& program, bool fold, bool traces)
    : program_(program),
      folds_(fold),
      fold_(fold),
      traces_(traces),
      known_(program.nodes.size() * 2 + 64, Hash{&program}, Equal{&program}) {
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    if (is_pure(program[id].op)) known_.insert(id);
  }
}

NodeId Builder::intern(Node node) {
  node.location = location_;
  const NodeId id = static_cast<NodeId>(program_.nodes.size());
  program_.nodes.push_back(node);
  const auto [found, is_new] = known_.insert(id);
  if (!is_new) program_.nodes.pop_back();
  return *found;
}

NodeId Builder::constant(DType dtype, detail::Number16 number, Strength strength) {
  Node node;
  node.op = Op::constant;
  node.type = {dtype, strength};
  node.number = number;
  return intern(node);
}

NodeId Builder::integer(std::int64_t x) {
  detail::Number16 number;
  number.i = x;
  return constant(i64, number, Strength::weak);
}

NodeId Builder::boolean(bool x) {
  detail::Number16 number;
  number.i = x;
  return constant(bool_, number);
}

NodeId Builder::node(Op op, Type result, std::initializer_list<NodeId> operands) {
  if (op == Op::convert) return convert(*operands.begin(), result);
  if (fold_) {
    const NodeId simple = simplified(op, result, operands.begin(), static_cast<int>(operands.size()));
    if (simple != none) return simple;
  }
  Node node;
  node.op = op;
  node.type = result;
  std::copy(operands.begin(), operands.end(), node.operands);
  return intern(node);
}

// The node that `op` of these operands is anyway, or none.
NodeId Builder::simplified(Op op, Type result, const NodeId* operands, int count) {
  const auto known = [&](int k) { return program_.is_constant(operands[k]); };
  const auto truth = [&](int k) { return program_[operands[k]].number.i != 0; };
  const auto opposite = [&](NodeId a, NodeId b) {
    const auto denies = [&](NodeId x, NodeId y) {
      return program_[x].op == Op::logical_not && program_[x].operands[0] == y;
    };
    return denies(a, b) || denies(b, a);
  };
  switch (op) {
    case Op::select:
      if (known(0)) return operands[truth(0) ? 1 : 2];
      return operands[1] == operands[2] && !forgets(operands[1], operands[0]) ? operands[1] : none;
    case Op::logical_and:
    case Op::logical_or: {
      const bool decides = op == Op::logical_or;  // what either side decides the result by
      if (known(0)) return operands[truth(0) == decides ? 0 : 1];
      if (operands[0] == operands[1]) return operands[0];
      const bool is_decided = opposite(operands[0], operands[1]) || (known(1) && truth(1) == decides);
      if (is_decided) return forgets(boolean(decides), operands[0]) ? none : boolean(decides);
      return known(1) ? operands[0] : none;
    }
    case Op::logical_not:
      if (program_[operands[0]].op == Op::logical_not) return program_[operands[0]].operands[0];
      break;
    default: break;
  }
  detail::Number16 numbers[3];
  for (int k = 0; k < count; ++k) {
    if (!known(k)) return none;
    numbers[k] = program_[operands[k]].number;
  }
  const DType operand = program_[operands[0]].type.dtype;
  return constant(result.dtype, evaluate(op, operand, result.dtype, numbers, program_.precise), result.strength);
}

// Where a trace checks indices: whether `simple`, which has the value of an operation with operand `x`, no longer
// surely asks for an element that `x` asks for: to read it may be an error.
bool Builder::forgets(NodeId simple, NodeId x) const {
  if (!traces_ || !program_.check_bounds || simple == x) return false;
  std::unordered_set<NodeId> of_simple, of_x;
  collect_asked(simple, true, of_simple);
  collect_asked(x, false, of_x);
  return std::any_of(of_x.begin(), of_x.end(),
                     [&](NodeId id) { return program_[id].op == Op::load && !of_simple.contains(id); });
}

// The nodes that a node asks for; `surely`: whatever where, && and || choose.
void Builder::collect_asked(NodeId id, bool surely, std::unordered_set<NodeId>& nodes) const {
  const Node& node = program_[id];
  if (!nodes.insert(id).second || !is_pure(node.op)) return;
  const bool chooses = node.op == Op::select || node.op == Op::logical_and || node.op == Op::logical_or;
  for (int k = 0, count = surely && chooses ? 1 : operand_count(node); k < count; ++k)
    collect_asked(node.operands[k], surely, nodes);
}

// The node that folding made of `op` of two i64 operands, or else, where it asks for less than they do, the operation.
NodeId Builder::simple_or(NodeId simple, Op op, NodeId a, NodeId b) {
  const Node& same = program_[simple];
  if (same.op == op && same.operands[0] == a && same.operands[1] == b) return simple;
  if (!forgets(simple, a) && !forgets(simple, b)) return simple;
  const bool compares = op == Op::less_equal || op == Op::equal;
  Node node;
  node.op = op;
  node.type = compares ? bool_type : index_type;
  node.operands[0] = a;
  node.operands[1] = b;
  return intern(node);
}

NodeId Builder::convert(NodeId x, Type type) {
  const Node source = program_[x];
  if (source.type == type) return x;
  if (source.op == Op::constant) {
    if (source.type.dtype == type.dtype) return constant(type.dtype, source.number, type.strength);
    if (fold_) {
      detail::Number16 number = kiln::convert(source.number, source.type.dtype, type.dtype);
      if (planted(Fault::wrong_folding) && type.dtype.is_floating()) number.re += 1;
      return constant(type.dtype, number, type.strength);
    }
  }
  Node node;
  node.op = Op::convert;
  node.type = type;
  node.operands[0] = x;
  return intern(node);
}

NodeId Builder::extent(RootId root, std::uint32_t axis) {
  if (program_.roots[root].kind != Root::Kind::parameter) return program_.roots[root].extents[axis];
  Node node;
  node.op = Op::extent;
  node.type = index_type;
  node.id = root;
  node.axis = axis;
  return intern(node);
}

NodeId Builder::stride(RootId root, std::uint32_t axis) {
  const Root& memory = program_.roots[root];
  if (memory.unit_strides >> axis & 1) return integer(1);
  if (memory.kind != Root::Kind::parameter || memory.contiguous) {
    NodeId result = integer(1);
    for (std::uint32_t k = axis + 1; k < memory.rank; ++k) result = mul(result, extent(root, k));
    return result;
  }
  Node node;
  node.op = Op::stride;
  node.type = index_type;
  node.id = root;
  node.axis = axis;
  return intern(node);
}

NodeId Builder::index(LoopId loop, std::uint32_t dimension) {
  Node node;
  node.op = Op::index;
  node.type = index_type;
  node.id = loop;
  node.axis = dimension;
  return intern(node);
}

NodeId Builder::scalar_argument(std::uint32_t number, Type type) {
  Node node;
  node.op = Op::scalar_argument;
  node.type = type;
  node.id = number;
  return intern(node);
}

// --- integers
// ------------------------------------------------------------------------------------------------------------

const Sum& Builder::sum(NodeId x) {
  x = asked(x);
  if (const auto found = sums_.find(x); found != sums_.end()) return found->second;
  const Node node = program_[x];
  Sum result;
  result.terms = {{{x}, 1}};
  if (is_i64(node)) {
    switch (node.op) {
      case Op::constant: result = Sum{{}, node.number.i}; break;
      case Op::add: result = plus(sum(node.operands[0]), Sum(sum(node.operands[1]))); break;
      case Op::subtract: result = plus(sum(node.operands[0]), scaled(sum(node.operands[1]), -1)); break;
      case Op::negative: result = scaled(sum(node.operands[0]), -1); break;
      case Op::multiply:
        if (auto product = times(Sum(sum(node.operands[0])), sum(node.operands[1]))) result = std::move(*product);
        break;
      case Op::convert:
        if (is_i64(program_[node.operands[0]]))
          result = sum(node.operands[0]);
        else if (const auto number = computed(x))
          result = Sum{{}, number->i};
        break;
      default:
        if (const auto number = computed(x)) result = Sum{{}, number->i};
        break;
    }
  }
  return sums_.emplace(x, std::move(result)).first->second;
}

// The number that a node made of constants alone is, where nothing was folded.
std::optional<detail::Number16> Builder::computed(NodeId x) const {
  const Node& node = program_[x];
  if (node.op == Op::constant) return node.number;
  const int count = operand_count(node);
  if (count == 0) return std::nullopt;
  detail::Number16 operands[3];
  for (int k = 0; k < count; ++k) {
    const auto operand = computed(node.operands[k]);
    if (!operand) return std::nullopt;
    operands[k] = *operand;
  }
  const DType from = program_[node.operands[0]].type.dtype;
  if (node.op == Op::convert) return kiln::convert(operands[0], from, node.type.dtype);
  if (node.op == Op::select) return operands[operands[0].i != 0 ? 1 : 2];
  return evaluate(node.op, from, node.type.dtype, operands, program_.precise);
}

// The factors of a term multiplied, with the coefficient's magnitude: what is added or subtracted.
NodeId Builder::product(const Sum::Term& term) {
  NodeId result = term.factors[0];
  for (std::size_t k = 1; k < term.factors.size(); ++k) {
    result = node(Op::multiply, index_type, {result, term.factors[k]});
  }
  const auto bits = static_cast<std::uint64_t>(term.coefficient);
  const auto magnitude = static_cast<std::int64_t>(term.coefficient < 0 ? 0 - bits : bits);
  if (magnitude != 1) result = node(Op::multiply, index_type, {result, integer(magnitude)});
  return result;
}

NodeId Builder::from(const Sum& sum) {
  // Positive terms first: i - j rather than -j + i.
  NodeId result = none;
  for (const Sum::Term& term : sum.terms) {
    if (term.coefficient < 0) continue;
    const NodeId part = product(term);
    result = result == none ? part : node(Op::add, index_type, {result, part});
  }
  std::int64_t constant = sum.constant;
  if (result == none && (constant != 0 || sum.terms.empty())) {
    result = integer(constant);
    constant = 0;
  }
  for (const Sum::Term& term : sum.terms) {
    if (term.coefficient >= 0) continue;
    const NodeId part = product(term);
    result = result == none ? node(Op::negative, index_type, {part}) : node(Op::subtract, index_type, {result, part});
  }
  return constant == 0 ? result : node(Op::add, index_type, {result, integer(constant)});
}

NodeId Builder::add(NodeId a, NodeId b) {
  if (!fold_) return node(Op::add, index_type, {a, b});
  const Sum left = sum(a);
  return simple_or(from(plus(left, sum(b))), Op::add, a, b);
}

NodeId Builder::sub(NodeId a, NodeId b) {
  if (!fold_) return node(Op::subtract, index_type, {a, b});
  const Sum left = sum(a);
  return simple_or(from(plus(left, scaled(sum(b), -1))), Op::subtract, a, b);
}

NodeId Builder::mul(NodeId a, NodeId b) {
  if (!fold_) return node(Op::multiply, index_type, {a, b});
  const Sum left = sum(a);
  if (const auto product = times(left, sum(b))) return simple_or(from(*product), Op::multiply, a, b);
  return node(Op::multiply, index_type, {std::min(a, b), std::max(a, b)});
}

NodeId Builder::floordiv(NodeId a, NodeId b) {
  const auto divisor = constant_value(b);
  if (fold_ && divisor == 1) return simple_or(a, Op::floordiv, a, b);
  if (fold_ && divisor && *divisor > 1 && small(a, 0)) {
    // Terms that the divisor divides leave the division: (2 n + 1) // 2 is n.
    const Sum& dividend = sum(a);
    Sum whole, rest;
    for (const Sum::Term& term : dividend.terms) {
      Sum& side = term.coefficient % *divisor == 0 ? whole : rest;
      side.terms.push_back({term.factors, &side == &whole ? term.coefficient / *divisor : term.coefficient});
    }
    std::int64_t remainder = dividend.constant % *divisor;
    if (remainder < 0) remainder += *divisor;
    whole.constant = (dividend.constant - remainder) / *divisor;
    rest.constant = remainder;
    if (rest.is_constant()) return simple_or(from(whole), Op::floordiv, a, b);
    if (!whole.terms.empty() || whole.constant != 0) {
      const NodeId quotient = node(Op::floordiv, index_type, {from(rest), b});
      return simple_or(from(plus(whole, sum(quotient))), Op::floordiv, a, b);
    }
  }
  return node(Op::floordiv, index_type, {a, b});
}

NodeId Builder::min(NodeId a, NodeId b) {
  if (fold_) {
    if (ordered(a, b, 0)) return simple_or(a, Op::minimum, a, b);
    if (ordered(b, a, 0)) return simple_or(b, Op::minimum, a, b);
    if (a > b) std::swap(a, b);
  }
  return node(Op::minimum, index_type, {a, b});
}

NodeId Builder::max(NodeId a, NodeId b) {
  if (fold_) {
    if (ordered(a, b, 0)) return simple_or(b, Op::maximum, a, b);
    if (ordered(b, a, 0)) return simple_or(a, Op::maximum, a, b);
    if (a > b) std::swap(a, b);
  }
  return node(Op::maximum, index_type, {a, b});
}

NodeId Builder::less_equal(NodeId a, NodeId b) {
  if (fold_) {
    if (ordered(a, b, 0)) return simple_or(boolean(true), Op::less_equal, a, b);
    if (ordered(b, a, 0, 1)) return simple_or(boolean(false), Op::less_equal, a, b);
  }
  return node(Op::less_equal, bool_type, {a, b});
}

NodeId Builder::equal(NodeId a, NodeId b) {
  if (fold_) {
    if (const auto gap = difference(a, b)) return simple_or(boolean(*gap == 0), Op::equal, a, b);
    if (a > b) std::swap(a, b);
  }
  return node(Op::equal, bool_type, {a, b});
}

NodeId Builder::logical_and(NodeId a, NodeId b) { return node(Op::logical_and, bool_type, {a, b}); }
NodeId Builder::logical_or(NodeId a, NodeId b) { return node(Op::logical_or, bool_type, {a, b}); }
NodeId Builder::logical_not(NodeId a) { return node(Op::logical_not, bool_type, {a}); }

NodeId Builder::select(NodeId condition, NodeId a, NodeId b) {
  return node(Op::select, program_[a].type, {condition, a, b});
}

// --- folding afterwards
// --------------------------------------------------------------------------------------------------

NodeId Builder::folded(NodeId x) {
  if (const auto found = folded_.find(x); found != folded_.end()) return found->second;
  const Node node = program_[x];
  const int count = operand_count(node);
  if (count == 0) return x;
  Node simple = node;
  for (int k = 0; k < count; ++k) simple.operands[k] = folded(node.operands[k]);
  const bool fold = std::exchange(fold_, true);
  const NodeId result = rebuilt(simple);
  fold_ = fold;
  folded_.emplace(result, result);
  folded_.emplace(x, result);
  return result;
}

// The node of this operation, with folding.
NodeId Builder::rebuilt(const Node& node) {
  const NodeId a = node.operands[0], b = node.operands[1];
  if (is_i64(program_[a])) {
    switch (node.op) {
      case Op::add: return add(a, b);
      case Op::subtract: return sub(a, b);
      case Op::multiply: return mul(a, b);
      case Op::floordiv: return floordiv(a, b);
      case Op::minimum: return min(a, b);
      case Op::maximum: return max(a, b);
      case Op::less_equal: return less_equal(a, b);
      case Op::equal: return equal(a, b);
      default: break;
    }
  }
  switch (operand_count(node)) {
    case 1: return this->node(node.op, node.type, {a});
    case 2: return this->node(node.op, node.type, {a, b});
    default: return this->node(node.op, node.type, {a, b, node.operands[2]});
  }
}

// --- questions
// -----------------------------------------------------------------------------------------------------------

bool Builder::same(NodeId a, NodeId b) {
  if (a == b) return true;
  if (!is_i64(program_[a]) || !is_i64(program_[b])) return false;
  const Sum left = sum(a);
  return left == sum(b);
}

std::optional<std::int64_t> Builder::constant_value(NodeId x) {
  x = asked(x);
  const Node& node = program_[x];
  if (node.op == Op::constant && (node.type.dtype.is_integer() || node.type.dtype.is_bool())) return node.number.i;
  if (node.type.dtype.is_bool()) {
    const auto number = computed(x);
    return number ? std::optional(number->i) : std::nullopt;
  }
  if (!is_i64(node)) return std::nullopt;
  const Sum& value = sum(x);
  return value.is_constant() ? std::optional(value.constant) : std::nullopt;
}

std::optional<std::int64_t> Builder::difference(NodeId a, NodeId b) {
  if (a == b) return 0;
  if (!is_i64(program_[a]) || !is_i64(program_[b])) return std::nullopt;
  const Sum left = sum(a);
  const Sum gap = plus(left, scaled(sum(b), -1));
  return gap.is_constant() ? std::optional(gap.constant) : std::nullopt;
}

bool Builder::less_equal_known(NodeId a, NodeId b) {
  return is_i64(program_[a]) && is_i64(program_[b]) && ordered(asked(a), asked(b), 0);
}

// Ordering, unlike equality, does not hold modulo 2^64. So it is decided only for sums that cannot wrap.
bool Builder::nonnegative(const Sum& value, int depth) {
  if (value.is_constant()) return value.constant >= 0;
  if (value.constant > large || value.constant < -large || depth > deepest) return false;
  std::int64_t least = value.constant;
  const std::vector<Sum::Term> terms = value.terms;
  for (const Sum::Term& term : terms) {
    // A product of extents may wrap (those of a broadcast array are not bounded by memory), so its sign says nothing.
    if (term.factors.size() != 1 || term.coefficient <= 0 || term.coefficient > most_scale) return false;
    const std::optional<std::int64_t> factor = at_least(term.factors[0], depth + 1);
    if (!factor || !small(term.factors[0], depth + 1) || *factor > large || *factor < -large) return false;
    least += *factor * term.coefficient;
  }
  return least >= 0;
}

// Whether a + margin <= b is known.
bool Builder::ordered(NodeId a, NodeId b, int depth, std::int64_t margin) {
  const Sum left = sum(a);
  Sum gap = plus(sum(b), scaled(left, -1));
  if (gap.is_constant() && gap.constant == 0 && margin == 0) return true;
  if (small(a, depth) && small(b, depth)) {
    gap.constant -= margin;
    if (nonnegative(gap, depth)) return true;
  }
  if (depth > deepest / 2) return false;
  const Node x = program_[a], y = program_[b];
  const auto left_is = [&](int k) { return ordered(x.operands[k], b, depth + 1, margin); };
  const auto right_is = [&](int k) { return ordered(a, y.operands[k], depth + 1, margin); };
  if (x.op == Op::minimum && is_i64(x) && (left_is(0) || left_is(1))) return true;
  if (y.op == Op::maximum && is_i64(y) && (right_is(0) || right_is(1))) return true;
  if (x.op == Op::maximum && is_i64(x)) return left_is(0) && left_is(1);
  return y.op == Op::minimum && is_i64(y) && right_is(0) && right_is(1);
}

// Whether the node is of a size that sums of a few cannot wrap: bounded by what fits in memory or in 32 bits.
bool Builder::small(NodeId x, int depth) {
  if (depth > deepest) return false;
  const Node node = program_[x];
  const auto operands_small = [&] { return small(node.operands[0], depth + 1) && small(node.operands[1], depth + 1); };
  switch (node.op) {
    case Op::constant: return is_i64(node) && node.number.i < large && node.number.i > -large;
    case Op::extent: return true;
    case Op::convert: {
      const DType from = program_[node.operands[0]].type.dtype;
      return (from.is_integer() && from.size() <= 4) || from.is_bool() ||
             (from == i64 && small(node.operands[0], depth + 1));
    }
    case Op::add:
    case Op::subtract:
    case Op::minimum:
    case Op::maximum: return operands_small();
    case Op::multiply: {
      const auto factor = program_.is_constant(node.operands[1]) ? constant_value(node.operands[1]) : std::nullopt;
      return factor && *factor >= -most_scale && *factor <= most_scale && small(node.operands[0], depth + 1);
    }
    case Op::negative: return small(node.operands[0], depth + 1);
    case Op::floordiv: return program_.is_constant(node.operands[1]) && small(node.operands[0], depth + 1);
    case Op::index: {
      const LoopDimension dimension = program_.loops[node.id].dimensions[node.axis];
      return small(asked(dimension.begin), depth + 1) && small(asked(dimension.end), depth + 1);
    }
    default: return false;
  }
}

std::optional<std::int64_t> Builder::at_least(NodeId x, int depth) {
  if (depth > deepest) return std::nullopt;
  const Node node = program_[x];
  const auto of = [&](int k) { return at_least(node.operands[k], depth + 1); };
  switch (node.op) {
    case Op::constant: return is_i64(node) ? std::optional(node.number.i) : std::nullopt;
    case Op::extent: return 0;
    case Op::convert: {
      const DType from = program_[node.operands[0]].type.dtype;
      if (from.is_bool() || from.kind() == TypeKind::unsigned_integer) {
        return from.size() <= 4 ? std::optional<std::int64_t>(0) : std::nullopt;
      }
      if (from == i64) return of(0);
      return from == i32 ? std::optional<std::int64_t>(INT32_MIN) : std::nullopt;
    }
    case Op::maximum: {
      const auto a = of(0), b = of(1);
      if (a && b) return std::max(*a, *b);
      return a ? a : b;
    }
    case Op::minimum: {
      const auto a = of(0), b = of(1);
      return a && b ? std::optional(std::min(*a, *b)) : std::nullopt;
    }
    case Op::floordiv: {
      const auto divisor = constant_value(node.operands[1]);
      const auto dividend = divisor && *divisor > 0 ? of(0) : std::nullopt;
      if (!dividend) return std::nullopt;
      return *dividend >= 0 ? *dividend / *divisor : (*dividend - *divisor + 1) / *divisor;
    }
    case Op::index: {
      const LoopDimension dimension = program_.loops[node.id].dimensions[node.axis];
      const auto step = constant_value(dimension.step);
      if (!step || *step == 0) return std::nullopt;
      if (*step > 0) return at_least(asked(dimension.begin), depth + 1);
      const auto end = at_least(asked(dimension.end), depth + 1);
      return end ? std::optional(*end + 1) : std::nullopt;
    }
    case Op::add:
    case Op::multiply: {
      const Sum value = sum(x);
      const bool known = nonnegative(value, depth + 1);
      return known ? std::optional<std::int64_t>(0) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

}  // namespace kiln::ir
