// Tracing: while a traced C++ function runs, its operations on Values, Vars and Arrays are recorded as a Program.
#pragma once

#include "core/build.h"
#include "core/facts.h"
#include "core/ir.h"

#include <kiln/control.h>
#include <kiln/jit.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kiln::detail {

/// Where an axis of a root is indexed from a view: base + step * (index of the view's axis), or base alone.
struct AxisMap {
  ir::NodeId base = ir::none;
  int axis = -1;
  ir::NodeId step = ir::none;
  bool from_end = false;  // base was written as a negative number
};

/// A traced array: a view of a root.
struct Symbol {
  ir::RootId root = ir::none;
  DType dtype;
  int rank = 0;
  std::uint32_t scope = 0;
  bool read_only = false;
  ir::NodeId extents[max_rank] = {};
  AxisMap maps[max_rank];  // one for each axis of the root
};

/// An array or a scalar among the operands of an elementwise operation.
struct MixedOperand {
  const Array* array = nullptr;
  const Value* scalar = nullptr;
};

/// What a(indices) names: the array, and for each of these axes the array that indexes it; the indices' own axes come
/// at `first_axis` of the result.
struct Picked {
  const Array* base = nullptr;
  const Array* indices[max_rank] = {};
  int axes[max_rank] = {};
  int count = 0, first_axis = 0;
};

/// An elementwise operation that involves an array, traced or eager. Errors speak of `name`: what the user wrote.
Array elementwise(ir::Op op, const MixedOperand* operands, std::string_view name, const Location& where);

struct Reduction;
struct Scan;

/// atomic_add and its kin: the element becomes itself `op` `value`; by `select` `value`, where it equals `expected`, if
/// that is given.
struct Exchange {
  ir::Op op;
  std::string_view name;
  Value value;
  const Value* expected = nullptr;
  Location where;
};

class Tracing {
 public:
  /// `facts` answers questions about the arguments; `types` are the dtypes of the Vars found by an earlier round.
  /// Without `fold` the Program is what was written, for the interpreter: no constant is folded and no check that is
  /// known to hold left out, while shapes, and with them all decisions, come out the same.
  Tracing(Facts& facts, std::vector<Type> types, bool fold, const std::string& name, const Location& where);
  ~Tracing();
  Tracing(const Tracing&) = delete;

  /// The trace in progress on this thread, null outside.
  static Tracing* current() noexcept;
  /// The same, but throws what poisoned it.
  static Tracing* checked();
  /// The trace, for something that exists only inside one; throws UsageError saying so.
  static Tracing& required(const char* what, const Location& where);

  std::uint64_t id() const { return id_; }
  ir::Program& program() { return program_; }
  ir::Builder& build() { return build_; }
  Facts& facts() { return facts_; }

  /// Dtypes of the Vars, in the order they were declared, as joined over everything assigned.
  std::vector<Type> joined_types() const { return joined_; }
  /// Whether they are those the program was traced with.
  bool settled_against(const ir::Program& program) const;
  /// Closes the trace: throws what poisoned it.
  void finish();

  // ---- Values
  ir::NodeId node_of(const Value& v, const Location& where);
  ir::NodeId converted(const Value& v, DType dtype, const Location& where);
  /// What a Var is given, in the dtype it has in this round; where that is too narrow the round is traced again.
  ir::NodeId given(std::uint32_t variable, const Value& v, const Location& where);
  Value value_of(ir::NodeId node);
  Value apply(ir::Op op, const Operand* operands, int count, std::string_view name);
  std::uint32_t location(const Location& where);
  /// Whether a weak integer is known when the function is called, computed from extents and integer arguments, and is
  /// no number of this integer dtype. What it is then.
  bool traced_does_not_fit(const Value& x, DType dtype);
  std::int64_t number_of(const Value& x) const;
  /// The newest line of the user's code seen, for what cannot be given its own.
  const Location& last_location() const { return last_location_; }
  /// An i64 node for an index or extent; floats are a DTypeError that names floordiv, and the array it is one of.
  ir::NodeId integer_of(const Value& v, std::string_view what, const Location& where, const Array* of = nullptr);

  // ---- Vars
  std::uint32_t declare(const Value& start, const Location& where, const DType* fixed);
  void assign(std::uint32_t variable, const Value& x, const Location& where, std::string_view operation = "=");
  /// variable op= x; a reduction where the order pass finds it to be one.
  void update(std::uint32_t variable, ir::Op op, const Value& x, const Location& where);
  Value read(std::uint32_t variable, const Location& where);
  /// Throws where the scope the Var was declared in has ended.
  void check_alive(std::uint32_t variable, const Location& where) const;

  // ---- Arrays
  const Symbol& symbol_of(const Array& a, const Location& where);
  const Symbol& symbol(std::uint32_t index) const { return symbols_[index]; }
  /// An array as errors name it: with the shape that it has in this call, or its rank where no argument tells that.
  /// Not for guards, which raise their messages in other calls too.
  std::string described(DType dtype, const ir::NodeId* extents, int rank) const;
  std::string described(const Symbol& s) const { return described(s.dtype, s.extents, s.rank); }
  Array make(const Symbol& symbol, const Location& where);
  Array parameter(std::uint32_t argument, DType dtype, int rank, bool read_only, const Location& where);
  Array allocate(DType dtype, const ir::NodeId* extents, int rank, const Location& where);
  /// `from_end`: the axes (bit k: axis k) whose index was written as a negative number.
  Value load(const Symbol& symbol, const ir::NodeId* indices, const Location& where, unsigned from_end = 0);
  void store(const Symbol& symbol, const ir::NodeId* indices, ir::NodeId value, const Location& where);
  Element element(const Array& a, const Operand* const* indices, int count, const Location& where);
  void store_element(std::uint32_t element, std::string_view operation, const Value& x, const Location& where);
  void update_element(std::uint32_t element, ir::Op op, const Value& x, const Location& where);
  /// Returns what the element was.
  Value exchange_element(std::uint32_t element, const Exchange& exchange);
  Array view(const Array& a, const IndexItem* const* items, int count);
  Array elementwise(ir::Op op, const MixedOperand* operands, int count, const Location& where,
                    std::string_view name = {});
  /// Whether two integers have no common dtype, u64 and a signed one, so that they are compared as they are, not as
  /// f64.
  static bool compares_exactly(ir::Op op, const Type* in, const ir::OpTypes& types);
  ir::NodeId exact_comparison(ir::Op op, ir::NodeId a, ir::NodeId b);
  /// to[…] = from (an array that broadcasts to it, or a scalar), as through a temporary; `operation` as the user wrote
  /// it.
  void copy_into(const Array& to, const Array& from, const Location& where, std::string_view operation = "=");
  void fill(const Array& to, const Value& x, const Location& where);
  /// Checks that `from` broadcasts to the shape of `to`.
  void check_stored(const Symbol& to, const Symbol& from, std::string_view operation, const Location& where);
  /// Throws where the array is read-only, and notes which arguments may overlap it.
  void written(const Symbol& s, std::string_view operation, const Location& where);
  /// a(indices) as a value; stored to, where of an index that comes twice the last one stays; a(mask) stored to.
  Array gather(const Picked& picked, const Location& where);
  void scatter(const Picked& picked, const MixedOperand& x, std::string_view name, const Location& where);
  void store_masked(const Array& to, const Array& mask, const MixedOperand& x, std::string_view name,
                    const Location& where);
  Array cast(const Array& a, DType dtype, const Location& where);
  Array reshape(const Array& a, const Shape& shape, const Location& where);
  Array transpose(const Array& a, const int* axes, const Location& where);
  Array diagonal(const Array& a, const Location& where);
  Array broadcast(const Array& a, const ir::NodeId* extents, int rank, const Location& where);
  /// The extents several arrays broadcast to. Throws ShapeError, or records a guard, or asks for facts.
  int broadcast_extents(const Symbol* const* symbols, int count, ir::NodeId* extents, std::string_view operation,
                        const Location& where);
  Value reduce_all(const Reduction& reduction, const Array& a, const Location& where);
  Array reduce(const Reduction& reduction, const Array& a, const Location& where);
  Array scan(const Scan& scan, const Array& a, const Location& where);
  /// Checks that no extent of a new array is negative, or known too late.
  void check_extents(DType dtype, const ir::NodeId* extents, int rank, const Location& where);
  /// Checks that both have one extent along an axis, that an axis has extent 1, that it falls into equal parts.
  void check_same_extent(const char* name, const Array& a, const Array& b, int axis, const Location& where);
  void check_one(const Array& a, int axis, const Location& where);
  void check_parts(const Array& a, int axis, int parts, const Location& where);
  Array matmul(const Array& a, const Array& b, const Location& where);
  /// Checks that both arrays of a dot have as many elements.
  void check_dot(const Array& a, const Array& b, const Location& where);
  void swap(Array& a, Array& b, const Location& where);
  ir::NodeId element_count(const Symbol& s);

  // ---- Control
  void open_loop(bool parallel, const Dimension* dimensions, int count, Value* indices, const Location& where);
  void close_loop();
  void open_while(const Location& where);
  void while_condition(const Operand& condition);
  void close_while();
  void open_branch(const Operand& condition, const char* what = "if_");
  void open_otherwise();
  void close_branch();
  std::uint32_t branch_result(const Operand& value);
  void leave(ir::Statement::Kind kind, const Location& where);
  void poison(std::string message, const Location& where) noexcept;
  void guard(ir::NodeId condition, ir::Message message);
  int depth() const { return static_cast<int>(scopes_.size()) - 1; }

  // ---- Calls
  /// Results of the function being traced go to `sink`.
  void run(Function& function, const Argument* arguments, int count, Results& sink, const Location& where);
  void add_result(const Array& a);
  void add_result(const Value& v);
  /// Makes the results of the outermost function the Program's.
  void hand_over(Results& results, const Location& where);

 private:
  friend class Reducer;

  struct Scope {
    std::uint32_t id;
    ir::BlockId block;
    enum class Kind : std::uint8_t { function, parallel, sequential, condition, loop_body, branch } kind;
    ir::LoopId loop;
    Location where;
    std::size_t first_node;  // nodes from this one on were made inside
  };
  struct ElementAccess {
    ir::RootId root;
    std::uint32_t scope;
    std::vector<ir::NodeId> indices;
    std::uint8_t from_end;
    std::uint32_t symbol;  // the array it is an element of
  };
  // A loop over an array's elements, opened by an array operation.
  struct ElementLoop {
    ir::LoopId loop;
    ir::NodeId indices[max_rank];
  };

  // What a(indices) picks from what, and the shape of that.
  struct Picking {
    Symbol base, indices[max_rank];
    int axes[max_rank] = {}, count = 0;       // the axes that are indexed
    int kept[max_rank] = {}, kept_count = 0;  // and the others
    ir::NodeId index_extents[max_rank] = {}, extents[max_rank] = {};
    int index_rank = 0, rank = 0, first = 0;  // where the indices' axes are in the result
    int place_of_kept(int k) const { return k < first ? k : k + index_rank; }
  };

  // What an array multiplied here was made from. Its sums become fma where `contract` asks for it, in the scope it was
  // made in and until one of its arrays, or it itself, is written.
  struct Product {
    std::uint32_t symbol = 0, scope = 0;
    Symbol arrays[2];  // or, where a factor is a scalar, its number
    ir::NodeId numbers[2] = {ir::none, ir::none};
    bool reads(const ir::Program& program, ir::RootId root) const;
  };

  /// Whether a prange is around.
  bool in_prange() const;
  /// The view of a root that is the whole root.
  Symbol whole(ir::RootId root);
  ir::NodeId update_operand(const Symbol& s, ir::Op op, const Value& x, std::string_view name, const Location& where);
  ir::Statement& emit_update(const ElementAccess& access, ir::Op op, ir::NodeId value, const Location& where);
  std::uint32_t declare(ir::Variable variable, const Location& where);
  ir::Block& block() { return program_.blocks[scopes_.back().block]; }
  ir::Statement& emit(ir::Statement::Kind kind, const Location& where);
  void open_scope(Scope::Kind kind, ir::BlockId block, ir::LoopId loop, const Location& where);
  bool alive(std::uint32_t scope) const;
  void count_operation(std::uint32_t location, const Location& where);
  ElementLoop open_elements(const ir::NodeId* extents, int rank, const Location& where);
  void close_elements() { scopes_.pop_back(); }
  /// Index of each axis of the root for an element of the view.
  void root_indices(const Symbol& s, const ir::NodeId* indices, ir::NodeId* out);
  /// The axes of the root (bit k: axis k) whose index is one from the end of a view's axes `from_end`.
  std::uint8_t root_axes_from_end(const Symbol& s, unsigned from_end);
  bool is_whole_axis(const Symbol& s, int root_axis);
  /// The element of `s` that a loop over broadcast `rank` axes is at.
  ir::NodeId load_broadcast(const Symbol& s, const ElementLoop& loop, const ir::NodeId* extents, int rank,
                            const Location& where);
  /// Whether the view is a whole root whose elements lie one after the other; asks the facts of a parameter.
  bool is_contiguous(const Symbol& s);
  ir::NodeId as_index(ir::NodeId element);
  void check_picking(const Symbol& base, const Symbol& index, int axis, const Location& where);
  Picking pick(const Picked& picked, std::string_view name, const Location& where);
  void picked_indices(const Picking& p, const ElementLoop& loop, ir::NodeId* out, const Location& where);
  ElementLoop open_turns(ir::NodeId extent, const Location& where);
  Array read_before(const Array& a, const Symbol& target, const Location& where);
  ir::Message reshape_message(const Symbol& from, const ir::NodeId* extents, int rank, const Location& where);
  ir::RootId base(ir::RootId root) const;
  /// Whether a number depends on what the iterations of a prange around read from arrays or Vars.
  bool is_read_in_prange(ir::NodeId id) const;
  Array materialise(const Array& a, const Location& where);
  void run_broadcast(Function& function, const Argument* arguments, int count, const Location& where);
  bool is_one(ir::NodeId extent);
  /// Whether the extent may turn out to be 1 in another call of the variant being made: only the generic one asks no
  /// facts.
  bool may_be_one(ir::NodeId extent);
  /// 0 where the extent is 1, else 1: what an index along an axis that may have to repeat is multiplied by.
  ir::NodeId step_unless_one(ir::NodeId extent);

  /// Which of the two operands of a sum is a product to contract, in `found`; -1 if neither is.
  int product_among(ir::Op op, const Symbol* symbols, const MixedOperand* operands, const ir::NodeId* numbers,
                    DType dtype, Product& found) const;
  /// `result` is the product of these operands, of which `numbers` are the scalar ones.
  void remember_product(const Array& result, const Symbol* symbols, const MixedOperand* operands,
                        const ir::NodeId* numbers);
  /// The fma of the sum `op` whose operand `at` is the product and whose other one is `rest`.
  ir::NodeId fused(ir::Op op, const Product& product, int at, ir::NodeId rest, DType dtype, const ElementLoop& loop,
                   const ir::NodeId* extents, int rank, const Location& where);

  static std::uint64_t next_id();

  Facts& facts_;
  ir::Program program_;
  ir::Builder build_;
  std::uint64_t id_;
  Tracing* outer_;
  std::vector<Scope> scopes_;
  std::uint32_t next_scope_ = 1;
  std::vector<Symbol> symbols_;
  std::vector<ElementAccess> elements_;
  std::vector<Product> products_;  // with `contract` alone
  std::vector<Type> assumed_, joined_;
  std::vector<char> fixed_;
  std::vector<std::uint32_t> variable_scopes_;  // the scope each Var was declared in
  std::unordered_map<std::uint64_t, std::uint32_t> location_index_;
  std::vector<std::uint32_t> operations_at_;
  std::vector<Function*> active_;
  Results* sink_ = nullptr;
  Location last_location_;
  std::string poison_;
  Location poison_where_;
  bool poisoned_ = false;
};

}  // namespace kiln::detail
