// The Program: what tracing a C++ function records, typed expressions in structured loops, small enough to read when
// printed.
#pragma once

#include "core/ops.h"

#include <kiln/array.h>
#include <kiln/options.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kiln::ir {

using NodeId = std::uint32_t;
using VariableId = std::uint32_t;
using RootId = std::uint32_t;
using LoopId = std::uint32_t;
using BlockId = std::uint32_t;
inline constexpr std::uint32_t none = 0xffffffffu;

/// A typed value. Pure except for load and read_variable, which take place where an `evaluate` statement stands for
/// them.
struct Node {
  Op op = Op::constant;
  Type type;
  bool flat = false;                        // load: one linear element index into a C-contiguous root
  bool tentative = false;                   // load: may take place where nothing asks for its value
  std::uint8_t checked = 0;                 // load: axes (bit k: axis k) whose index is compared as it takes place
  std::uint8_t from_end = 0;                // load: axes whose index was written from the end, for errors
  NodeId operands[3] = {none, none, none};  // load: operands[0] is the guard (bool; none: always), false gives 0
  std::uint32_t id = none;     // scalar_argument: its number; extent, stride, load: root; index: loop; read_variable
  std::uint32_t axis = 0;      // extent, stride: axis; index: dimension; load: first of its indices in Program::indices
  std::uint32_t count = 0;     // load: number of indices
  std::uint32_t location = 0;  // into Program::locations
  detail::Number16 number;     // constant
};

/// Memory a Program reads or writes.
struct Root {
  enum class Kind : std::uint8_t {
    parameter,  // an argument; `argument` is its number among the arrays
    allocated,  // made by an `allocate` statement; C-contiguous; temporary, or (also) a result
    alias,      // another shape of `of`, C-contiguous both (reshape)
  };
  Kind kind = Kind::parameter;
  DType dtype;
  std::uint8_t rank = 0;
  bool read_only = false;
  bool contiguous = false;        // known to be C-contiguous (a consulted fact, for parameters)
  std::uint8_t unit_strides = 0;  // axes whose stride is known to be 1 (bit k: axis k)
  bool may_overlap = false;       // a parameter whose memory overlaps another parameter's in this specialization
  std::uint32_t argument = none;
  RootId of = none;
  std::uint32_t location = 0;
  NodeId extents[max_rank] = {};  // weak i64 nodes
};

struct Variable {
  Type type;
  bool fixed = false;  // the user gave the dtype
  BlockId block = 0;   // where it lives
  std::uint32_t location = 0;
};

struct LoopDimension {
  NodeId begin = none, end = none, step = none;  // i64
};

/// How generated code runs a loop; set by `schedule`.
enum class Role : std::uint8_t {
  sequential,  // one iteration after the other (inside lanes: all lanes in step, under a mask if the bounds vary)
  lanes,       // parallel, last dimension across SIMD lanes; the others one after the other
  outer,       // parallel, scalar: its body holds loops with lanes
  rows,        // as outer; rows that are short enough are reduced several at once, a lane each
  columns,     // parallel, last dimension across lanes: a sequential loop in its body reduces them, row after row, and
               // is run outside the lanes, so that whole rows are read
};

struct Loop {
  bool parallel = false;
  bool from_array = false;  // expanded from an array expression
  bool has_break = false;
  Role role = Role::sequential;
  bool distribute = false;      // outermost parallel loop: its iterations are shared among threads
  std::uint8_t vectors = 1;     // lanes: vectors in flight, on a device with registers for them
  bool streaming = false;       // stores bypass the cache
  bool if_large = false;        // they do in runs that write more than it holds
  bool short_rows = false;      // rows, on a GPU: of no more elements than the order has lanes
  bool memory_bound = false;    // streaming from few arrays, calling nothing: short vectors keep up
  std::uint16_t segment = 256;  // sequential: reductions fold in segments of so many iterations, then pairwise
  std::vector<LoopDimension> dimensions;
  std::uint32_t location = 0;
};

/// What keeps the iterations of a parallel loop from losing each other's updates of an element; set by `schedule`.
enum class Sharing : std::uint8_t {
  shared,    // several may update one element: atomically
  own,       // no other iteration reaches the element
  private_,  // integers, few of them: each thread updates a copy, which are put together behind the loop
};

struct Statement {
  enum class Kind : std::uint8_t {
    evaluate,   // `value`, a load or read_variable, takes place here
    assign,     // variable `target` = `value`
    reduce,     // variable `target` `op`= `value`, a reduction over loop `loop` in that loop's order
    store,      // root `target` [indices] = `value`
    update,     // root `target` [indices] `op`= `value`, never a race; variable `other`, if any, = what was there
    loop,       // loop `target` with `body`
    while_,     // evaluate `body`, then while `condition` run `otherwise` and `body` again
    branch,     // if `condition` run `body`, else `otherwise` (none: nothing)
    break_,     // leave the innermost sequential loop or while
    continue_,  // next turn of the innermost loop or while
    allocate,   // root `target`
    swap,       // exchange the memory of roots `target` and `other`
    guard,      // `condition` (on extents and integer scalars) must hold, else error `message`
  };
  Kind kind = Kind::evaluate;
  Op op = Op::add;
  bool flat = false;                  // store, update: as Node::flat
  std::uint8_t checked = 0;           // store, update: as Node::checked
  Sharing sharing = Sharing::shared;  // update
  std::uint8_t from_end = 0;          // store, update: as Node::from_end
  std::uint32_t location = 0;
  std::uint32_t target = none, other = none;
  NodeId value = none, condition = none;
  NodeId expected = none;  // update by `select`, which puts `value` there: only where the element equals this, if given
  LoopId loop = none;
  std::uint32_t first_index = 0, index_count = 0;
  BlockId body = none, otherwise = none;
  std::uint32_t message = none;  // into Program::messages
};

struct Block {
  std::vector<Statement> statements;
};

/// What a call hands back: a scalar, or a view of a root.
struct Result {
  bool is_array = false;
  NodeId value = none;
  RootId root = none;
  std::uint8_t rank = 0;
  NodeId offset = none;  // elements from the root's start
  NodeId extents[max_rank] = {}, strides[max_rank] = {};
};

struct Program;

/// The error of a guard that fails. `kind` chooses the exception; the text names the operation, dtypes, shapes and a
/// way out, the values of `shown` are put into its place-holders "{}".
struct Message {
  enum class Kind : std::uint8_t { shape, index, usage };
  Kind kind = Kind::shape;
  std::string text;
  std::vector<NodeId> shown;
  std::uint32_t location = 0;

  /// Appends a number: as it is where it is known already, else a place-holder.
  void append(const Program& program, NodeId number);
  /// Appends an array: its dtype and its shape.
  void append(const Program& program, DType dtype, const NodeId* extents, int rank);
  /// Appends a shape as (3, 4).
  void append_shape(const Program& program, const NodeId* extents, int rank);
};

/// Adds constant-folded, hash-consed and simplified nodes to a Program; what tracing and the passes build expressions
/// with.
class Builder;

struct Program {
  std::vector<Node> nodes;
  std::vector<NodeId> indices;
  std::vector<Root> roots;
  std::vector<Variable> variables;
  std::vector<Loop> loops;
  std::vector<Block> blocks;  // blocks[0] is the body
  std::vector<Result> results;
  std::vector<Message> messages;
  std::vector<Location> locations;     // [0] is the function itself
  std::vector<Type> scalar_arguments;  // types of the run-time scalars
  std::uint32_t array_arguments = 0;
  bool contract = false;      // products and sums become fma
  FastMath fast_math;         // the other relaxations
  bool precise = false;       // functions within 1 ulp
  bool check_bounds = false;  // `bounds` marks the accesses that it can neither prove nor guard
  std::string name;

  const Node& operator[](NodeId id) const { return nodes[id]; }
  Node& operator[](NodeId id) { return nodes[id]; }
  bool is_constant(NodeId id) const { return nodes[id].op == Op::constant; }
  /// Appends a node without looking for an equal one.
  NodeId append(const Node& node);
  BlockId new_block();
};

/// Throws InternalError naming the first rule of a well-formed Program that `program` breaks, and the pass it came
/// from.
void verify(const Program& program, const char* after);
/// What keeps a sequential loop sequential. In `text` a "{}" each stands for the array or Var, if one is named, and for
/// the lines (into Program::locations), in this order.
struct Dependence {
  LoopId loop = none;
  std::string text;
  RootId root = none;
  VariableId variable = none;
  std::vector<std::uint32_t> lines;
};

/// The Program as text, the loops with what keeps them sequential; numbering follows the order of statements, not the
/// order C++ evaluated operands in.
std::string print(const Program& program, const std::vector<Dependence>& dependences = {});

}  // namespace kiln::ir
