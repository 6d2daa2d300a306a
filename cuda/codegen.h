// The code generator's inside: what turns one kernel's statements into CUDA C++, spread over codegen_*.cpp.
#pragma once

#include "core/error_text.h"
#include "core/ir.h"
#include "core/ir_ranges.h"
#include "cuda/packing.h"
#include "cuda/plan.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::on_cuda {

/// What the kernels of a plan share: declarations in front of them, each made at its first use.
class Declarations {
 public:
  /// precise: JitOptions::precise.
  explicit Declarations(bool precise) : precise_(precise) {}
  bool precise() const { return precise_; }
  /// The name of a struct whose fold() and identity() are those of a reduction into `dtype`.
  std::string step(ir::Op op, DType dtype);
  /// The name of a function of complex numbers.
  std::string complex_function(ir::Op op, DType dtype);
  const std::string& source() const { return source_; }

 private:
  bool precise_;
  std::set<std::string> made_;
  std::string source_;
};

/// Whether CUDA's f64 function is within 1 ulp, by the table of its programming guide.
bool is_precise_in_f64(ir::Op op);

/// The type of a dtype's numbers in registers: halves are floats there.
std::string_view register_type(DType dtype);
/// The type of its elements in memory.
std::string_view memory_type(DType dtype);
/// A number as C++ writes it.
std::string literal(DType dtype, const detail::Number16& number);
/// An operation of the table on expressions of the operand dtype, rounded to `result`.
std::string operation(ir::Op op, DType operand, DType result, std::span<const std::string> x,
                      Declarations& declarations);
std::string cast(const std::string& x, DType from, DType to);
/// The body of a function of complex numbers, or of a step of their reduction, of parameters a and b.
std::string complex_body(ir::Op op, DType dtype, bool reduction);
/// logaddexp and its kin, of floats x and y: lines that end in a return.
std::string composed_body(ir::Op op, DType dtype);

/// What a kernel does of a host's loop with reductions.
enum class LoopPart : std::uint8_t { begin, turn, end };

/// Writes one kernel.
class KernelWriter {
 public:
  KernelWriter(const ir::Program& program, const Plan& plan, HostNodes& host, Declarations& declarations,
               Kernel& kernel)
      : program_(program), plan_(plan), host_(host), declarations_(declarations), kernel_(kernel) {}

  /// One thread: these statements, then the numbers that others need.
  std::string serial(const std::vector<const ir::Statement*>& statements, const std::vector<ir::NodeId>& finals);
  /// One thread, for the reductions of a loop that the host runs.
  std::string host_loop(const ir::Statement& loop, LoopPart part);
  /// A parallel loop, its iterations shared by the grid; and what folds its reductions.
  std::string distributed(const ir::Statement& loop);

 private:
  // A reduction that one thread folds as its loop turns.
  struct Folding {
    ir::VariableId variable;
    ir::LoopId loop;
    std::string step, fold, term;
    DType dtype;
  };

  void line(const std::string& text);
  void open(const std::string& text);
  void close(const std::string& tail = "");
  std::string word(Word word, std::string_view type);
  std::string finish(const std::string& bounds, const std::string& name);

  std::string value(ir::NodeId id);
  std::string node(ir::NodeId id);
  std::string leaf_slot(ir::NodeId id);
  std::string slot(std::uint32_t number, DType dtype) const;
  void use_slots();
  std::string_view variable_type(ir::VariableId id);
  void define(ir::NodeId id, const std::string& expression);
  std::string root(ir::RootId id);
  std::string stride(ir::RootId root, std::uint32_t axis);
  std::string extent(ir::RootId root, std::uint32_t axis);
  std::string element(ir::RootId root, bool flat, std::uint32_t first, std::uint32_t count);

  void block(ir::BlockId id);
  void statements(ir::BlockId id);
  void statement(const ir::Statement& s);
  void evaluate(ir::NodeId id);
  void load(ir::NodeId id);
  void check(ir::RootId root, std::uint8_t axes, std::uint32_t first, std::uint32_t location);
  void guard(const ir::Statement& s);
  void fail(const std::string& status, const std::vector<std::string>& values);
  void assign(const ir::Statement& s);
  void reduce(const ir::Statement& s);
  void store(const ir::Statement& s);
  void update(const ir::Statement& s);
  void allocate(const ir::Statement& s);
  void swap(const ir::Statement& s);
  void branch(const ir::Statement& s);
  void while_loop(const ir::Statement& s);
  void loop(const ir::Statement& s);
  void turn(const ir::Statement& s);
  void leave(bool whole_loop);

  std::string reference(ir::VariableId id);
  std::vector<Folding> foldings(const ir::Statement& loop);
  std::string fold_type(const Folding& f) const;
  std::uint32_t host_folding(ir::LoopId loop, ir::VariableId variable) const;
  void thread_per_iteration(const ir::Statement& loop);
  void threads_per_block(const ir::Statement& loop);
  bool reduces_columns(const ir::Statement& loop);
  std::string columns_in_parts(const ir::Statement& outer);
  std::string columns_folded(const ir::Statement& outer, const ir::Statement& loop, const Packing& packing);
  void column_of(const ir::Statement& outer, const std::string& position, int items);
  void sum_part(const ir::Statement& outer, const ir::Statement& loop, const Packing& packing);
  void begin_packs(const ir::Statement& loop, const Packing& packing, const std::string& at,
                   const ir::Statement& stepped, const char* first, const char* second);
  void packed_turns(const ir::Statement& outer, const ir::Statement& loop, const Packing& packing);
  void turns_in_packs(const ir::Statement& outer, const ir::Statement& loop, const Packing& along);
  void one_turn(const ir::Statement& outer, const ir::Statement& loop, const Packing& packing, const std::string& each,
                bool whole);
  bool reduces_rows(const ir::Statement& loop);
  std::string rows_per_group(const ir::Statement& loop);
  std::string rows_folded(const ir::Statement* outer, const ir::Statement& loop, KernelWriter& second);
  void before_loop(const ir::Statement& outer);
  void within_row(const ir::Statement* outer, const std::function<void()>& inside);
  std::string short_rows(const ir::Statement& outer, const ir::Statement& loop, const Packing& packing);
  void sum_group(const ir::Statement& loop, const Packing& packing);
  void note_team_loop(const ir::Statement& loop, int elements);
  std::int64_t most_turns(const std::vector<ir::LoopDimension>& dimensions) const;
  bool is_updated(ir::RootId root) const;
  std::string told(std::string_view type, std::uint32_t location,
                   const std::function<void(const std::string& into)>& find);
  void take_shared(int bytes, std::uint32_t location);
  void declare_lanes(int rows, int items);
  void begin_lanes(const char* row, int items);
  void fold_lanes();
  void one_item(const ir::Statement& loop, const std::string& at);
  void end_row(const ir::Statement* outer, const ir::Statement& loop, const std::string& sums = "sum_",
               const std::string& after = "");
  void team_per_iteration(const ir::Statement& loop);
  void team_loop(const ir::Statement& s);
  void team_reduction(const ir::Statement& s, const std::vector<Reduction>& reductions, int number);
  void trips_of(const ir::Statement& loop);
  void sum_blocks(const ir::Statement& loop, const std::vector<Reduction>& reductions, const std::string& failed,
                  const std::string& mark,
                  const std::function<void(std::uint32_t reduction, int parts_of_block)>& keep);
  void barrier();
  void by_one(const std::function<void()>& write);
  bool has_parallel_loop(const ir::Statement& loop) const;
  bool writes_memory(const ir::Statement& loop) const;
  std::vector<Reduction> reductions_of(const ir::Statement& loop) const;
  void indices_of(const ir::Statement& loop, const std::string& position);
  void turns_of(const ir::Statement& loop, const std::string& position, int items);
  void index_of(const ir::Statement& loop, std::size_t dimension, const std::string& turn);
  void packed_line(const ir::Statement& loop, const Packing& packing);
  void packed_rows(const ir::Statement& loop, const Packing& packing);
  void pack_pointers(const ir::Statement& loop, const Packing& packing, const std::string& turn);
  std::string packs_are_aligned(const Packing& packing, const std::string& at) const;
  void load_packs(const Packing& packing, const std::string& which, const std::string& at);
  void items_of_packs(const ir::Statement& loop, const Packing& packing, const std::string& which,
                      const std::string& at);
  void store_packs(const Packing& packing, const std::string& which, const std::string& at);
  void declare_packs(const Packing& packing, int count);
  void note_writes(const ir::Statement& loop);
  bool is_only_read(ir::RootId root) const;
  void folder(const Reduction& reduction, std::string& out);
  [[noreturn]] void refuse(const std::string& what, std::uint32_t location) const;

  const ir::Program& program_;
  const Plan& plan_;
  HostNodes& host_;
  Declarations& declarations_;
  Kernel& kernel_;

  std::string top_, body_;
  int depth_ = 1;
  std::map<ir::NodeId, std::string> names_;
  std::vector<std::vector<ir::NodeId>> scopes_{1};
  std::map<std::string, bool> top_names_;
  std::set<ir::RootId> local_roots_;
  std::set<ir::VariableId> local_variables_, written_;
  std::vector<Folding> foldings_;
  std::map<ir::VariableId, std::string> terms_;                // of the reductions that the kernel's threads share
  std::map<ir::NodeId, std::string> packed_loads_;             // elements that a pack has
  std::map<const ir::Statement*, std::string> packed_stores_;  // and those that go into one
  std::set<ir::RootId> kernel_writes_;                         // memory that the kernel's statements write
  std::set<ir::RootId> kernel_updates_;                        // of it what several iterations may change
  std::string position_;                                       // of the iteration at hand, for failures
  std::string inner_ = "0";                                    // the same of the loop that a team's threads share
  std::string failed_;                                         // where a failed iteration goes
  bool reads_only_ = false;                                    // kernel_writes_ is complete
  bool in_team_ = false;  // what is written runs on all threads of a team alike: one of them stores
  struct Turn {
    std::string leave, next;            // labels
    std::vector<std::string> at_end{};  // what ends every turn, also the one that leaves
    bool left = false, cut = false;
  };
  std::vector<Turn> turns_;
  std::optional<ir::Ranges> ranges_;  // of the loop whose iterations are shared
  int labels_ = 0;
  int shared_bytes_ = 0;
};

}  // namespace kiln::on_cuda
