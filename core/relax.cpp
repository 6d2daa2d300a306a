// Each node once, operands first: what its operation becomes, then what the chain it ends becomes.
#include "core/relax.h"

#include "core/visit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <vector>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

constexpr std::size_t most_terms = 64;  // of a chain; what is longer stays as it is from there on

class Relaxer {
 public:
  explicit Relaxer(Program& program) : program_(program), build_(program, false), allowed_(program.fast_math) {}

  void run() {
    find_depths();
    relaxed_.assign(program_.nodes.size(), none);
    block(0);
    for (Result& result : program_.results)
      if (!result.is_array) result.value = (*this)(result.value);
  }

 private:
  // ---- how many loops a value changes in
  // ------------------------------------------------------------------------------

  // The loops and whiles around each block; a load, a variable's read and an index change in those around them.
  void find_depths() {
    loop_depths_.assign(program_.loops.size(), 0);
    place_depths_.assign(program_.nodes.size(), 0);
    enter(0, 0);
  }

  void enter(BlockId id, int depth) {
    for (const Statement& s : program_.blocks[id].statements) {
      if (s.kind == Kind::evaluate) place_depths_[s.value] = depth;
      const int inside = s.kind == Kind::loop || s.kind == Kind::while_ ? depth + 1 : depth;
      if (s.kind == Kind::loop) loop_depths_[s.target] = inside;
      for_each_block(s, [&](BlockId inner) { enter(inner, inside); });
    }
  }

  int depth(NodeId id) {
    id = build_.folded(id);
    if (const auto known = depths_.find(id); known != depths_.end()) return known->second;
    const Node node = program_[id];
    int deepest = 0;
    if (!is_pure(node.op)) deepest = place_depths_[id];
    if (node.op == Op::index) deepest = loop_depths_[node.id];
    for (int k = 0, count = operand_count(node); k < count; ++k) deepest = std::max(deepest, depth(node.operands[k]));
    return depths_[id] = deepest;
  }

  // ---- walking
  // --------------------------------------------------------------------------------------------------------

  void block(BlockId id) {
    for (std::size_t k = 0; k < program_.blocks[id].statements.size(); ++k) {
      Statement s = program_.blocks[id].statements[k];
      if (s.kind == Kind::evaluate && program_[s.value].op == Op::load) {
        const Node load = program_[s.value];
        const NodeId guard = (*this)(load.operands[0]);
        program_[s.value].operands[0] = guard;
        program_[s.value].axis = indices(load.axis, load.count);
      } else if (s.kind != Kind::evaluate) {
        s.value = (*this)(s.value);
        if (s.kind != Kind::guard) s.condition = (*this)(s.condition);
        s.first_index = indices(s.first_index, s.index_count);
      }
      program_.blocks[id].statements[k] = s;
      for_each_block(s, [&](BlockId inner) { block(inner); });
    }
  }

  // Indices may come from floats: i64(x / 3). Statements may share a range of them.
  std::uint32_t indices(std::uint32_t first, std::uint32_t count) {
    std::vector<NodeId> fresh;
    bool changed = false;
    for (std::uint32_t k = 0; k < count; ++k) {
      fresh.push_back((*this)(program_.indices[first + k]));
      changed = changed || fresh.back() != program_.indices[first + k];
    }
    if (!changed) return first;
    const auto at = static_cast<std::uint32_t>(program_.indices.size());
    program_.indices.insert(program_.indices.end(), fresh.begin(), fresh.end());
    return at;
  }

  NodeId operator()(NodeId id) {
    if (id == none || !is_pure(program_[id].op)) return id;
    if (id < relaxed_.size() && relaxed_[id] != none) return relaxed_[id];
    Node node = program_[id];
    for (int k = 0, count = operand_count(node); k < count; ++k) node.operands[k] = (*this)(node.operands[k]);
    build_.at(node.location);
    const NodeId result = constant(id) || !is_number(node) ? again(id, node) : operation(id, node);
    if (id < relaxed_.size()) relaxed_[id] = result;
    return result;
  }

  static bool is_number(const Node& node) { return node.type.dtype == f32 || node.type.dtype == f64; }

  // The node with the operands it has now.
  NodeId again(NodeId id, const Node& node) {
    const Node& old = program_[id];
    const int count = operand_count(old);
    if (node.op != Op::select && std::equal(node.operands, node.operands + count, old.operands)) return id;
    if (node.op == Op::convert) return build_.convert(node.operands[0], node.type);
    if (node.op == Op::select) {
      // Where folding would have chosen, a chain goes on through what it chose.
      const auto condition = constant(node.operands[0]);
      if (condition) return node.operands[condition->i != 0 ? 1 : 2];
      if (node.operands[1] == node.operands[2]) return node.operands[1];
    }
    return make(node.op, node.type, node.operands, count);
  }

  NodeId make(Op op, Type type, const NodeId* x, int count) {
    if (count == 1) return build_.node(op, type, {x[0]});
    return count == 2 ? build_.node(op, type, {x[0], x[1]}) : build_.node(op, type, {x[0], x[1], x[2]});
  }

  // ---- constants
  // ------------------------------------------------------------------------------------------------------

  std::optional<detail::Number16> constant(NodeId id) { return build_.computed(build_.folded(id)); }

  bool is_zero(NodeId id) {
    const auto number = constant(id);
    return number && number->re == 0;
  }

  NodeId number(double x, Type type) {
    detail::Number16 n;
    n.re = type.dtype == f32 ? static_cast<double>(static_cast<float>(x)) : x;
    return build_.constant(type.dtype, n, type.strength);
  }

  // ---- operations
  // -----------------------------------------------------------------------------------------------------

  NodeId operation(NodeId id, Node node) {
    if (node.op == Op::divide) return divided(id, node);
    NodeId result = none;
    if (allowed_.has(FastMath::no_nan)) result = without_nan(node);
    if (result == none && allowed_.has(FastMath::no_signed_zero)) result = without_zeros(node);
    if (result != none) return result;
    if (allowed_.has(FastMath::reassociate) &&
        (node.op == Op::add || node.op == Op::subtract || node.op == Op::multiply))
      return chain(again(id, node));
    return again(id, node);
  }

  // The instruction that takes its second operand where one is NaN, and else gives what minimum does, which on a tie is
  // the first.
  NodeId without_nan(const Node& node) {
    const bool least = node.op == Op::minimum || node.op == Op::fmin;
    if (!least && node.op != Op::maximum && node.op != Op::fmax) return none;
    const NodeId a = node.operands[0], b = node.operands[1];
    const NodeId second = build_.node(least ? Op::less : Op::greater, {bool_, node.type.strength}, {b, a});
    return build_.node(Op::select, node.type, {second, b, a});
  }

  NodeId without_zeros(const Node& node) {
    const NodeId a = node.operands[0], b = node.operands[1];
    switch (node.op) {
      case Op::add:
        if (is_zero(b)) return typed(a, node);
        return is_zero(a) ? typed(b, node) : none;
      case Op::subtract:
        if (is_zero(b)) return typed(a, node);
        return is_zero(a) ? build_.node(Op::negative, node.type, {b}) : none;
      case Op::multiply:
        if (!allowed_.has(FastMath::no_nan)) return none;
        return is_zero(a) || is_zero(b) ? number(0, node.type) : none;
      default: return none;
    }
  }

  // An operand in the place of the node: of the same dtype and strength.
  NodeId typed(NodeId x, const Node& node) { return build_.convert(x, node.type); }

  NodeId divided(NodeId id, const Node& node) {
    const NodeId a = node.operands[0], b = node.operands[1];
    if (!allowed_.has(FastMath::approximate_reciprocal)) return again(id, node);
    NodeId reciprocal = none;
    if (const auto divisor = constant(b)) {
      const double x = 1 / divisor->re;
      const bool is_normal = node.type.dtype == f32 ? std::isnormal(static_cast<float>(x)) : std::isnormal(x);
      if (!is_normal) return again(id, node);
      // Rounded once: 1 / x of a float in double, then to float, is what the division in float gives.
      reciprocal = number(x, node.type);
    } else if (depth(b) < depth(a)) {
      reciprocal = build_.node(Op::divide, node.type, {number(1, node.type), b});
    } else {
      return again(id, node);
    }
    const NodeId product = build_.node(Op::multiply, node.type, {a, reciprocal});
    return allowed_.has(FastMath::reassociate) ? chain(product) : product;
  }

  // ---- chains
  // ---------------------------------------------------------------------------------------------------------

  struct Term {
    NodeId value = none;
    bool taken_away = false;  // of a sum: it is subtracted
    int depth = 0;            // constants: -1
  };

  // A sum or product of terms: those that change in the innermost loop stay in their order, from left to right; then
  // what changes in fewer loops, which is computed once, outermost first; constants become one.
  NodeId chain(NodeId id) {
    const Node node = program_[id];
    const bool sum = node.op != Op::multiply;
    std::vector<Term> terms;
    collect(id, sum, false, terms);
    if (terms.size() < 3) return id;
    const int deepest = std::max_element(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
                          return a.depth < b.depth;
                        })->depth;
    const auto fixed = std::count_if(terms.begin(), terms.end(), [&](const Term& t) { return t.depth < deepest; });
    if (fixed < 2 || static_cast<std::size_t>(fixed) == terms.size()) return id;
    std::stable_sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) { return a.depth < b.depth; });
    Term still = joined(terms.data(), terms.data() + fixed, sum, node.type);
    const Term moved = joined(terms.data() + fixed, terms.data() + terms.size(), sum, node.type);
    const Term both[] = {moved, still};
    const Term all = joined(both, both + 2, sum, node.type);
    return all.taken_away ? build_.node(Op::negative, node.type, {all.value}) : all.value;
  }

  void collect(NodeId id, bool sum, bool taken_away, std::vector<Term>& terms) {
    const Node node = program_[id];
    const bool inner = sum ? node.op == Op::add || node.op == Op::subtract : node.op == Op::multiply;
    const bool is_constant = constant(id).has_value();
    if (!inner || is_constant || terms.size() >= most_terms) {
      terms.push_back({id, taken_away, is_constant ? -1 : depth(id)});
      return;
    }
    collect(node.operands[0], sum, taken_away, terms);
    collect(node.operands[1], sum, taken_away != (node.op == Op::subtract), terms);
  }

  // From left to right; where the first is taken away, so is the result.
  Term joined(const Term* first, const Term* last, bool sum, Type type) {
    Term result = *first;
    for (++first; first != last; ++first) {
      const bool differ = result.taken_away != first->taken_away;
      if (differ && result.taken_away) {  // b - a rather than -a + b
        result = {two(Op::subtract, type, first->value, result.value), false, 0};
        continue;
      }
      result.value = two(!sum ? Op::multiply : differ ? Op::subtract : Op::add, type, result.value, first->value);
    }
    return result;
  }

  // One constant of two.
  NodeId two(Op op, Type type, NodeId a, NodeId b) {
    const NodeId node = build_.node(op, type, {a, b});
    const auto folded = constant(node);
    return folded ? number(folded->re, type) : node;
  }

  Program& program_;
  Builder build_;
  const FastMath allowed_;
  std::vector<int> loop_depths_, place_depths_;
  std::unordered_map<NodeId, int> depths_;
  std::vector<NodeId> relaxed_;  // by node that was there
};

}  // namespace

void relax(Program& program) {
  constexpr FastMath rewritten =
      FastMath::reassociate | FastMath::no_nan | FastMath::no_signed_zero | FastMath::approximate_reciprocal;
  if ((program.fast_math.bits() & rewritten.bits()) != 0) Relaxer(program).run();
}

}  // namespace kiln::ir
