// The rules of a well-formed Program, checked statement by statement with what is in scope there.
#include "core/ir.h"

#include "core/error_text.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::ir {
namespace {

using Kind = Statement::Kind;

bool takes_place(Op op) { return op == Op::load || op == Op::read_variable; }

class Verifier {
 public:
  Verifier(const Program& program, const char* after)
      : program_(program),
        after_(after),
        nodes_(program.nodes.size(), State::unknown),
        evaluated_(program.nodes.size(), false),
        declared_(program.variables.size(), none),
        allocated_(program.roots.size(), false),
        open_loops_(program.loops.size(), none),
        seen_loops_(program.loops.size(), false),
        seen_blocks_(program.blocks.size(), false) {}

  void run() {
    check(!program_.blocks.empty(), "a Program has a body");
    for (RootId id = 0; id < program_.roots.size(); ++id) root_is_sound(id);
    seen_blocks_[0] = true;
    statements(0);
    for (const Result& result : program_.results) result_is_sound(result);
  }

 private:
  enum class State : std::uint8_t { unknown, visiting, available };

  [[noreturn]] void fail(const std::string& rule) const {
    throw InternalError(text("the Program of ", program_.name, " is malformed after ", after_, ": ", rule, where_));
  }
  template <class... Parts>
  void check(bool holds, const Parts&... rule) const {
    if (!holds) fail(text(rule...));
  }
  template <class List>
  void in_range(std::uint32_t id, const List& list, const char* what) const {
    check(id < list.size(), what, " ", id, " does not exist");
  }

  // ---- roots and results
  void root_is_sound(RootId id) const {
    const Root& root = program_.roots[id];
    check(root.rank <= max_rank, "root ", id, " has more than the largest rank");
    if (root.kind == Root::Kind::parameter)
      check(root.argument < program_.array_arguments, "root ", id, " is an argument that does not exist");
    else
      for (int k = 0; k < root.rank; ++k) in_range(root.extents[k], program_.nodes, "extent node");
    RootId of = id;
    for (std::size_t steps = 0; program_.roots[of].kind == Root::Kind::alias; ++steps) {
      of = program_.roots[of].of;
      in_range(of, program_.roots, "the root of an alias,");
      check(steps < program_.roots.size(), "root ", id, " is an alias of itself");
    }
  }

  void result_is_sound(const Result& result) {
    if (!result.is_array) return value(result.value);
    usable(result.root);
    check(result.rank <= max_rank, "a result has more than the largest rank");
    integer(result.offset);
    for (int k = 0; k < result.rank; ++k) integer(result.extents[k]), integer(result.strides[k]);
  }

  // A root that may be accessed here.
  void usable(RootId id) {
    in_range(id, program_.roots, "root");
    const Root& root = program_.roots[id];
    if (root.kind == Root::Kind::allocated) check(allocated_[id], "root ", id, " is used where it is not allocated");
    if (root.kind != Root::Kind::alias) return;
    usable(root.of);
    for (int k = 0; k < root.rank; ++k) integer(root.extents[k]);
  }

  // ---- nodes
  DType dtype(NodeId id) const { return program_[id].type.dtype; }

  void value(NodeId id) {
    in_range(id, program_.nodes, "node");
    if (nodes_[id] == State::available) return;
    const Node& node = program_[id];
    check(!takes_place(node.op), "node ", id, ", a ", row(node.op).name,
          ", is used outside the scope of its statement");
    check(nodes_[id] != State::visiting, "node ", id, " is an operand of itself");
    nodes_[id] = State::visiting;
    if (row(node.op).rule == Rule::leaf && node.op != Op::convert)
      leaf(id, node);
    else
      operation(id, node);
    make_available(id);
  }
  void integer(NodeId id) {
    value(id);
    check(dtype(id) == i64, "node ", id, " is an index, bound or extent and must be i64, not ", dtype(id));
  }
  void boolean(NodeId id) {
    value(id);
    check(dtype(id) == bool_, "node ", id, " is a condition and must be bool, not ", dtype(id));
  }
  void make_available(NodeId id) {
    nodes_[id] = State::available;
    available_.push_back(id);
  }

  void leaf(NodeId id, const Node& node) {
    if (node.op == Op::constant) return;
    if (node.op == Op::scalar_argument) {
      in_range(node.id, program_.scalar_arguments, "scalar argument");
      check(program_.scalar_arguments[node.id].dtype == dtype(id), "node ", id, " has another dtype than its argument");
      return;
    }
    check(dtype(id) == i64, "node ", id, ", a ", row(node.op).name, ", must be i64");
    if (node.op == Op::index) {
      in_range(node.id, program_.loops, "loop");
      check(node.axis < program_.loops[node.id].dimensions.size(), "node ", id, " is the index of no dimension");
      check(open_loops_[node.id] != none, "node ", id, ", an index of loop ", node.id, ", is used outside the loop");
      return;
    }
    usable(node.id);
    check(node.axis < program_.roots[node.id].rank, "node ", id, " asks for an axis that root ", node.id, " has not");
  }

  void operation(NodeId id, const Node& node) {
    const OpRow& r = row(node.op);
    for (int k = 0; k < 3; ++k) {
      if (k < r.arity)
        value(node.operands[k]);
      else
        check(node.operands[k] == none, "node ", id, ", ", r.name, ", has too many operands");
    }
    if (node.op == Op::convert) return;
    const bool is_select = r.rule == Rule::select;
    const DType operand = dtype(node.operands[is_select ? 1 : 0]);
    for (int k = is_select ? 1 : 0; k < r.arity; ++k)
      check(dtype(node.operands[k]) == operand, "node ", id, ", ", r.name, ", has operands of ", operand, " and ",
            dtype(node.operands[k]));
    if (is_select) boolean(node.operands[0]);
    if (r.rule == Rule::logical) check(operand == bool_, "node ", id, ", ", r.name, ", must have bool operands");
    check(dtype(id) == result_dtype(node.op, operand), "node ", id, ", ", r.name, " of ", operand, ", must not be ",
          dtype(id));
  }

  // ---- element access
  void access(RootId root, bool flat, std::uint32_t first, std::uint32_t count, std::uint8_t checked) {
    usable(root);
    const Root& r = program_.roots[root];
    check(checked >> r.rank == 0, "root ", root, " of rank ", static_cast<int>(r.rank),
          " is checked on an axis that it has not");
    check(!flat || checked == 0, "root ", root, " has a flat access that is checked axis by axis");
    check(std::size_t{first} + count <= program_.indices.size(), "indices that do not exist");
    check(count == (flat ? 1 : r.rank), "root ", root, " of rank ", static_cast<int>(r.rank), " is accessed with ",
          count, flat ? " flat indices" : " indices");
    if (flat)
      check(r.kind != Root::Kind::parameter || r.contiguous, "root ", root, " is not contiguous but has a flat access");
    for (std::uint32_t k = 0; k < count; ++k) integer(program_.indices[first + k]);
  }

  // ---- statements
  void block(BlockId id) {
    const std::size_t available_before = available_.size(), scoped_before = scoped_.size();
    enter(id);
    statements(id);
    leave(available_before, scoped_before);
  }
  void enter(BlockId id) {
    in_range(id, program_.blocks, "block");
    check(!seen_blocks_[id], "block ", id, " belongs to two statements");
    seen_blocks_[id] = true;
    ++depth_;
  }
  void leave(std::size_t available_before, std::size_t scoped_before) {
    --depth_;
    for (; available_.size() > available_before; available_.pop_back()) nodes_[available_.back()] = State::unknown;
    for (; scoped_.size() > scoped_before; scoped_.pop_back()) {
      const auto [is_root, id] = scoped_.back();
      if (is_root)
        allocated_[id] = false;
      else
        declared_[id] = none;
    }
  }
  void statements(BlockId id) {
    for (std::size_t k = 0; k < program_.blocks[id].statements.size(); ++k) {
      where_ = text(" (statement ", k, " of block ", id, ")");
      statement(program_.blocks[id].statements[k], id);
    }
    where_.clear();
  }

  void statement(const Statement& s, BlockId in) {
    switch (s.kind) {
      case Kind::evaluate: return evaluate(s);
      case Kind::assign: return assign(s, in);
      case Kind::reduce: return reduce(s);
      case Kind::store: return store(s);
      case Kind::update: return update(s, in);
      case Kind::loop: return loop(s);
      case Kind::while_: return while_loop(s);
      case Kind::branch: {
        boolean(s.condition);
        block(s.body);
        if (s.otherwise != none) block(s.otherwise);
        return;
      }
      case Kind::break_: return check(!around_.empty() && around_.back() != Around::parallel, "a break without a loop");
      case Kind::continue_: return check(!around_.empty(), "a continue without a loop");
      case Kind::allocate: return allocate(s);
      case Kind::swap: return swap(s);
      case Kind::guard: return guard(s);
    }
    fail("a statement of no kind");
  }

  void evaluate(const Statement& s) {
    in_range(s.value, program_.nodes, "node");
    const Node& node = program_[s.value];
    check(takes_place(node.op), "node ", s.value, ", a ", row(node.op).name, ", does not take place anywhere");
    check(!evaluated_[s.value], "node ", s.value, " takes place twice");
    evaluated_[s.value] = true;
    if (node.op == Op::read_variable) {
      in_range(node.id, program_.variables, "variable");
      check(declared_[node.id] != none, "variable ", node.id, " is read where it is not declared");
      check(dtype(s.value) == program_.variables[node.id].type.dtype, "node ", s.value,
            " is not of its variable's dtype");
    } else {
      access(node.id, node.flat, node.axis, node.count, node.checked);
      check(!node.tentative || node.checked == 0, "node ", s.value, ", a tentative load, is checked");
      check(dtype(s.value) == program_.roots[node.id].dtype, "node ", s.value, " is not of its root's dtype");
      if (node.operands[0] != none) boolean(node.operands[0]);
    }
    make_available(s.value);
  }

  void assign(const Statement& s, BlockId in) {
    in_range(s.target, program_.variables, "variable");
    value(s.value);
    assigned(s.target, dtype(s.value), in);
  }
  // The first assignment declares a variable.
  void assigned(VariableId id, DType given, BlockId in) {
    const Variable& variable = program_.variables[id];
    check(given == variable.type.dtype, "variable ", id, " of ", variable.type.dtype, " is assigned ", given);
    if (declared_[id] != none) return;
    check(variable.block == in, "variable ", id, " is assigned where it is not declared");
    declared_[id] = depth_;
    scoped_.push_back({false, id});
  }

  void reduce(const Statement& s) {
    in_range(s.target, program_.variables, "variable");
    in_range(s.loop, program_.loops, "loop");
    const DType of = program_.variables[s.target].type.dtype;
    value(s.value);
    // What a loop inside contributes to a sum of halves is not rounded yet.
    check(accumulator_dtype(dtype(s.value)) == accumulator_dtype(of), "a reduction of ", of, " is given ",
          dtype(s.value));
    constexpr Op allowed[] = {Op::add,     Op::multiply, Op::bit_and, Op::bit_or, Op::bit_xor,
                              Op::minimum, Op::maximum,  Op::fmin,    Op::fmax};
    check(std::find(std::begin(allowed), std::end(allowed), s.op) != std::end(allowed), "no reduction by ",
          row(s.op).name);
    check(open_loops_[s.loop] != none, "a reduction over loop ", s.loop, " outside it");
    check(declared_[s.target] < open_loops_[s.loop], "variable ", s.target, " is reduced over loop ", s.loop,
          " but not declared outside it");
  }

  void store(const Statement& s) {
    access(s.target, s.flat, s.first_index, s.index_count, s.checked);
    value(s.value);
    const Root& root = program_.roots[s.target];
    check(dtype(s.value) == root.dtype, "root ", s.target, " of ", root.dtype, " is given ", dtype(s.value));
    check(!root.read_only, "root ", s.target, " is read-only but written to");
  }

  void update(const Statement& s, BlockId in) {
    store(s);
    const DType of = program_.roots[s.target].dtype;
    check(s.op == Op::select || row(s.op).arity == 2, "an update by ", row(s.op).name);
    if (s.expected != none) {
      check(s.op == Op::select, "an update by ", row(s.op).name, " that expects an element");
      value(s.expected);
      check(dtype(s.expected) == of, "an update of ", of, " expects ", dtype(s.expected));
    }
    if (s.other == none) return;
    in_range(s.other, program_.variables, "variable");
    assigned(s.other, of, in);
  }

  void loop(const Statement& s) {
    in_range(s.target, program_.loops, "loop");
    const Loop& loop = program_.loops[s.target];
    check(!seen_loops_[s.target], "loop ", s.target, " occurs twice");
    seen_loops_[s.target] = true;
    check(!loop.dimensions.empty() && loop.dimensions.size() <= max_rank, "loop ", s.target,
          " has no right dimensions");
    check(loop.segment > 0, "loop ", s.target, " has segments of no iteration");
    for (const LoopDimension& d : loop.dimensions) integer(d.begin), integer(d.end), integer(d.step);
    open_loops_[s.target] = depth_ + 1;
    around_.push_back(loop.parallel ? Around::parallel : Around::sequential);
    block(s.body);
    around_.pop_back();
    open_loops_[s.target] = none;
  }

  // What the condition loads is in scope in the body too.
  void while_loop(const Statement& s) {
    const std::size_t available_before = available_.size(), scoped_before = scoped_.size();
    around_.push_back(Around::sequential);
    enter(s.body);
    statements(s.body);
    boolean(s.condition);
    block(s.otherwise);
    around_.pop_back();
    leave(available_before, scoped_before);
  }

  void allocate(const Statement& s) {
    in_range(s.target, program_.roots, "root");
    const Root& root = program_.roots[s.target];
    check(root.kind == Root::Kind::allocated, "root ", s.target, " is not one to allocate");
    for (int k = 0; k < root.rank; ++k) integer(root.extents[k]);
    check(!allocated_[s.target], "root ", s.target, " is allocated twice");
    allocated_[s.target] = true;
    scoped_.push_back({true, s.target});
  }

  void swap(const Statement& s) {
    usable(s.target);
    usable(s.other);
    const Root& a = program_.roots[s.target];
    const Root& b = program_.roots[s.other];
    check(a.dtype == b.dtype && a.rank == b.rank, "a swap of roots of two dtypes or ranks");
  }

  void guard(const Statement& s) {
    boolean(s.condition);
    in_range(s.message, program_.messages, "message");
    for (const NodeId shown : program_.messages[s.message].shown) integer(shown);
  }

  enum class Around : std::uint8_t { sequential, parallel };
  struct Scoped {
    bool is_root;
    std::uint32_t id;
  };

  const Program& program_;
  const char* after_;
  std::string where_;
  std::vector<State> nodes_;
  std::vector<bool> evaluated_;
  std::vector<std::uint32_t> declared_;  // of variables: the depth, or none
  std::vector<bool> allocated_;
  std::vector<std::uint32_t> open_loops_;  // of loops: the depth of the body they are in, or none
  std::vector<bool> seen_loops_, seen_blocks_;
  std::vector<NodeId> available_;  // nodes checked and usable, in the order of the scopes
  std::vector<Scoped> scoped_;     // variables and roots that end with their block
  std::vector<Around> around_;     // loops and whiles around, innermost last
  std::uint32_t depth_ = 0;
};

}  // namespace

void verify(const Program& program, const char* after) { Verifier(program, after).run(); }

}  // namespace kiln::ir
