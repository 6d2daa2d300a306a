// A scheduled Program as the host runs it on a GPU: steps, and the kernels that they launch.
#pragma once

#include "core/ir.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kiln::on_cuda {

/// A value that the host hands to a kernel as 64 bits.
struct Word {
  enum class Kind : std::uint8_t {
    node,      // a number, or bool, that the host computes: `id`
    address,   // of the first element of root `id`
    stride,    // of axis `axis` of root `id`, in elements
    extent,    // of the same
    slots,     // address of the plan's slots
    partials,  // address of the sums of blocks of the kernel's reduction `id`
    scratch,   // address of what the kernel's threads have for root `id`, one after the other
    failure,   // address of the call's Failure
    launch,    // the kernel's number among the call's launches, from 1 on
    rows,      // Grid::rows: a number of the launch's Rows, `axis`
    columns,   // Grid::columns: a number of the launch's Columns, `axis`
    others,    // as partials: where a turn of folding them leaves fewer
    divider,   // what divides by the trips of dimension `axis` of loop `id`, or by its groups of `items`
    factor,    // the same in 64 bits, with the divider's shift; 0 where the loop's iterations fit into 31
  };
  Kind kind = Kind::node;
  std::uint32_t id = 0, axis = 0, items = 1;
  friend bool operator==(const Word&, const Word&) = default;
};

constexpr std::size_t most_words = 480;  // 4 KiB of a kernel's parameters, less some

/// A Var that a kernel's iterations are reduced into: sums of blocks, which a second kernel folds.
struct Reduction {
  ir::VariableId variable = ir::none;
  ir::Op op = ir::Op::add;
  DType dtype;                    // of the Var
  int lanes = 64;                 // of a row; a block is 32 rows
  ir::NodeId initial = ir::none;  // the constant that the Var is before; none: what is in its slot
  std::string folder;             // the kernel that folds the sums
};

/// Threads of a block; of a team at most, and where it is not known how much it shares.
constexpr int threads_of_block = 256, most_threads_of_team = 256, usual_threads_of_team = 128;
/// Shared memory that a kernel may declare.
constexpr int most_shared_bytes = 48 << 10;

struct Kernel {
  enum class Grid : std::uint8_t {
    one,      // a single thread
    threads,  // a thread per iteration
    blocks,   // a few threads per block of the reductions' order
    rows,     // the same, of each iteration of a loop around it; see Rows
    columns,  // a thread for a part of a sequential loop that is reduced, inside a loop; see Columns
    teams,    // a block of threads per iteration, for the parallel loops inside it
  };
  std::string name;
  Grid grid = Grid::one;
  ir::LoopId loop = ir::none;  // whose iterations it does
  ir::LoopId reduced =
      ir::none;            // Grid::rows, columns: the loop that is reduced; `loop` is none where no loop is around it
  int items = 1;           // Grid::threads: iterations that a thread does at once
  int group = 1;           // Grid::blocks: threads that share a block of the order
  int block_elements = 0;  // Grid::blocks: iterations of one
  int rows_at_once = 1;    // Grid::rows: tiles that a block of threads has at a time
  bool may_fail = false;
  bool is_uneven = false;  // Grid::threads: some iterations take longer than others
  std::vector<Word> words;
  std::vector<Reduction> reductions;
  std::string folder;  // Grid::rows, columns: the second kernel
  struct Scratch {
    ir::RootId root;
    bool of_team;  // of which every block of threads has its own, else every thread
  };
  std::vector<Scratch> scratch;
  /// Grid::teams: a loop inside the iteration.
  struct TeamLoop {
    ir::LoopId loop;    // none: the host does not know how often it turns,
    int elements;       // of a warp's share where it is reduced: more warps do not make it faster; 0 where it is not
    std::int64_t most;  // of its turns; 0: not known
  };
  std::vector<TeamLoop> team_loops;
  /// At most.
  int threads() const { return grid == Grid::one ? 1 : grid == Grid::teams ? most_threads_of_team : threads_of_block; }
};

/// How the threads of a launch share rows that are reduced. A group of threads has a block of the order, `run` groups
/// neighbouring blocks of one row, a block of threads a tile: several short rows, or a part of a long one. The sums of
/// tiles are folded by a second kernel where a row has more than one. Groups and runs are powers of two.
struct Rows {
  enum : std::uint32_t { rows, columns, group_bits, run_bits, tiles_of_row, count };  // of Word::axis
  std::uint64_t numbers[count] = {};
  std::int64_t tiles = 0;
};

/// How the threads of a launch share sequential loops that are reduced, one for each iteration of a loop around them: a
/// thread has `run` segments of some neighbouring iterations. The sums of parts are folded by a second kernel,
/// parts_of_turn at a time, until one is left.
struct Columns {
  enum : std::uint32_t { turns, run, parts, count };  // of Word::axis
  std::uint64_t numbers[count] = {};
  std::int64_t units = 0, columns = 0;
};
constexpr int parts_of_turn = 32, most_run = 8;

struct Step {
  enum class Kind : std::uint8_t {
    kernel,    // kernels[kernel]
    allocate,  // of `statement`, as those below
    swap,
    guard,
    loop,    // `body`
    while_,  // `body`, then while the condition holds `otherwise` and `body`
    branch,  // `body` or `otherwise`
    break_,
    continue_,
  };
  Kind kind = Kind::kernel;
  const ir::Statement* statement = nullptr;  // of the Program the plan was made of
  std::uint32_t kernel = 0;
  std::uint32_t reducing = ir::none;  // of a loop with reductions: kernels that begin them, end a turn and end them
  std::vector<ir::NodeId> fetched;    // numbers in slots that the host needs for this step
  std::vector<Step> body, otherwise;
};

/// A reduction over a loop that the host runs: a slot for a turn's term, and behind it some for what folds them.
struct HostFolding {
  ir::LoopId loop = ir::none;
  ir::VariableId variable = ir::none;
  std::uint32_t slot = 0;
};
constexpr std::uint32_t slots_of_folding = 80;

/// A Var that is a constant before the loop that is reduced into it, and that nothing reads before.
struct Initial {
  ir::LoopId loop = ir::none;
  ir::VariableId variable = ir::none;
  ir::NodeId value = ir::none;
};

/// The kernels as CUDA C++, and what the host does. A slot is 16 bytes of device memory: a Var that several kernels
/// use, or a number that one leaves for another or for the host.
struct Plan {
  std::string source;
  std::vector<Step> steps;
  std::vector<Kernel> kernels;
  std::vector<std::uint32_t> variable_slots;  // by variable; none
  std::vector<std::uint32_t> node_slots;      // by node; none
  std::vector<HostFolding> foldings;
  std::vector<Initial> initials;
  std::uint32_t slot_count = 0;
  bool may_fail = false;            // some iteration of a kernel; the slots then stand behind a Failure
  bool skips = false;               // kernels do nothing once one before them has failed
  std::vector<ir::NodeId> fetched;  // for the results
};

/// Groups of `items` that begin where memory is aligned, of a row of so many iterations: at most.
constexpr std::int64_t groups_of_row(std::int64_t trips, std::int64_t items) {
  return trips == 0 ? 0 : (trips + 2 * items - 2) / items;
}

/// Throws CompileError naming what the GPU cannot do.
Plan make_plan(const ir::Program& scheduled);

/// Whether the host knows a node's value: it is made of constants, arguments, extents and the indices of loops that the
/// host runs.
class HostNodes {
 public:
  explicit HostNodes(const ir::Program& program) : program_(program), known_(program.nodes.size(), unknown) {}
  /// Loops whose indices the host has; said before the first question.
  void runs(ir::LoopId loop) { loops_.push_back(loop); }
  bool has(ir::NodeId id);

 private:
  enum : std::uint8_t { unknown, no, yes };
  const ir::Program& program_;
  std::vector<std::uint8_t> known_;
  std::vector<ir::LoopId> loops_;
};

/// Of the first launch that failed, the first iteration, of a kernel's loop and of a loop inside it, and what the error
/// tells. Zeros before; written by kernels under `lock`, read by the host when it reads anything, and at the end.
struct Failure {
  std::int64_t position, inner;
  std::int32_t status;
  std::uint32_t lock, launch, padding;
  std::int64_t values[16];
};
static_assert(sizeof(Failure) == 160 && sizeof(Failure) % 16 == 0);

}  // namespace kiln::on_cuda
