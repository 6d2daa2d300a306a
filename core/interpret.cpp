// The reference interpreter: values of nodes remembered per turn of their block, statements one after the other,
// reductions in the order the language defines, loads outside their arrays an error where a statement needs them.
#include "core/interpret.h"

#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/index_error.h"
#include "core/visit.h"

#include <kiln/error.h>

#include <algorithm>
#include <limits>
#include <span>
#include <unordered_map>

namespace kiln {
namespace {

using namespace ir;
using Kind = Statement::Kind;

/// A variable that is reduced over one run of a loop; f16 and bf16 in f32, rounded at the end.
class Reduction {
 public:
  Reduction(VariableId variable, Op op, DType dtype, const Loop& loop)
      : variable_(variable),
        op_(op),
        result_(dtype),
        dtype_(accumulator_dtype(dtype)),
        identity_(identity(op, dtype_)) {
    const std::int64_t lanes = lanes_of(dtype);
    // The narrow order is the wide one with a single lane and blocks as long as a segment.
    lanes_.resize(static_cast<std::size_t>(loop.parallel ? lanes : 1));
    block_ = loop.parallel ? 32 * lanes : loop.segment;
  }

  VariableId variable() const { return variable_; }
  Op op() const { return op_; }

  void begin() {
    sums_.clear();
    position_ = 0;
    clear_lanes();
    term_ = identity_;
  }
  void contribute(const Number16& x) { term_ = combine(term_, x); }
  void end_iteration() {
    Number16& lane = lanes_[static_cast<std::size_t>(position_) % lanes_.size()];
    lane = combine(lane, term_);
    term_ = identity_;
    if (++position_ == block_) end_block();
  }
  /// The variable's value after the loop.
  Number16 end(const Number16& old) {
    if (position_ != 0) end_block();
    if (sums_.empty()) return convert(combine(old, identity_), dtype_, result_);
    while (sums_.size() > 1) {
      const std::size_t pairs = sums_.size() / 2;
      for (std::size_t k = 0; k < pairs; ++k) sums_[k] = combine(sums_[2 * k], sums_[2 * k + 1]);
      if (sums_.size() % 2 != 0) sums_[pairs] = sums_.back();
      sums_.resize(sums_.size() - pairs);
    }
    return convert(combine(old, sums_[0]), dtype_, result_);
  }

 private:
  Number16 combine(const Number16& a, const Number16& b) const { return reduction_step(op_, dtype_, a, b); }
  void clear_lanes() { std::fill(lanes_.begin(), lanes_.end(), identity_); }
  void end_block() {
    for (std::size_t half = lanes_.size() / 2; half != 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k) lanes_[k] = combine(lanes_[k], lanes_[k + half]);
    sums_.push_back(lanes_[0]);
    clear_lanes();
    position_ = 0;
  }

  VariableId variable_;
  Op op_;
  DType result_, dtype_;
  Number16 identity_, term_;
  std::vector<Number16> lanes_, sums_;
  std::int64_t block_, position_ = 0;
};

/// Where a root's elements are.
struct Memory {
  std::byte* data = nullptr;
  std::int64_t extents[max_rank] = {}, strides[max_rank] = {};
  std::int64_t capacity = 0;  // allocated: bytes
  RootId origin = none;       // the root this memory began as
  bool ready = false;
};

/// The value of a node; or the load outside its array that it would have come from. Guarded evaluation is this: where,
/// && and || pass on only what they choose, and a statement that gets such a value raises the load's error. Where no
/// such choice stands between the load and a statement, which may be in a branch that is not taken, the load itself
/// does.
struct Evaluated {
  Number16 number;
  NodeId outside = none;
};

enum class Flow { next, leave, turn, failed };

class Interpreter {
 public:
  Interpreter(const Program& program, Frame& frame);
  std::int32_t run();

 private:
  // Where values live: a node's value holds for one turn of the innermost block that any of its leaves belongs to.
  void find_scopes(BlockId block, int depth);
  void find_loop_scopes(const Statement& statement, BlockId block, int depth);
  BlockId scope(NodeId id);
  void find_asked(NodeId id);
  void find_reductions();
  void bind_parameters();

  Evaluated value(NodeId id);
  Evaluated compute(NodeId id, const Node& node);
  // What a statement needs.
  Number16 number(NodeId id) {
    const Evaluated x = value(id);
    if (x.outside != none) raise(outside_.at(x.outside));
    return x.number;
  }
  std::int64_t integer(NodeId id) { return number(id).i; }
  bool holds(NodeId id) { return number(id).i != 0; }
  void set(NodeId id, const Evaluated& x) {
    values_[id] = x;
    stamps_[id] = turns_[scopes_[id]];
  }

  const Memory& memory(RootId root);
  std::byte* element(RootId root, bool flat, const std::int64_t* indices, OutsideAccess& outside);
  std::byte* written_element(const Statement& s);
  [[noreturn]] void raise(OutsideAccess outside) const;

  Flow block(BlockId id);
  Flow statement(const Statement& s);
  void take_place(NodeId id);
  Evaluated load(NodeId id, const Node& node);
  Flow loop(const Statement& s);
  Flow iteration(const Statement& s);
  Flow while_loop(const Statement& s);
  Flow allocate(const Statement& s);
  Flow guard(const Statement& s);
  void contribute(const Statement& s);
  void update(const Statement& s);
  void swap(const Statement& s);
  void results();

  const Program& program_;
  Frame& frame_;
  std::vector<Evaluated> values_;      // of nodes
  std::vector<std::uint64_t> stamps_;  // the turn in which they were computed
  std::vector<BlockId> scopes_;        // of nodes; none: not known yet
  std::vector<bool> asked_;            // by a statement, whatever where, && and || choose
  std::vector<bool> changing_;         // what a swap or an allocation may change: never remembered
  std::vector<std::uint64_t> turns_;   // of blocks
  std::vector<int> depths_;            // of blocks
  std::vector<BlockId> bodies_;        // of loops
  std::vector<std::int64_t> indices_;  // of loops, max_rank each
  std::vector<Number16> variables_;
  std::vector<Memory> memory_;                         // of roots
  std::unordered_map<NodeId, OutsideAccess> outside_;  // by load
  std::vector<std::vector<Reduction>> reductions_;     // of loops
  std::uint64_t clock_ = 1;                            // the stamp 0 is never a turn's
  std::int32_t status_ = status_ok;
  bool swaps_ = false;
};

Interpreter::Interpreter(const Program& program, Frame& frame)
    : program_(program),
      frame_(frame),
      values_(program.nodes.size()),
      stamps_(program.nodes.size(), 0),
      scopes_(program.nodes.size(), none),
      asked_(program.nodes.size(), false),
      changing_(program.nodes.size(), false),
      turns_(program.blocks.size(), 1),
      depths_(program.blocks.size(), 0),
      bodies_(program.loops.size(), 0),
      indices_(program.loops.size() * max_rank, 0),
      variables_(program.variables.size()),
      memory_(program.roots.size()),
      reductions_(program.loops.size()) {
  find_scopes(0, 0);
  for (NodeId id = 0; id < program.nodes.size(); ++id) scope(id);
  for_each_statement(program, 0,
                     [&](const Statement& s) { for_each_use(program, s, [&](NodeId id) { find_asked(id); }); });
  for_each_result(program, [&](NodeId id) { find_asked(id); });
  for (const Root& root : program.roots)
    for (int axis = 0; axis < root.rank && root.kind != Root::Kind::parameter; ++axis) find_asked(root.extents[axis]);
  find_reductions();
  bind_parameters();
}

// ---- Before the run -------------------------------------------------------------------------------------------------

void Interpreter::find_scopes(BlockId block, int depth) {
  depths_[block] = depth;
  for (const Statement& s : program_.blocks[block].statements) {
    if (s.kind == Kind::evaluate) scopes_[s.value] = block;
    if (s.kind == Kind::loop) bodies_[s.target] = s.body;
    swaps_ |= s.kind == Kind::swap;
    if (s.body != none) find_scopes(s.body, depth + 1);
    // The condition of a while is evaluated before its loop body, which may use what was loaded there.
    if (s.otherwise != none) find_scopes(s.otherwise, depth + (s.kind == Kind::while_ ? 2 : 1));
  }
}

BlockId Interpreter::scope(NodeId id) {
  if (scopes_[id] != none) return scopes_[id];
  const Node& node = program_[id];
  BlockId deepest = node.op == Op::index ? bodies_[node.id] : 0;
  if (node.op == Op::stride || node.op == Op::extent)
    changing_[id] = swaps_ || program_.roots[node.id].kind != Root::Kind::parameter;
  if (node.op != Op::load)
    for (const NodeId operand : node.operands) {
      if (operand == none) continue;
      const BlockId inner = scope(operand);
      if (depths_[inner] > depths_[deepest]) deepest = inner;
      if (changing_[operand]) changing_[id] = true;
    }
  return scopes_[id] = deepest;
}

void Interpreter::find_asked(NodeId id) {
  if (asked_[id]) return;
  asked_[id] = true;
  const Node& node = program_[id];
  if (node.op == Op::select || node.op == Op::logical_and || node.op == Op::logical_or)
    find_asked(node.operands[0]);
  else
    for_each_operand(program_, id, [&](NodeId operand) { find_asked(operand); });
}

void Interpreter::find_reductions() {
  for (const Block& block : program_.blocks)
    for (const Statement& s : block.statements) {
      if (s.kind != Kind::reduce) continue;
      auto& list = reductions_[s.loop];
      const auto same = [&](const Reduction& r) { return r.variable() == s.target; };
      if (std::none_of(list.begin(), list.end(), same))
        list.emplace_back(s.target, s.op, program_.variables[s.target].type.dtype, program_.loops[s.loop]);
    }
}

void Interpreter::bind_parameters() {
  for (RootId root = 0; root < program_.roots.size(); ++root) {
    if (program_.roots[root].kind != Root::Kind::parameter) continue;
    const detail::Layout& layout = *frame_.arrays[program_.roots[root].argument];
    Memory& memory = memory_[root];
    memory.data = layout.data;
    std::copy_n(layout.extents, max_rank, memory.extents);
    std::copy_n(layout.strides, max_rank, memory.strides);
    memory.origin = root;
    memory.ready = true;
  }
}

// ---- Values ---------------------------------------------------------------------------------------------------------

Evaluated Interpreter::value(NodeId id) {
  const Node& node = program_[id];
  if (node.op == Op::constant) return {node.number};
  if (stamps_[id] == turns_[scopes_[id]] && !changing_[id]) return values_[id];
  const Evaluated x = compute(id, node);
  set(id, x);
  return x;
}

Evaluated Interpreter::compute(NodeId id, const Node& node) {
  Number16 x;
  switch (node.op) {
    case Op::scalar_argument: return {frame_.scalars[node.id]};
    case Op::extent: x.i = memory(node.id).extents[node.axis]; return {x};
    case Op::stride: x.i = memory(node.id).strides[node.axis]; return {x};
    case Op::index: x.i = indices_[node.id * max_rank + node.axis]; return {x};
    case Op::load:
    case Op::read_variable:
      throw InternalError(text("node ", id, ", a ", row(node.op).name, ", is used before it takes place"));
    case Op::select: {
      const Evaluated condition = value(node.operands[0]);
      if (condition.outside != none) return condition;
      return value(node.operands[condition.number.i != 0 ? 1 : 2]);
    }
    case Op::logical_and:
    case Op::logical_or: {
      const Evaluated left = value(node.operands[0]);
      const bool decided = (left.number.i != 0) == (node.op == Op::logical_or);
      return left.outside != none || decided ? left : value(node.operands[1]);
    }
    default: break;
  }
  const bool converts = node.op == Op::convert;
  Number16 operands[3];
  for (int k = 0, count = converts ? 1 : row(node.op).arity; k < count; ++k) {
    const Evaluated operand = value(node.operands[k]);
    if (operand.outside != none) return operand;
    operands[k] = operand.number;
  }
  const DType from = program_[node.operands[0]].type.dtype, to = node.type.dtype;
  return {converts ? convert(operands[0], from, to) : evaluate(node.op, from, to, operands, program_.precise)};
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

void make_contiguous(Memory& memory, int rank) {
  std::int64_t stride = 1;
  for (int k = rank - 1; k >= 0; --k) {
    memory.strides[k] = stride;
    // May be larger than a number can be: then there is no memory, and no element is ever addressed.
    if (__builtin_mul_overflow(stride, memory.extents[k], &stride)) stride = 0;
  }
}

const Memory& Interpreter::memory(RootId root) {
  const Root& r = program_.roots[root];
  Memory& memory = memory_[root];
  if (memory.ready) return memory;
  if (r.kind != Root::Kind::alias) throw InternalError(text("root ", root, " is used before it is allocated"));
  // Another shape of an array: asked for anew, its array may have been swapped or its extents belong to a loop.
  const Memory& of = this->memory(r.of);
  memory.data = of.data;
  memory.origin = of.origin;
  for (int k = 0; k < r.rank; ++k) memory.extents[k] = integer(r.extents[k]);
  make_contiguous(memory, r.rank);
  return memory;
}

// Null, and which index it is, where one is outside its axis.
std::byte* Interpreter::element(RootId root, bool flat, const std::int64_t* indices, OutsideAccess& outside) {
  const Root& r = program_.roots[root];
  const Memory& m = memory(root);
  const auto size = static_cast<std::int64_t>(r.dtype.size());
  if (flat) {
    std::int64_t extent = 1;
    for (int k = 0; k < r.rank; ++k) extent *= m.extents[k];
    if (indices[0] >= 0 && indices[0] < extent) return m.data + indices[0] * size;
    outside = {root, 0, true, indices[0]};
    return nullptr;
  }
  std::int64_t offset = 0;
  for (std::uint32_t k = 0; k < r.rank; ++k) {
    if (indices[k] < 0 || indices[k] >= m.extents[k]) {
      outside = {root, k, false, indices[k]};
      return nullptr;
    }
    offset += indices[k] * m.strides[k];
  }
  return m.data + offset * size;
}

std::byte* Interpreter::written_element(const Statement& s) {
  std::int64_t indices[max_rank];
  for (std::uint32_t k = 0; k < s.index_count; ++k) indices[k] = integer(program_.indices[s.first_index + k]);
  OutsideAccess outside;
  if (std::byte* const address = element(s.target, s.flat, indices, outside)) return address;
  outside.location = s.location;
  outside.from_end = s.from_end;
  raise(outside);
}

void Interpreter::raise(OutsideAccess outside) const {
  outside.extents = memory_[outside.root].extents;
  raise_index_error(program_, outside, {});
}

// ---- Statements -----------------------------------------------------------------------------------------------------

Flow Interpreter::block(BlockId id) {
  turns_[id] = ++clock_;
  for (const Statement& s : program_.blocks[id].statements) {
    const Flow flow = statement(s);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Flow Interpreter::statement(const Statement& s) {
  switch (s.kind) {
    case Kind::evaluate: take_place(s.value); return Flow::next;
    case Kind::assign: variables_[s.target] = number(s.value); return Flow::next;
    case Kind::reduce: contribute(s); return Flow::next;
    case Kind::store: {
      const Number16 x = number(s.value);
      write_element(written_element(s), program_.roots[s.target].dtype, x);
      return Flow::next;
    }
    case Kind::update: update(s); return Flow::next;
    case Kind::loop: return loop(s);
    case Kind::while_: return while_loop(s);
    case Kind::branch: {
      const BlockId chosen = holds(s.condition) ? s.body : s.otherwise;
      return chosen == none ? Flow::next : block(chosen);
    }
    case Kind::break_: return Flow::leave;
    case Kind::continue_: return Flow::turn;
    case Kind::allocate: return allocate(s);
    case Kind::swap: swap(s); return Flow::next;
    case Kind::guard: return guard(s);
  }
  throw InternalError("no such statement");
}

void Interpreter::take_place(NodeId id) {
  const Node& node = program_[id];
  if (node.op == Op::read_variable) return set(id, {variables_[node.id]});
  if (node.op != Op::load) throw InternalError(text("a ", row(node.op).name, " does not take place anywhere"));
  set(id, load(id, node));
}

Evaluated Interpreter::load(NodeId id, const Node& node) {
  if (node.operands[0] != none) {
    const Evaluated guard = value(node.operands[0]);
    if (guard.outside != none) return guard;
    if (guard.number.i == 0) return {};
  }
  std::int64_t indices[max_rank];
  for (std::uint32_t k = 0; k < node.count; ++k) {
    const Evaluated index = value(program_.indices[node.axis + k]);
    if (index.outside != none) return index;
    indices[k] = index.number.i;
  }
  OutsideAccess outside;
  const std::byte* const address = element(node.id, node.flat, indices, outside);
  if (address) return {read_element(address, program_.roots[node.id].dtype)};
  outside.location = node.location;
  outside.from_end = node.from_end;
  if (asked_[id]) raise(outside);
  outside_[id] = outside;
  return {{}, id};
}

void Interpreter::contribute(const Statement& s) {
  const Number16 x = number(s.value);
  for (Reduction& reduction : reductions_[s.loop])
    if (reduction.variable() == s.target) reduction.contribute(x);
}

void Interpreter::update(const Statement& s) {
  const DType dtype = program_.roots[s.target].dtype;
  const Number16 x = number(s.value);
  std::byte* address = written_element(s);
  const Number16 operands[] = {read_element(address, dtype), x};
  bool changes = true;
  if (s.expected != none) {
    const Number16 both[] = {operands[0], number(s.expected)};
    changes = evaluate(Op::equal, dtype, bool_, both).i != 0;
  }
  if (changes) write_element(address, dtype, s.op == Op::select ? x : evaluate(s.op, dtype, dtype, operands));
  if (s.other != none) variables_[s.other] = operands[0];
}

// Number of steps from begin until end is reached; unsigned, for they may be further apart than an i64 says.
std::int64_t trip_count(std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto b = static_cast<std::uint64_t>(begin), e = static_cast<std::uint64_t>(end);
  const auto s = static_cast<std::uint64_t>(step);
  if (step > 0 && begin < end) return static_cast<std::int64_t>((e - b - 1) / s + 1);
  if (step < 0 && begin > end) return static_cast<std::int64_t>((b - e - 1) / (0 - s) + 1);
  return 0;
}

Flow Interpreter::iteration(const Statement& s) {
  const Flow flow = block(s.body);
  for (Reduction& reduction : reductions_[s.target]) reduction.end_iteration();
  if (flow == Flow::leave && program_.loops[s.target].parallel) throw InternalError("a break leaves a parallel loop");
  return flow;
}

Flow Interpreter::loop(const Statement& s) {
  const Loop& loop = program_.loops[s.target];
  const std::size_t rank = loop.dimensions.size();
  std::int64_t begin[max_rank], step[max_rank], trips[max_rank], position[max_rank] = {};
  std::int64_t left = 1;
  for (std::size_t k = 0; k < rank; ++k) {
    begin[k] = integer(loop.dimensions[k].begin);
    step[k] = integer(loop.dimensions[k].step);
    trips[k] = trip_count(begin[k], integer(loop.dimensions[k].end), step[k]);
    left = trips[k] == 0 ? 0 : left * trips[k];
  }
  std::int64_t* indices = &indices_[s.target * max_rank];
  std::copy_n(begin, rank, indices);
  for (Reduction& reduction : reductions_[s.target]) reduction.begin();
  for (; left > 0; --left) {
    const Flow flow = iteration(s);
    if (flow == Flow::failed) return flow;
    if (flow == Flow::leave) break;
    for (std::size_t k = rank; k-- > 0;) {
      if (++position[k] < trips[k]) {
        indices[k] += step[k];
        break;
      }
      position[k] = 0;
      indices[k] = begin[k];
    }
  }
  for (Reduction& reduction : reductions_[s.target])
    variables_[reduction.variable()] = reduction.end(variables_[reduction.variable()]);
  return Flow::next;
}

Flow Interpreter::while_loop(const Statement& s) {
  for (;;) {
    const Flow test = block(s.body);
    if (test != Flow::next) return test;
    if (!holds(s.condition)) return Flow::next;
    const Flow flow = block(s.otherwise);
    if (flow == Flow::failed) return flow;
    if (flow == Flow::leave) return Flow::next;
  }
}

Flow Interpreter::allocate(const Statement& s) {
  const Root& root = program_.roots[s.target];
  Memory& memory = memory_[s.target];
  auto bytes = static_cast<std::int64_t>(root.dtype.size());
  bool fits = true;
  for (int k = 0; k < root.rank; ++k) {
    memory.extents[k] = std::max<std::int64_t>(integer(root.extents[k]), 0);
    fits &= !__builtin_mul_overflow(bytes, memory.extents[k], &bytes);
  }
  if (!fits) bytes = std::numeric_limits<std::int64_t>::max();  // which no memory has
  make_contiguous(memory, root.rank);
  // In a loop the memory of the turn before serves again, unless a swap gave it to another root.
  const bool again = memory.ready && memory.origin == s.target && memory.capacity >= bytes;
  if (!again) {
    memory.data = frame_.services->allocate(&frame_, s.target, bytes);
    memory.capacity = bytes;
    memory.origin = s.target;
  }
  if (memory.data == nullptr && bytes != 0) {
    status_ = status_no_memory;
    return Flow::failed;
  }
  memory.ready = true;
  return Flow::next;
}

void Interpreter::swap(const Statement& s) {
  // An alias that is swapped has from then on memory of its own.
  for (const RootId root : {s.target, s.other}) {
    memory(root);
    memory_[root].ready = true;
  }
  std::swap(memory_[s.target], memory_[s.other]);
}

Flow Interpreter::guard(const Statement& s) {
  if (holds(s.condition)) return Flow::next;
  const Message& message = program_.messages[s.message];
  const std::size_t shown = std::min(message.shown.size(), most_shown);
  for (std::size_t k = 0; k < shown; ++k) frame_.failed[k] = integer(message.shown[k]);
  status_ = static_cast<std::int32_t>(s.message) + 1;
  return Flow::failed;
}

void Interpreter::results() {
  for (std::size_t k = 0; k < program_.results.size(); ++k) {
    const Result& result = program_.results[k];
    ResultSlot& slot = frame_.results[k];
    if (!result.is_array) {
      slot.number = number(result.value);
      continue;
    }
    const Memory& m = memory(result.root);
    slot.data = m.data + integer(result.offset) * static_cast<std::int64_t>(program_.roots[result.root].dtype.size());
    slot.root = m.origin;
    for (int axis = 0; axis < result.rank; ++axis) {
      slot.extents[axis] = integer(result.extents[axis]);
      slot.strides[axis] = integer(result.strides[axis]);
    }
  }
}

std::int32_t Interpreter::run() {
  if (block(0) == Flow::failed) return status_;
  results();
  return status_ok;
}

}  // namespace

std::int32_t interpret(const Program& program, Frame& frame) { return Interpreter(program, frame).run(); }

}  // namespace kiln
