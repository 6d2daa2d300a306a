// The code generator's inside: one class that turns a scheduled Program into an LLVM module, spread over codegen_*.cpp.
#pragma once

#include "core/frame.h"
#include "core/ir.h"
#include "cpu/codegen_varying.h"
#include "cpu/target.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::on_cpu {

struct VectorFunction;

/// A value that has been generated and how deep in the scopes it lives.
struct Slot {
  llvm::Value* value = nullptr;
  int level = 0;
};

/// A stretch of code whose values are gone behind it. While a deeper scope is generated, what depends on this one alone
/// goes to the end of `hoist`, the block the deeper one was entered from: that moves it out of loops.
struct Scope {
  llvm::BasicBlock* hoist = nullptr;
  bool branch = false;                         // may not be reached: nothing expensive is moved out of it
  bool swaps = false;                          // memory changes hands in it
  llvm::Value* mask = nullptr;                 // the active lanes at `hoist`
  std::vector<std::pair<Slot*, Slot>> before;  // what the slots held that it set
};

/// Where break_ and continue_ go.
struct Turn {
  llvm::BasicBlock* exit = nullptr;
  llvm::BasicBlock* next = nullptr;
  llvm::Value* live = nullptr;  // masked: lanes still in the loop, and those still in this turn
  llvm::Value* active = nullptr;
  bool breakable = true;
};

/// A reduction while its loop is being generated.
struct Reduction {
  ir::VariableId variable = 0;
  ir::Op op = ir::Op::add;
  DType dtype;
  ir::BlockId block = 0;        // its loop's body
  bool in_lanes = false;        // its loop stands inside lanes, or is the lanes' own
  int lanes = 0;                // wide order: lanes of a row
  llvm::Value* term = nullptr;  // alloca: what the iterations at hand contribute
  bool fresh = false;           // nothing was added to `term` yet, which is known while generating
  llvm::Value* accumulator = nullptr;
  llvm::Value* buffer = nullptr;   // terms of a block, where its rows are not contiguous
  llvm::Value* partial = nullptr;  // memory for sums of blocks or segments
  llvm::Value* count = nullptr;    // alloca: how many of them
  bool tree = true;                // they are folded as they come; else all are kept for the caller
  llvm::Type* type = nullptr;      // of one of them
};

/// A loop across lanes while its body is being generated, at one width.
struct Lanes {
  ir::LoopId loop = ir::none;
  const Varying* varying = nullptr;
  int width = 0;
  int bits = 32;                 // of a mask's element: the widest computed type's
  int level = 0;                 // the scope around: values for all lanes are made there at the earliest
  llvm::Value* mask = nullptr;   // active lanes, all ones or zero; null: all
  llvm::Value* whole = nullptr;  // those that have an iteration
};

/// An outlined body of a distributed loop; the entry function is one too, with nothing around it.
struct FunctionContext {
  llvm::Function* function = nullptr;
  llvm::BasicBlock* entry = nullptr;
  llvm::Value* frame = nullptr;
  llvm::Value* captures = nullptr;
  llvm::Value* told = nullptr;  // alloca: the values of an error
  int level = 0;                // its first scope
  std::vector<llvm::Value*> captured;
  std::map<llvm::Value*, llvm::Value*> inside;
};

/// The threads' copies of a root that a distributed loop counts in, while that is generated.
struct Copies {
  llvm::Value *base = nullptr, *distance = nullptr;  // of the first, and bytes from one to the next: the root and 0
                                                     // where there are none
  llvm::Value* plain = nullptr;                      // whether no two threads have one
  llvm::Value* wanted = nullptr;                     // whether there are copies
  llvm::Value *threads = nullptr, *elements = nullptr;
};

/// A memory access in lanes.
struct Access {
  enum class Kind : std::uint8_t { uniform, unit, strided, scattered };
  Kind kind = Kind::uniform;
  llvm::Value* address = nullptr;  // of the first lane; scattered: a vector of addresses
  llvm::Value* stride = nullptr;   // strided: elements between lanes
};

struct Columns;

class Generator {
 public:
  Generator(const ir::Program& program, const Target& target, llvm::Module& module);
  void run();

 private:
  using Value = llvm::Value;
  using Type = llvm::Type;
  using Block = llvm::BasicBlock;

  // codegen.cpp: functions, scopes, roots, results
  void declare_services();
  FunctionContext begin_function(llvm::Function* function);
  void end_function(FunctionContext& context);
  Value* alloca_at_entry(Type* type, const char* name);
  Block* new_block(const char* name);
  void push_scope(bool branch, ir::BlockId block = ir::none);
  void pop_scope();
  void when(Value* condition, const char* name, const std::function<void()>& body);
  void apart(const char* name, ir::BlockId block, const std::function<void()>& body);
  int level() const { return static_cast<int>(scopes_.size()) - 1; }
  void define(Slot& slot, Value* value, int at);
  Value* here(Value* value);
  Value* frame_field(std::size_t offset, Type* type, const char* name);
  Slot layout_of(std::uint32_t argument);
  void find_swaps();
  bool has_swap(ir::BlockId block);
  void initialize_roots();
  Slot pointer(ir::RootId root);
  Slot stride(ir::RootId root, int axis);
  Slot extent(ir::RootId root, int axis);
  bool unit_axis(ir::RootId root, int axis) const;
  Value* extent_of(ir::RootId root, int axis);
  Value* bytes_of(ir::RootId root);
  Value* call_allocate(std::size_t service, std::uint32_t root, Value* bytes);
  void allocate(const ir::Statement& statement);
  void allocate_in_lanes(const ir::Statement& statement);
  void allocate_per_thread(ir::BlockId block);
  bool fits_on_stack(ir::RootId root) const;
  bool is_known(ir::NodeId id) const;
  void swap(const ir::Statement& statement);
  void forget_pointer(ir::RootId root);
  void store_results();
  void annotate(llvm::Instruction* access, ir::RootId root);
  [[noreturn]] void refuse(const std::string& what, std::uint32_t location) const;
  /// Generates at the end of an outer scope until it dies.
  class Place {
   public:
    Place(Generator& generator, int at);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    Generator& generator_;
    llvm::IRBuilderBase::InsertPoint before_;
    bool moved_;
  };

  // codegen_values.cpp: nodes, as one number or one per lane
  Value* scalar(ir::NodeId id);
  Slot scalar_slot(ir::NodeId id);
  Value* vector(ir::NodeId id);
  Slot vector_slot(ir::NodeId id);
  Value* value(ir::NodeId id);  // as it is: a vector where it varies
  Slot leaf(ir::NodeId id);
  Slot lane_leaf(ir::NodeId id);
  Slot lane_convert(ir::NodeId id);
  Slot operation_slot(ir::NodeId id, bool lanes);
  Value* splat(Value* value, DType dtype);
  Value* narrowed(Value* value, ir::NodeId id, bool narrow);
  bool varies(ir::NodeId id) const { return lanes_ != nullptr && lanes_->varying->node(id); }
  bool narrow(ir::NodeId id) const { return lanes_ != nullptr && lanes_->varying->narrow(id); }
  Value* iota(Type* element, int width);
  Value* trip_count(const ir::LoopDimension& dimension);

  // codegen_types.cpp: representation of dtypes, casts
  Type* register_type(DType dtype) const;
  Type* memory_type(DType dtype) const;
  Type* lane_type(DType dtype, bool is_narrow) const;
  llvm::FixedVectorType* mask_type() const;
  Value* constant(DType dtype, const detail::Number16& number);
  Value* identity(ir::Op op, DType dtype);
  Value* like(Value* shape, Type* element, double number);
  Value* like(Value* shape, Type* element, std::uint64_t number);
  Type* shaped(Value* shape, Type* element) const;
  Value* cast(Value* value, DType from, DType to);
  Value* truth(Value* condition);  // i1 or a vector of them
  Value* as_bool(Value* bits);     // from i1: itself, or a mask
  Value* from_memory(Value* value, DType dtype);
  Value* to_memory(Value* value, DType dtype);
  enum class NaNs : std::uint8_t { any, of_arithmetic };  // the latter: of operations on halves, their last bits are 0
  Value* round_half(Value* value, DType dtype, NaNs nans = NaNs::any);
  Value* half_bits(Value* value, DType dtype, NaNs nans = NaNs::any);
  Value* half_value(Value* bits, DType dtype);
  Value* round_to_odd(Value* value);

  // codegen_complex.cpp: pairs of parts, and what both they and single values go through
  Value* pair(Value* re, Value* im);
  Value* part(Value* pair, unsigned which);
  Value* each_part(Value* value, const std::function<Value*(Value*)>& body);
  bool in_lanes(Type* type) const;
  Value* choose(Value* condition, Value* a, Value* b);
  Value* lane_of(Value* value, Value* lane);
  Value* spread(Value* value, unsigned width);
  Value* shuffled(Value* value, llvm::ArrayRef<int> lanes);
  Value* pairs_of_parts(Value* parts);
  Value* parts_of_pairs(Value* pairs);
  Value* each_twice(Value* mask);
  Value* cast_complex(Value* value, DType from, DType to);
  Value* complex_operation(ir::Op op, DType operand, Value* const* x);
  Value* composed_operation(ir::Op op, Value* const* x);
  Value* fold_pairs(ir::Op op, Value* a, Value* b);
  Value* part_addresses(DType dtype, Value* addresses, unsigned which);
  Value* load_pairs(ir::RootId root, const Access& access, Value* mask);
  void store_pairs(ir::RootId root, const Access& access, Value* value, Value* mask);
  Value* load_piece(Type* piece, Type* whole, Value* buffer, Value* at);
  void store_piece(Value* piece, Type* whole, Value* buffer, Value* at);

  // codegen_operations.cpp: the table of operations, on numbers and on vectors
  Value* operation(ir::Op op, DType operand, Value* const* x);
  Value* integer_operation(ir::Op op, DType dtype, Value* const* x);
  Value* floating_operation(ir::Op op, DType dtype, Value* const* x);
  Value* bool_operation(ir::Op op, Value* const* x);
  Value* compare(ir::Op op, DType dtype, Value* a, Value* b);
  Value* divide_integers(ir::Op op, DType dtype, Value* a, Value* b);
  Value* shift(ir::Op op, DType dtype, Value* a, Value* b);
  Value* integer_power(DType dtype, Value* a, Value* b);
  Value* common_divisor(Value* a, Value* b);
  Value* common_multiple(Value* a, Value* b);
  Value* magnitude(DType dtype, Value* a);
  Value* next_after(DType dtype, Value* a, Value* b);
  Value* floor_division(ir::Op op, Value* a, Value* b);
  Value* vector_math(const char* name, Value* const* x, int arity);
  Value* call_vector_function(const VectorFunction& function, Value* const* x);
  Value* call_pieces(const VectorFunction& function, llvm::FunctionCallee callee, Value* const* x);
  Value* combine(ir::Op op, DType dtype, Value* a, Value* b);
  Value* fold_step(ir::Op op, DType dtype, Value* a, Value* b);  // a reduction's
  Value* each_lane(Value* const* x, int arity, const std::function<Value*(Value* const*)>& body);

  // codegen_memory.cpp: loads, stores
  Slot address_slot(ir::RootId root, bool flat, std::uint32_t first, std::uint32_t count, bool linear_only);
  Access access(ir::RootId root, bool flat, std::uint32_t first, std::uint32_t count);
  Access local_access(ir::RootId root, bool flat, std::uint32_t first, std::uint32_t count);
  void load(ir::NodeId id);
  Value* load_lanes(ir::NodeId id);
  Value* load_scalar(ir::NodeId id, Value* condition);
  Value* load_access(ir::RootId root, const Access& access, Value* mask);
  void store_access(ir::RootId root, const Access& access, Value* value, Value* mask);
  Value* lane_addresses(ir::RootId root, const Access& access);
  Value* lane_data(ir::NodeId id);
  void store(const ir::Statement& statement);
  void store_lanes(const ir::Statement& statement);
  llvm::Align alignment(DType dtype) const;

  // codegen_checks.cpp: guards, and indices that are compared where they are used
  void guard(const ir::Statement& statement);
  void check_indices(ir::RootId root, std::uint8_t axes, std::uint32_t first, std::uint32_t location, Value* active);
  void fail_if(Value* bad, Value* status, const std::function<void(std::vector<Value*>& values)>& tell);
  void leave_failed(Value* status);
  Value* lowest_lane(Value* bits);
  Value* one_lane(ir::NodeId id, Value* lane);
  void stop_behind_failure(Value* position);
  void return_failure();
  bool may_fail(ir::BlockId block) const;
  // codegen_updates.cpp: updates of elements
  void update(const ir::Statement& statement);
  void update_lanes(const ir::Statement& statement);
  void as_shared(const ir::Statement& statement, const std::function<void(bool atomic)>& emit);
  Value* updated(const ir::Statement& statement, Value* old, Value* number, Value* expected);
  Value* update_element(const ir::Statement& statement, Value* address, Value* number, Value* expected, bool atomic);
  Value* update_parts(const ir::Statement& statement, Value* address, Value* number);
  void for_each_active_lane(const std::function<void(Value* lane)>& body);
  void find_copied(ir::BlockId block, std::vector<const ir::Statement*>& found) const;
  std::vector<const ir::Statement*> make_copies(const ir::Statement& loop, Value* items);
  void fill_copies(const ir::Statement& statement, Value* memory, Value* bytes);
  void use_copies(const std::vector<const ir::Statement*>& copied);
  void join_copies(const std::vector<const ir::Statement*>& copied);

  // codegen_statements.cpp: blocks, variables, control flow, masks
  void statements(ir::BlockId block);
  void statement(const ir::Statement& statement, ir::BlockId block);
  void evaluate(ir::NodeId id);
  Value* variable(ir::VariableId id);
  void assign(const ir::Statement& statement, ir::BlockId block);
  void assign_lanes(const ir::Statement& statement, ir::BlockId block);
  void branch(const ir::Statement& statement);
  void branch_lanes(const ir::Statement& statement);
  void while_loop(const ir::Statement& statement);
  void while_lanes(const ir::Statement& statement);
  void leave(const ir::Statement& statement);
  bool after_escape(const ir::Statement& statement, Block*& end, bool more);
  bool is_live() const;  // the insertion point can be reached
  Value* any(Value* mask);
  Value* active_mask();  // all ones where no mask is
  Value* and_mask(Value* mask, Value* other);
  void forget_reads() { current_reads_.clear(); }

  // codegen_loops.cpp: sequential, outer and lanes loops; distribution
  void loop(const ir::Statement& statement);
  void sequential_loop(const ir::Statement& statement);
  void sequential_lanes(const ir::Statement& statement);
  bool is_unrolled(const ir::Statement& statement) const;
  void unrolled(const ir::Statement& statement, std::size_t dimension);
  void parallel_loop(const ir::Statement& statement);
  void lanes_loop(const ir::Statement& statement, const Varying& varying, const std::vector<Value*>& trips);
  void distributed(const ir::Statement& statement, const Varying* varying, const std::vector<Value*>& trips,
                   std::vector<Reduction>& found);
  void nest(const ir::Statement& statement, const std::vector<Value*>& trips, std::size_t dimensions, std::size_t from,
            const std::function<void()>& body);
  void decompose(const ir::Statement& statement, const std::vector<Value*>& trips, std::size_t dimensions, Value* row);
  Value* product(const std::vector<Value*>& trips, std::size_t dimensions);
  Value* units_of(Value* count, std::int64_t size);
  Value* smaller(Value* a, Value* b);
  void run_units(const ir::Statement& statement, const Varying* varying, const std::vector<Value*>& trips,
                 std::vector<Reduction>& found, Value* first, Value* last);
  void call_body(const ir::Statement& statement, FunctionContext& body, Value* count, Value* items);
  void outer_body(const ir::Statement& statement, std::vector<Reduction>& found, Value* position);
  void counted(Value* first, Value* last, std::int64_t step, const char* name,
               const std::function<void(Value* k, Block* next, Block* exit)>& body, ir::BlockId block = ir::none);
  void lane_range(const ir::Statement& statement, const Varying& varying, Value* first, Value* last);
  std::vector<const ir::Statement*> streamed_stores(const ir::Statement& loop, const Varying& varying, int width);
  bool fills_vectors(const ir::Statement& s, const Varying& varying) const;
  bool same_place(const ir::Statement& a, const ir::Statement& b) const;
  std::pair<Value*, Value*> aligned_start(const ir::Statement& loop, const std::vector<const ir::Statement*>& stores,
                                          Value* first, Value* last);
  void end_streaming(const ir::Statement& loop);
  std::uint64_t stored_bytes(const ir::Statement& loop) const;
  Value* is_long_row(const ir::Statement& loop, Value* elements);
  Value* exceeds_cache(const ir::Statement& loop, const std::vector<Value*>& trips);
  void lane_body(const ir::Statement& statement, const Varying& varying, Value* k, int width, Value* remaining,
                 const std::function<void()>& finish = {}, const std::function<void()>& body = {});
  void set_index(ir::LoopId loop, std::uint32_t dimension, Value* k);
  bool runs_in_lanes(const ir::Statement& statement) const;
  bool has_parallel(ir::BlockId block) const;
  bool has_allocate(ir::BlockId block) const;
  int native_lanes(const Varying& varying, int vector_bits) const;
  std::vector<Reduction> reductions_of(const ir::Statement& statement) const;
  void find_reductions(ir::BlockId block, ir::LoopId loop, std::vector<Reduction>& found) const;

  // codegen_reduce.cpp: the order of reductions
  void reduce(const ir::Statement& statement, ir::BlockId block);
  Reduction& reduction_of(ir::VariableId variable);
  void begin_terms(std::vector<Reduction>& found, bool lanes_loop);
  Type* reduction_type(const Reduction& reduction) const;
  void store_identity(const Reduction& reduction, Type* type, Value* to);
  int block_size(const std::vector<Reduction>& found) const;
  void make_scratch(std::vector<Reduction>& found, Value* total, bool terms);
  void fold_partials(std::vector<Reduction>& found, Value* total, bool terms);
  int block_of(const Reduction& reduction) const { return 32 * reduction.lanes; }
  void reduce_block(const ir::Statement& statement, const Varying& varying, std::vector<Reduction>& found, Value* start,
                    Value* limit);
  void reduce_rows(const ir::Statement& statement, const Varying* varying, std::vector<Reduction>& found,
                   const std::vector<Value*>& trips, Value* start, Value* limit);
  void run_of_terms(const ir::Statement& statement, const Varying& varying, std::vector<Reduction>& found, Value* from,
                    Value* to, Value* position);
  void close_block(Reduction& reduction, Value* sum);
  Value* fold_lanes(ir::Op op, DType dtype, Value* accumulator);
  Value* fold_buffer(const Reduction& reduction, Value* buffer);
  void fill_identity(const Reduction& reduction, Value* buffer, Value* from, Value* to);
  void start_tree(Reduction& reduction, Type* type);
  void push_tree(Reduction& reduction, Value* sum);
  Value* finish_tree(Reduction& reduction, Value* rest);
  void join(const Reduction& reduction, Value* result);
  void begin_narrow(const ir::Statement& statement, std::vector<Reduction>& found);
  void end_turn_narrow(const ir::Statement& statement, std::vector<Reduction>& found, Value* turn);
  void end_narrow(std::vector<Reduction>& found);

  // codegen_rows.cpp: reductions of short rows, several at once
  Value* short_rows(const ir::Statement& statement, Value* first, Value* last);
  void group_of_rows(const ir::Statement& statement, const ir::Statement& row, const Varying& across,
                     const Varying& along, std::vector<Reduction>& found, Value* first, Value* length);
  void row_into_lanes(const ir::Statement& row, const Varying& along, std::vector<Reduction>& found, int pieces,
                      Value* length, const std::vector<Value*>& sums);
  Value* fold_rows(const Reduction& reduction, std::vector<Value*> rows);
  const ir::Statement& loop_in(const ir::Statement& statement) const;
  void behind_loop(const ir::Statement& statement, const ir::Statement& inner, const std::vector<Reduction>& found,
                   const std::function<Value*(std::size_t reduction)>& sum);

  // codegen_columns.cpp: reductions down the columns of an array
  void columns_loop(const ir::Statement& statement);
  void share_columns(Columns& columns, std::int64_t row_bytes);
  void make_column_memory(Columns& columns, Value* units, std::int64_t row_bytes);
  void column_units(Columns& columns, Value* first, Value* last, Value* thread);
  void sweep(Columns& columns, Value* from, Value* to, Value* first, Value* last, const std::vector<Value*>& sums);
  void sweep_segment(Columns& columns, Value* from, Value* to, Value* segment, const std::vector<Value*>& row);
  void sweep_in_registers(Columns& columns, Value* from, Value* to, Value* first, Value* last,
                          const std::vector<Value*>& sums);
  void add_row(Columns& columns, Value* row, Value* limit, std::vector<Value*>& sums);
  Value* column_address(const Columns& columns, std::size_t reduction, Value* row, Value* offset);
  void push_columns(Columns& columns, const std::vector<Value*>& row, Value* offset, Value* count);
  void finish_columns(Columns& columns, const std::vector<Value*>& row, Value* offset, Value* count);
  void fold_runs(Columns& columns);
  void behind_columns(Columns& columns, Value* from, Value* to, const std::vector<Value*>& sums);
  void along_columns(Columns& columns, Value* from, Value* to,
                     const std::function<void(Value* at, Value* remaining)>& body);
  Type* column_type(const Columns& columns, const Reduction& reduction) const;
  Value* column_identity(const Columns& columns, const Reduction& reduction);
  llvm::FixedVectorType* column_vector(const Columns& columns, const Reduction& reduction) const;

  const ir::Program& program_;
  const Target& target_;
  llvm::Module& module_;
  llvm::LLVMContext& context_;
  llvm::IRBuilder<> builder_;
  Type *bit_, *i8_, *i16_, *i32_, *i64_, *f32_, *f64_, *pointer_, *void_;

  std::vector<Scope> scopes_;
  FunctionContext entry_;
  FunctionContext* body_ = nullptr;                    // the outlined body being generated
  std::vector<Slot> scalars_, vectors_;                // by node
  std::vector<Slot> pointers_;                         // by root
  std::vector<Slot> strides_, extents_;                // by root and axis
  std::vector<std::pair<Value*, Value*>> per_thread_;  // by root: the memory of all threads, bytes of each
  std::vector<Slot> layouts_;                          // by array argument
  std::vector<Slot> indices_;                          // by loop and dimension: index_base_[loop] + dimension
  std::vector<Slot> lane_indices_;                     // the same where lanes begin or step differently
  std::vector<std::uint32_t> index_base_;
  std::vector<Value*> variables_;                        // allocas
  std::vector<std::uint32_t> swap_class_;                // by root; none: keeps its memory
  std::vector<Value*> data_, stride_tables_, began_as_;  // by root that is swapped: allocas
  std::vector<char> block_swaps_;
  std::vector<bool> contiguous_;
  std::vector<llvm::MDNode*> alias_scopes_, not_aliased_;
  std::map<std::pair<Value*, TypeCode>, Value*> half_bits_of_;  // a widened half's bits
  std::vector<std::pair<ir::VariableId, ir::NodeId>> current_reads_;

  Lanes* lanes_ = nullptr;
  std::vector<const ir::Statement*> streamed_;  // stores that bypass the cache, in code where they are aligned
  llvm::Align streamed_alignment_;
  Value* bypasses_ = nullptr;  // whether they do; null: always
  Value* position_ = nullptr;  // the iteration of a distributed loop, as `fail` is told it; null: the lanes' first
  std::vector<ir::LoopId> parallel_;  // parallel loops being generated
  std::vector<Copies> copies_;        // by root
  std::vector<ir::VariableId> lane_variables_;
  std::vector<Turn> turns_;
  std::vector<std::vector<Reduction>*> reductions_;  // of the loops being generated
  ir::BlockId current_block_ = 0;
};

/// The LLVM module of a scheduled Program.
void generate(const ir::Program& program, const Target& target, llvm::Module& module);

}  // namespace kiln::on_cpu
