// Checks of indices, lifted out of loops: an access that surely happens is checked before the loops around it start.
#include "core/bounds.h"

#include "core/planted_faults.h"
#include "core/visit.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

// A place in the Program: before statement `position` of `block`, and whether getting there from the start of the
// enclosing loop's turn is certain.
struct Place {
  BlockId block = 0;
  std::size_t position = 0;
  bool certain = true;
};

// One turn of all loops passed so far: the index there, and the conditions that the turn comes at all.
struct Turn {
  Sum index;
  std::vector<std::pair<Sum, Sum>> ordered;  // each first < second, else there is no such turn
};

// What holds from a guard on, to the end of the block at this level of the path.
struct Fact {
  Sum sum;
  std::size_t depth = 0;
};

class Checks {
 public:
  explicit Checks(Program& program) : program_(program), build_(program) {}

  void run() {
    lift_guards();
    walk(0);
    for (auto& [block, guards] : guards_) insert(program_.blocks[block].statements, guards);
    for (Block& block : program_.blocks)
      std::erase_if(block.statements, [](const Statement& s) { return s.kind == Kind::guard && s.condition == none; });
    lift_guards();
  }

 private:
  // What the arguments alone decide is checked before anything is written; and no check then stands between loops that
  // could be one. Of equal checks the first is enough.
  void lift_guards() {
    std::vector<Statement> guards, others;
    std::set<NodeId> conditions;
    for (const Statement& statement : program_.blocks[0].statements) {
      if (statement.kind != Kind::guard || !is_of_arguments(statement.condition))
        others.push_back(statement);
      else if (conditions.insert(statement.condition).second)
        guards.push_back(statement);
    }
    guards.insert(guards.end(), others.begin(), others.end());
    program_.blocks[0].statements = std::move(guards);
  }

  // Whether a node is made of the arguments' extents, integer scalars and constants.
  bool is_of_arguments(NodeId id) const {
    const Node& node = program_[id];
    if (!is_pure(node.op) || node.op == Op::index) return false;
    if (node.op == Op::extent || node.op == Op::stride) {
      const Root& root = program_.roots[node.id];
      if (root.kind == Root::Kind::parameter) return true;
      return node.op == Op::extent && root.extents[node.axis] != id && is_of_arguments(root.extents[node.axis]);
    }
    if (node.op == Op::scalar_argument) return node.type.dtype.is_integer() || node.type.dtype.is_bool();
    bool found = true;
    for_each_operand(program_, id, [&](NodeId operand) { found = found && is_of_arguments(operand); });
    return found;
  }

  void walk(BlockId block) {
    const std::size_t depth = path_.size();
    path_.push_back({block, 0, true});
    for (std::size_t k = 0; k < program_.blocks[block].statements.size(); ++k) {
      const Statement statement = program_.blocks[block].statements[k];
      path_[depth].position = k;
      access(statement);
      if (statement.kind == Kind::evaluate) evaluated_[statement.value] = depth;
      if (statement.kind == Kind::guard && (block == 0 || program_.check_bounds)) learn(statement.condition);
      if (statement.kind == Kind::guard && leave_parallel_loops(statement))
        program_.blocks[block].statements[k].condition = none;  // it stands before the loops now
      for_each_block(statement, [&](BlockId inner) { walk(inner); });
      if (leaves(statement)) path_[depth].certain = false;
    }
    path_.pop_back();
    std::erase_if(evaluated_, [&](const auto& entry) { return entry.second == depth; });
    if (depth != 0) std::erase_if(nonnegative_, [&](const Fact& fact) { return fact.depth == depth; });
  }

  // Puts a check of the user's, of shapes or of a slice, in front of the parallel loops around it: all their iterations
  // would find the same. It is only made if there are iterations. False where it has to stay.
  bool leave_parallel_loops(const Statement& guard) {
    std::size_t outermost = 0;  // the level of `path_` that the outermost parallel loop stands in
    while (outermost + 1 < path_.size() && !is_parallel_loop(outermost + 1)) ++outermost;
    if (outermost + 1 == path_.size()) return false;
    NodeId never = build_.boolean(false);
    for (std::size_t level = path_.size() - 1; level > outermost; --level) {
      const std::optional<std::size_t> position = loop_at(level);
      if (!position || !path_[level].certain) return false;
      const Statement loop = program_.blocks[path_[level - 1].block].statements[*position];
      if (has_break(program_, loop.body)) return false;
      const std::vector<LoopDimension> dimensions = program_.loops[loop.target].dimensions;
      for (const LoopDimension& d : dimensions) {
        const auto step = build_.constant_value(d.step);
        if (!step || *step == 0 || !is_known(d.begin, outermost) || !is_known(d.end, outermost)) return false;
        never =
            build_.logical_or(never, *step > 0 ? build_.less_equal(d.end, d.begin) : build_.less_equal(d.begin, d.end));
      }
    }
    const Message& message = program_.messages[guard.message];
    if (!is_known(guard.condition, outermost)) return false;
    for (const NodeId shown : message.shown)
      if (!is_known(shown, outermost)) return false;
    Statement before = guard;
    before.condition = build_.logical_or(never, guard.condition);
    guards_[path_[outermost].block].push_back({path_[outermost].position, before});
    return true;
  }

  bool is_parallel_loop(std::size_t level) const {
    const std::optional<std::size_t> position = loop_at(level);
    return position && program_.loops[program_.blocks[path_[level - 1].block].statements[*position].target].parallel;
  }

  // What a guard found holds from there on, to the end of its block: the checks of shapes and slices prove most
  // indices.
  void learn(NodeId condition) {
    const Node node = program_[condition];
    if (node.op == Op::logical_and) {
      learn(node.operands[0]);
      learn(node.operands[1]);
    }
    if (node.op != Op::equal && node.op != Op::less_equal) return;
    if (program_[node.operands[0]].type.dtype != i64) return;
    const Sum left = unified(build_.sum(node.operands[0])), right = unified(build_.sum(node.operands[1]));
    if (node.op == Op::less_equal) return learn_order(left, right);
    const auto is_single = [](const Sum& sum) {
      return sum.constant == 0 && sum.terms.size() == 1 && sum.terms[0].coefficient == 1 &&
             sum.terms[0].factors.size() == 1;
    };
    if (!is_single(left) || !is_single(right)) return;
    const NodeId a = left.terms[0].factors[0], b = right.terms[0].factors[0];
    if (a != b && path_.size() == 1) equal_to_[std::max(a, b)] = std::min(a, b);
  }

  // 0 <= left <= right: their difference cannot wrap, so it may be compared as a sum.
  void learn_order(const Sum& left, const Sum& right) {
    const std::size_t depth = path_.size() - 1;
    if (!(left.is_constant() && left.constant >= 0) && !is_nonnegative(left, depth)) return;
    nonnegative_.push_back({right, depth});
    nonnegative_.push_back({plus(right, scaled(left, -1)), depth});
  }

  // Whether guards down to this level of `path_` found the sum to be 0 or more.
  bool is_nonnegative(const Sum& sum, std::size_t depth) const {
    return std::any_of(nonnegative_.begin(), nonnegative_.end(),
                       [&](const Fact& fact) { return fact.depth <= depth && fact.sum == sum; });
  }

  // Whether first <= second was found by guards down to a level.
  bool is_learned(const Sum& first, const Sum& second, std::size_t depth) const {
    return is_nonnegative(plus(second, scaled(first, -1)), depth);
  }

  NodeId representative(NodeId id) const {
    for (auto found = equal_to_.find(id); found != equal_to_.end(); found = equal_to_.find(id)) id = found->second;
    return id;
  }

  // The sum in terms of representatives.
  Sum unified(const Sum& sum) const {
    Sum result{{}, sum.constant};
    for (Sum::Term term : sum.terms) {
      for (NodeId& factor : term.factors) factor = representative(factor);
      std::sort(term.factors.begin(), term.factors.end());
      result = plus(result, Sum{{term}, 0});
    }
    return result;
  }

  // Whether the rest of the turn may be skipped after this statement.
  bool leaves(const Statement& statement) const {
    const auto jump = [](const Statement& s) { return s.kind == Kind::break_ || s.kind == Kind::continue_; };
    if (jump(statement)) return true;
    if (statement.kind != Kind::branch) return false;
    bool found = false;
    for_each_block(statement, [&](BlockId inner) { found = found || any_at_level(program_, inner, jump); });
    return found;
  }

  void access(const Statement& statement) {
    if (statement.kind == Kind::store || statement.kind == Kind::update) {
      if (statement.flat) return;
      from_end_ = statement.from_end;
      const std::uint8_t open =
          check(statement.target, statement.first_index, statement.index_count, statement.location);
      const Place& here = path_.back();
      if (program_.check_bounds) program_.blocks[here.block].statements[here.position].checked = open;
    } else if (statement.kind == Kind::evaluate && program_[statement.value].op == Op::load) {
      const Node load = program_[statement.value];
      if (load.flat) return;
      tentative_ = load.tentative;
      from_end_ = load.from_end;
      const std::uint8_t open = load.operands[0] == none ? check(load.id, load.axis, load.count, load.location)
                                                         : unknown(load.id, load.axis, load.count);
      tentative_ = false;
      if (load.tentative) {
        if (open != 0) keep_inside(statement.value);
      } else if (program_.check_bounds) {
        program_[statement.value].checked = open;
      }
    }
  }

  // The load takes place only where its index is inside.
  void keep_inside(NodeId id) {
    const Node load = program_[id];
    build_.at(load.location);
    NodeId inside = load.operands[0] == none ? build_.boolean(true) : load.operands[0];
    for (std::uint32_t axis = 0; axis < load.count; ++axis) {
      const NodeId index = program_.indices[load.axis + axis], extent = build_.extent(load.id, axis);
      inside = build_.logical_and(inside, build_.less_equal(build_.integer(0), index));
      inside = build_.logical_and(inside, build_.less(index, extent));
    }
    if (build_.constant_value(inside) != 1) program_[id].operands[0] = inside;
  }

  // The axes whose indices are neither proven to be inside nor checked, here or before.
  std::uint8_t check(RootId root, std::uint32_t first, std::uint32_t count, std::uint32_t location) {
    std::uint8_t open = 0;
    for (std::uint32_t axis = 0; axis < count; ++axis) {
      build_.at(location);
      const NodeId index = program_.indices[first + axis];
      // The first of equal accesses in a block is checked wherever a later one could be.
      const auto [known, is_first] = checked_.try_emplace({path_.back().block, root, axis, index, tentative_}, false);
      if (is_first) known->second = check_axis(root, axis, index, location);
      if (!known->second) open = static_cast<std::uint8_t>(open | 1u << axis);
    }
    return open;
  }

  // The same of a load that a condition guards: no guard may ask about it.
  std::uint8_t unknown(RootId root, std::uint32_t first, std::uint32_t count) {
    std::uint8_t open = 0;
    for (std::uint32_t axis = 0; axis < count; ++axis) {
      const NodeId index = program_.indices[first + axis];
      const auto known = checked_.find({path_.back().block, root, axis, index, std::uint32_t{false}});
      if (known != checked_.end() && known->second) continue;
      if (!is_own_element(index) && (!program_.check_bounds || !is_proven(root, axis, index)))
        open = static_cast<std::uint8_t>(open | 1u << axis);
    }
    return open;
  }

  bool check_axis(RootId root, std::uint32_t axis, NodeId index, std::uint32_t location) {
    if (program_[index].type.dtype != i64) return false;
    if (is_own_element(index)) return true;
    const Sum sum = build_.sum(index);
    Turn least{sum, {}}, most{sum, {}};
    const std::optional<std::size_t> level = lift(least, most);
    const NodeId extent = build_.extent(root, axis);
    if (!level || !is_known(extent, *level)) return program_.check_bounds && is_proven(root, axis, index);
    guard(*level, least, most, root, axis, extent, location);
    return true;
  }

  // An array expression goes over the elements of its arrays, whose shapes and slices tracing has checked.
  bool is_own_element(NodeId index) {
    const std::optional<std::size_t> statement = path_.size() > 1 ? loop_at(path_.size() - 1) : std::nullopt;
    if (!statement) return false;
    const LoopId loop = program_.blocks[path_[path_.size() - 2].block].statements[*statement].target;
    const Loop& own = program_.loops[loop];
    if (!own.from_array) return false;
    for (std::uint32_t d = 0; d < own.dimensions.size(); ++d)
      if (mentions(index, build_.index(loop, d))) return true;
    return false;
  }

  // Whether the index is inside in all turns that could come, where no guard can ask: inside parallel loops, under
  // conditions, beside a break.
  bool is_proven(RootId root, std::uint32_t axis, NodeId index) {
    const Sum sum = build_.sum(index);
    Turn least{sum, {}}, most{sum, {}};
    const NodeId extent = build_.extent(root, axis);
    for (std::size_t level = path_.size() - 1;; --level) {
      if (build_.constant_value(holds(least, most, extent, path_.size() - 1)) == 1) return true;
      if (level == 0) return false;
      const std::optional<std::size_t> statement = loop_at(level);
      if (!statement) continue;
      const LoopId loop = program_.blocks[path_[level - 1].block].statements[*statement].target;
      if (!leave(loop, least, false) || !leave(loop, most, true)) return false;
    }
  }

  // Carries both turns out of as many loops as possible; the level of `path_` reached, or none if no guard can be
  // there.
  std::optional<std::size_t> lift(Turn& least, Turn& most) {
    std::size_t level = path_.size() - 1;
    for (; level > 0; --level) {
      const std::optional<std::size_t> statement = loop_at(level);
      if (!statement) break;
      const Statement loop = program_.blocks[path_[level - 1].block].statements[*statement];
      if (!path_[level].certain || has_break(program_, loop.body)) break;
      Turn lower = least, upper = most;
      if (!leave(loop.target, lower, false) || !leave(loop.target, upper, true)) break;
      least = std::move(lower);
      most = std::move(upper);
    }
    for (std::size_t k = 1; k <= level; ++k) {
      const std::optional<std::size_t> statement = loop_at(k);
      if (!statement) continue;
      const LoopId loop = program_.blocks[path_[k - 1].block].statements[*statement].target;
      if (program_.loops[loop].parallel) return std::nullopt;
    }
    if (!is_known(least, level) || !is_known(most, level)) return std::nullopt;
    // Inside a loop a guard is worth its time only in front of another loop.
    if (level == path_.size() - 1 && is_repeated(level)) return std::nullopt;
    return level;
  }

  // Whether a loop or while stands around `path_[level]`.
  bool is_repeated(std::size_t level) const {
    for (std::size_t k = 0; k < level; ++k) {
      if (program_.blocks[path_[k].block].statements[path_[k].position].kind != Kind::branch) return true;
    }
    return false;
  }

  // The position of the loop statement that `path_[level]` is the body of.
  std::optional<std::size_t> loop_at(std::size_t level) const {
    const Place& outer = path_[level - 1];
    const bool is_loop = program_.blocks[outer.block].statements[outer.position].kind == Kind::loop;
    return is_loop ? std::optional(outer.position) : std::nullopt;
  }

  // Fixes each index of the loop at the end of its range that makes the turn's index greatest (or least).
  bool leave(LoopId loop, Turn& turn, bool greatest) {
    const std::vector<LoopDimension> dimensions = program_.loops[loop].dimensions;
    for (std::size_t d = dimensions.size(); d-- > 0;) {
      const LoopDimension& dimension = dimensions[d];
      const auto step = build_.constant_value(dimension.step);
      if (step == 0) return false;
      const Sum begin = build_.sum(dimension.begin), end = build_.sum(dimension.end);
      const NodeId index = build_.index(loop, static_cast<std::uint32_t>(d));
      const auto rises = slope(turn.index, index);
      if (!step || !rises) {
        if (!leave_at_either_end(turn, greatest, index, dimension)) return false;
        continue;
      }
      const std::pair<Sum, Sum> runs = *step > 0 ? std::pair(begin, end) : std::pair(end, begin);
      const bool at_end = (*rises != 0) && ((*rises > 0) == greatest) == (*step > 0);
      const Sum value = at_end ? last(begin, end, *step) : begin;
      if (!substitute(turn.index, index, value)) return false;
      for (auto& [low, high] : turn.ordered) {
        if (!substitute(low, index, value) || !substitute(high, index, value)) return false;
      }
      turn.ordered.push_back(runs);
    }
    return true;
  }

  // The same where it is not known which end that is, for a step or a factor that is a number of the call: the greater
  // (or the lesser) of both.
  bool leave_at_either_end(Turn& turn, bool greatest, NodeId index, const LoopDimension& dimension) {
    for (const auto& [low, high] : turn.ordered) {
      if (mentions(low, index) || mentions(high, index)) return false;
    }
    const Sum begin = build_.sum(dimension.begin), end = build_.sum(dimension.end);
    const NodeId up = build_.less(build_.integer(0), dimension.step);
    const NodeId sign = build_.select(up, build_.integer(1), build_.integer(-1));
    const auto from = times(begin, build_.sum(sign)), to = times(end, build_.sum(sign));
    if (!from || !to) return false;
    const NodeId turns_but_one =
        build_.floordiv(build_.from(plus(plus(*to, scaled(*from, -1)), Sum{{}, -1})), build_.mul(dimension.step, sign));
    const Sum final = plus(begin, build_.sum(build_.mul(dimension.step, turns_but_one)));
    Sum fixed{{}, turn.index.constant}, first, last;
    for (const Sum::Term& term : turn.index.terms) {
      const auto factors = std::count(term.factors.begin(), term.factors.end(), index);
      if (factors > 1) return false;
      Sum& part = factors == 1 ? first : fixed;
      part = plus(part, Sum{{term}, 0});
    }
    last = first;
    if (mentions(fixed, index) || !substitute(first, index, begin) || !substitute(last, index, final)) return false;
    const NodeId a = build_.from(first), b = build_.from(last);
    turn.index = plus(fixed, build_.sum(greatest ? build_.max(a, b) : build_.min(a, b)));
    turn.ordered.emplace_back(*from, *to);
    return true;
  }

  bool mentions(const Sum& sum, NodeId index) const {
    return std::any_of(sum.terms.begin(), sum.terms.end(), [&](const Sum::Term& term) {
      return std::any_of(term.factors.begin(), term.factors.end(),
                         [&](NodeId factor) { return mentions(factor, index); });
    });
  }

  Sum last(const Sum& begin, const Sum& end, std::int64_t step) {
    const Sum one{{}, 1}, minus_one{{}, -1};
    if (step == 1) return plus(end, minus_one);
    if (step == -1) return plus(end, one);
    const Sum length = step > 0 ? plus(end, scaled(begin, -1)) : plus(begin, scaled(end, -1));
    const NodeId turns = build_.floordiv(build_.from(plus(length, minus_one)), build_.integer(step > 0 ? step : -step));
    return plus(begin, scaled(build_.sum(turns), step));
  }

  // How the sum goes with the index: 1 up, -1 down, 0 not at all; nothing where that is not certain.
  std::optional<int> slope(const Sum& sum, NodeId index) const {
    int result = 0;
    for (const Sum::Term& term : sum.terms) {
      const auto times = std::count(term.factors.begin(), term.factors.end(), index);
      if (times == 0) continue;
      const bool extents_else = std::all_of(term.factors.begin(), term.factors.end(), [&](NodeId factor) {
        return factor == index || program_[factor].op == Op::extent;
      });
      const int sign = term.coefficient > 0 ? 1 : -1;
      if (times > 1 || !extents_else || (result != 0 && result != sign)) return std::nullopt;
      result = sign;
    }
    return result;
  }

  // Puts a value in for an index. Fails where the index stands inside what is no sum.
  bool substitute(Sum& sum, NodeId index, const Sum& value) {
    Sum result{{}, sum.constant};
    for (const Sum::Term& term : sum.terms) {
      Sum product{{}, term.coefficient};
      for (const NodeId factor : term.factors) {
        if (factor != index && mentions(factor, index)) return false;
        const auto next = times(product, factor == index ? value : Sum{{{{factor}, 1}}, 0});
        if (!next) return false;
        product = *next;
      }
      result = plus(result, product);
    }
    sum = std::move(result);
    return true;
  }

  bool mentions(NodeId id, NodeId index) const {
    if (id == index) return true;
    bool found = false;
    if (is_pure(program_[id].op)) {
      for_each_operand(program_, id, [&](NodeId operand) { found = found || mentions(operand, index); });
    }
    return found;
  }

  // Whether a node is made of extents, integer scalars, constants, the indices of loops around `level` and what was
  // read there before.
  bool is_known(NodeId id, std::size_t level) const {
    const Node& node = program_[id];
    if (const auto found = evaluated_.find(id); found != evaluated_.end() && !tentative_) return found->second <= level;
    if (!is_pure(node.op)) return false;
    if (node.op == Op::scalar_argument) return node.type.dtype.is_integer() || node.type.dtype.is_bool();
    if (node.op == Op::extent) {
      const NodeId extent =
          program_.roots[node.id].kind == Root::Kind::parameter ? id : program_.roots[node.id].extents[node.axis];
      return extent == id || is_known(extent, level);
    }
    if (node.op == Op::index) {
      for (std::size_t k = 1; k <= level; ++k) {
        const std::optional<std::size_t> statement = loop_at(k);
        if (statement && program_.blocks[path_[k - 1].block].statements[*statement].target == node.id) return true;
      }
      return false;
    }
    bool known = true;
    for_each_operand(program_, id, [&](NodeId operand) { known = known && is_known(operand, level); });
    return known;
  }

  bool is_known(const Sum& sum, std::size_t level) const {
    return std::all_of(sum.terms.begin(), sum.terms.end(), [&](const Sum::Term& term) {
      return std::all_of(term.factors.begin(), term.factors.end(), [&](NodeId id) { return is_known(id, level); });
    });
  }

  bool is_known(const Turn& turn, std::size_t level) const {
    return is_known(turn.index, level) && std::all_of(turn.ordered.begin(), turn.ordered.end(), [&](const auto& pair) {
             return is_known(pair.first, level) && is_known(pair.second, level);
           });
  }

  // The nodes "the turn does not come": one of its ranges is empty.
  NodeId never(const Turn& turn) {
    NodeId result = build_.boolean(false);
    for (auto pair = turn.ordered.rbegin(); pair != turn.ordered.rend(); ++pair) {
      const NodeId low = build_.from(unified(pair->first)), high = build_.from(unified(pair->second));
      result = build_.logical_or(result, build_.less_equal(high, low));
    }
    return result;
  }

  // The node "both turns are inside, if they come", with what guards down to a level found.
  NodeId holds(const Turn& least, const Turn& most, NodeId extent, std::size_t depth) {
    const Sum first = unified(least.index), last = unified(most.index), beyond = unified(build_.sum(extent));
    const bool ends_known = is_learned(plus(last, Sum{{}, 1}), beyond, depth);
    const NodeId ends = ends_known ? build_.boolean(true) : build_.less(build_.from(last), build_.from(beyond));
    const NodeId no_low = never(least), no_high = never(most), starts = begins(first, depth);
    return no_low == no_high ? build_.logical_or(no_low, build_.logical_and(starts, ends))
                             : build_.logical_and(build_.logical_or(no_low, starts), build_.logical_or(no_high, ends));
  }

  // The node "0 or more".
  NodeId begins(const Sum& first, std::size_t depth) {
    return is_learned(Sum{}, first, depth) ? build_.boolean(true)
                                           : build_.less_equal(build_.integer(0), build_.from(first));
  }

  void guard(std::size_t level, const Turn& least, const Turn& most, RootId root, std::uint32_t axis, NodeId extent,
             std::uint32_t location) {
    const Place place = path_[level];
    if (planted(Fault::missing_guard)) return;
    const NodeId holds = this->holds(least, most, extent, 0);
    if (build_.constant_value(holds) == 1) return;
    // A guard of the body comes before everything after it; others only before the rest of their own block.
    if (seen_.contains({0, holds}) || !seen_.insert({place.block, holds}).second) return;

    const Sum first = unified(least.index);
    const NodeId low = build_.from(first), high = build_.from(unified(most.index));
    const NodeId too_low = build_.logical_not(build_.logical_or(never(least), begins(first, 0)));
    Message message;
    message.kind = Message::Kind::index;
    message.text = "index out of bounds: ";
    // What was written from the end is shown so.
    const NodeId index = build_.select(too_low, low, high);
    message.append(program_, (from_end_ >> axis & 1) != 0 ? build_.sub(index, extent) : index);
    message.text += " on axis " + std::to_string(axis) + " of " + name(root) + " (";
    NodeId extents[max_rank];
    const Root& memory = program_.roots[root];
    for (int k = 0; k < memory.rank; ++k) {
      const NodeId own = build_.extent(root, static_cast<std::uint32_t>(k));
      extents[k] = is_known(own, level) ? own : none;
    }
    message.append(program_, memory.dtype, extents, memory.rank);
    message.text += "), which has ";
    message.append(program_, extent);
    message.text +=
        " elements there (allowed are 0 to extent - 1); shorten the range, or guard the access with if_ or where";
    message.location = location;
    program_.messages.push_back(std::move(message));
    Statement statement;
    statement.kind = Kind::guard;
    statement.condition = holds;
    statement.location = location;
    statement.message = static_cast<std::uint32_t>(program_.messages.size() - 1);
    guards_[place.block].push_back({place.position, statement});
  }

  std::string name(RootId root) const {
    const Root& memory = program_.roots[memory_of(program_, root)];
    const std::string shape = program_.roots[root].kind == Root::Kind::alias ? "a reshape of " : "";
    if (memory.kind == Root::Kind::parameter) return shape + "array argument " + std::to_string(memory.argument + 1);
    return shape + "an array made in the function";
  }

  static void insert(std::vector<Statement>& statements, std::vector<std::pair<std::size_t, Statement>>& guards) {
    std::vector<Statement> result;
    auto next = guards.begin();
    for (std::size_t k = 0; k < statements.size(); ++k) {
      for (; next != guards.end() && next->first == k; ++next) result.push_back(next->second);
      result.push_back(statements[k]);
    }
    statements = std::move(result);
  }

  Program& program_;
  Builder build_;
  std::vector<Place> path_;            // from the body to the block being walked
  std::map<NodeId, NodeId> equal_to_;  // a smaller node of the same value, by node
  std::vector<Fact> nonnegative_;      // what guards found to be 0 or more
  std::set<std::pair<BlockId, NodeId>> seen_;
  std::map<NodeId, std::size_t> evaluated_;  // loads and reads passed, with the level of `path_` they stand at
  unsigned from_end_ = 0;                    // of the access at hand: axes whose index was written from the end
  bool tentative_ = false;  // the load at hand may be one too many: an index read from memory is no error yet
  // By block, root, axis, index, tentative: whether it could be.
  std::map<std::array<std::uint32_t, 5>, bool> checked_;
  std::map<BlockId, std::vector<std::pair<std::size_t, Statement>>> guards_;
};

}  // namespace

void bounds(Program& program) { Checks(program).run(); }

}  // namespace kiln::ir
