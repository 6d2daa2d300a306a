// The schedule, nest by nest, from the outermost loops in.
#include "core/schedule.h"

#include "core/layout.h"
#include "core/nest.h"
#include "core/sharing.h"
#include "core/visit.h"

#include <algorithm>
#include <optional>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

constexpr std::ptrdiff_t few_variables = 3;   // four vectors of each fit 32 registers, not 16
constexpr std::ptrdiff_t most_variables = 7;  // with more, two vectors of each do not fit the registers

// Short vectors take a triad of two operands to memory sooner (codegen_loops' figures); of chain6's four operands they
// take 1.12 times as long in f32.
constexpr std::size_t few_roots = 3;

// Of a reduction down the columns: a row of accumulators is loaded and stored once for so many rows.
constexpr std::uint8_t rows_at_once = 4;

// Arrays that an iteration makes are kept once per lane up to so many bytes of them together, and loops over their
// elements run in each lane up to so many turns.
constexpr std::int64_t most_local_bytes = 2048, most_local_turns = 256;

constexpr int least_cost_of_a_call = 10;  // an operation that costs more is a function of a library

/// What is around a block.
struct Around {
  bool parallel = false;  // a parallel loop
  bool repeats = false;   // a loop that takes its turns one after the other
  Equalities equalities;
};

class Scheduler {
 public:
  Scheduler(Program& program, const ScheduleOptions& options)
      : program_(program), options_(options), builder_(program), memory_(program), layouts_(program, options) {
    for (const Block& block : program.blocks)
      for (const Statement& s : block.statements)
        if (s.kind == Kind::evaluate && program[s.value].op == Op::load)
          loaded_.push_back(memory_.of(program[s.value].id));
    std::sort(loaded_.begin(), loaded_.end());
  }

  void run() {
    block(0, {});
    share(program_, layouts_);
  }

 private:
  void block(BlockId id, Around around) {
    for (std::size_t k = 0; k < program_.blocks[id].statements.size(); ++k) {
      Statement& s = program_.blocks[id].statements[k];
      if (s.kind == Kind::guard) around.equalities.learn(program_, s.condition);
      Around inside = around;
      if (s.kind == Kind::loop) {
        loop(s, around);
        inside.parallel |= program_.loops[s.target].parallel;
      }
      inside.repeats |= s.kind == Kind::while_ || (s.kind == Kind::loop && !program_.loops[s.target].parallel);
      BlockId blocks[2];
      for (int b = 0, count = nested_blocks(s, blocks); b < count; ++b) block(blocks[b], inside);
    }
  }

  void loop(Statement& s, const Around& around) {
    if (!program_.loops[s.target].parallel) {
      program_.loops[s.target].role = Role::sequential;
      return;
    }
    const bool is_outer = !has_lanes(s, around);
    if (!is_outer) shape(s, around.equalities);
    Loop& chosen = program_.loops[s.target];  // shaping may have made another loop of it
    chosen.role = is_outer ? Role::outer : Role::lanes;
    chosen.distribute = !around.parallel;
    if (chosen.distribute && reduces_rows(s)) chosen.role = Role::rows;
    if (options_.extent_at_most) ask_of_loops_inside(s);
    if (is_outer) return;
    Nest nest(builder_, s);
    const Stores stores = ask_strides(nest);
    Loop& l = program_.loops[s.target];
    l.vectors = vectors(nest, s);
    l.streaming = stores == Stores::in_vectors && !around.repeats && layouts_.large();
    if (!l.streaming && stores != Stores::scattered && !around.parallel)
      l.streaming = l.if_large = fills_arrays(nest) && layouts_.large();
    l.memory_bound = l.streaming && !l.if_large && calls_of_functions(s.body) == 0 && roots_of(nest) <= few_roots;
    if (!l.distribute || !sweeps_rows(nest, s)) return;
    l.role = Role::columns;
    l.vectors = calls_of_functions(s.body) == 0 ? rows_at_once : 1;
  }

  /// The loop in the body of another if all else there is assignments of constants before it and stores behind it, and
  /// all it does is reduce, and no index is compared: iterations side by side would find another failure first.
  const Statement* only_reduction(const Statement& s) const {
    const Statement* found = nullptr;
    const Effects does = effects(program_, s);
    if (std::any_of(does.accesses.begin(), does.accesses.end(), [](const Access& a) { return a.checked != 0; }))
      return nullptr;
    for (const Statement& each : program_.blocks[s.body].statements) {
      if (each.kind == Kind::loop && !found && is_plain_reduction(each))
        found = &each;
      else if (each.kind == Kind::assign ? found || !is_pure_throughout(each.value) : !found || !is_plain(each))
        return nullptr;
    }
    if (!found) return nullptr;
    const LoopDimension d = program_.loops[found->target].dimensions[0];
    for (const NodeId bound : {d.begin, d.end, d.step})
      if (!is_pure_throughout(bound)) return nullptr;
    return found;
  }

  /// Whether each iteration is the reduction of a row across lanes.
  bool reduces_rows(const Statement& s) const {
    const Statement* const row = only_reduction(s);
    if (!row || !program_.loops[row->target].parallel || program_.loops[s.target].dimensions.size() != 1) return false;
    const auto& body = program_.blocks[row->body].statements;
    return calls_of_functions(row->body) == 0 && std::none_of(body.begin(), body.end(), [&](const Statement& each) {
             return each.kind == Kind::reduce && program_.variables[each.target].type.dtype.is_bool();
           });
  }

  /// Whether the loop is one reduction of an array along another axis than the lanes', whose neighbouring columns are
  /// neighbours in memory.
  bool sweeps_rows(Nest& nest, const Statement& s) {
    const Statement* const rows = only_reduction(s);
    if (!rows || program_.loops[rows->target].parallel) return false;
    const auto last = static_cast<std::uint32_t>(nest.rank() - 1);
    bool found = false;
    for (const Place& place : nest.places()) {
      if (place.writes() || place.weight == 1) continue;
      const Access access = nest.access(place);
      const Nest::Movement movement = nest.movement(access, last);
      if (movement.kind == Nest::Movement::Kind::none) continue;
      if (movement.kind != Nest::Movement::Kind::axis || movement.step != 1 || access.flat ||
          !layouts_.unit_stride(access.root, movement.axis))
        return false;
      found = true;
    }
    return found;
  }

  bool is_plain_reduction(const Statement& s) const {
    const Loop& l = program_.loops[s.target];
    if (!l.from_array || l.has_break || l.dimensions.size() != 1) return false;
    bool reduces = false;
    for (const Statement& each : program_.blocks[s.body].statements) {
      reduces = reduces || each.kind == Kind::reduce;
      if (each.kind != Kind::evaluate && each.kind != Kind::reduce) return false;
      if (each.kind == Kind::reduce &&
          (each.loop != s.target || program_.variables[each.target].type.dtype.is_complex()))
        return false;
    }
    return reduces;
  }

  static bool is_plain(const Statement& s) { return s.kind == Kind::evaluate || s.kind == Kind::store; }

  /// Whether a node is made of constants and arguments alone.
  bool is_pure_throughout(NodeId id) const {
    if (!is_pure(program_[id].op) || program_[id].op == Op::index) return false;
    bool pure = true;
    for_each_operand(program_, id, [&](NodeId operand) { pure = pure && is_pure_throughout(operand); });
    return pure;
  }

  /// Whether the loop's own iterations go across lanes: no parallel loop is inside that could, nor an array that is not
  /// small enough for each lane to have one. Loops over such small arrays run in the lanes, turn by turn.
  bool has_lanes(const Statement& s, const Around& around) {
    const Effects does = effects(program_, s);
    std::vector<LoopId> inner;
    for (const LoopId loop : does.loops)
      if (loop != s.target && program_.loops[loop].parallel) inner.push_back(loop);
    std::int64_t bytes = 0;
    bool makes = false;
    for_each_statement(program_, s.body, [&](const Statement& each) {
      if (each.kind != Kind::allocate) return;
      makes = true;
      const Root& root = program_.roots[each.target];
      std::int64_t size = root.dtype.is_complex() ? most_local_bytes + 1 : static_cast<std::int64_t>(root.dtype.size());
      for (int axis = 0; axis < root.rank; ++axis)
        size = small_product(size, builder_.constant_value(root.extents[axis]));
      bytes += size;
    });
    if (!makes) return inner.empty();
    if (bytes > most_local_bytes || around.parallel) return false;
    for (const LoopId loop : inner) {
      std::int64_t turns = 1;
      for (const LoopDimension& d : program_.loops[loop].dimensions) {
        if (builder_.constant_value(d.begin) != 0 || builder_.constant_value(d.step) != 1) return false;
        turns = small_product(turns, builder_.constant_value(d.end));
      }
      // The order of a reduction is that of a parallel loop.
      const bool reduces = std::find(does.reduced.begin(), does.reduced.end(), loop) != does.reduced.end();
      if (turns > most_local_turns || reduces) return false;
    }
    for (const LoopId loop : inner) program_.loops[loop].parallel = false;
    return true;
  }

  /// The product of small numbers, or more than any that counts as small.
  static std::int64_t small_product(std::int64_t a, std::optional<std::int64_t> b) {
    constexpr std::int64_t large = 1 << 20;
    if (!b || a > large || *b > large) return large + 1;
    return a * std::max<std::int64_t>(*b, 0);
  }

  /// Chooses the last dimension and merges dimensions.
  void shape(Statement& s, const Equalities& equalities) {
    Nest nest(builder_, s);
    if (nest.rank() < 2) return;
    // First as if parameters were C-contiguous, without asking: a.T() + b.T() becomes the loop over a's own order.
    choose_lanes(nest, [&](RootId root, std::uint32_t axis) { return axis + 1u == program_.roots[root].rank; });
    std::vector<bool> merges = nest.mergeable(equalities);
    for (std::uint32_t k = 0; k < merges.size(); ++k) {
      if (!merges[k]) continue;
      for (RootId root : nest.merged_roots(k)) merges[k] = merges[k] && layouts_.contiguous(root);
    }
    if (std::find(merges.begin(), merges.end(), true) != merges.end()) nest.merge(merges);
    if (nest.rank() < 2) return;
    choose_lanes(nest, [&](RootId root, std::uint32_t axis) { return layouts_.unit_stride(root, axis); });
  }

  /// Moves another dimension last if the accesses have unit stride along it more often than along the last one.
  template <class UnitStride>
  void choose_lanes(Nest& nest, UnitStride&& unit_stride) {
    if (nest.is_ordered()) return;
    const auto last = static_cast<std::uint32_t>(nest.rank() - 1);
    bool perfect = true;
    std::uint32_t best = last;
    std::int64_t most = votes(nest, last, unit_stride, perfect);
    if (perfect) return;
    for (std::uint32_t k = 0; k < last; ++k) {
      const std::int64_t count = votes(nest, k, unit_stride, perfect);
      if (count > most) most = count, best = k;
    }
    if (best != last) nest.move_last(best);
  }

  template <class UnitStride>
  std::int64_t votes(Nest& nest, std::uint32_t dimension, UnitStride&& unit_stride, bool& perfect) {
    std::int64_t result = 0;
    for (const Place& place : nest.places()) {
      const Access access = nest.access(place);
      const Nest::Movement movement = nest.movement(access, dimension);
      if (movement.kind == Nest::Movement::Kind::none) continue;
      const bool moves_by_one =
          movement.kind == Nest::Movement::Kind::axis && (movement.step == 1 || movement.step == -1);
      const bool is_unit = moves_by_one && (access.flat || unit_stride(access.root, movement.axis));
      const int weight = place.writes() ? 2 * place.weight : place.weight;
      result += is_unit ? weight : -weight;
      perfect = perfect && is_unit;
    }
    return result;
  }

  enum class Stores : std::uint8_t {
    scattered,
    reread,      // whole vectors, of memory that the Program loads
    in_vectors,  // whole vectors, of memory that it never loads
  };

  /// Asks, for what moves by one element along the lanes, whether it is one element in memory too. Which stores all are
  /// of that kind.
  Stores ask_strides(Nest& nest) {
    bool stores = false, unit = true, reread = false;
    const auto last = static_cast<std::uint32_t>(nest.rank() - 1);
    for (const Place& place : nest.places()) {
      const Access access = nest.access(place);
      const Nest::Movement movement = nest.movement(access, last);
      const bool moves_by_one =
          movement.kind == Nest::Movement::Kind::axis && (movement.step == 1 || movement.step == -1);
      const bool is_unit = moves_by_one && (access.flat || layouts_.unit_stride(access.root, movement.axis));
      if (!place.writes()) continue;
      const Statement& s = program_.blocks[place.block].statements[place.statement];
      reread = reread || std::binary_search(loaded_.begin(), loaded_.end(), memory_.of(access.root));
      stores = true;
      unit = unit && is_unit && movement.step == 1 && place.weight == 1 && s.kind == Kind::store;
    }
    if (!stores || !unit) return Stores::scattered;
    return reread ? Stores::reread : Stores::in_vectors;
  }

  /// On a GPU a thread may load what neighbouring turns of a loop of its own need at once, and rows are another
  /// kernel's that have no more elements than the order has lanes.
  void ask_of_loops_inside(Statement& s) {
    for (Statement& each : program_.blocks[s.body].statements) {
      if (each.kind != Kind::loop) continue;
      Nest nest(builder_, each);
      ask_strides(nest);
    }
    Loop& l = program_.loops[s.target];
    if (l.role != Role::rows) return;
    const Statement& row = *only_reduction(s);
    std::size_t most = 0;
    for (const Statement& each : program_.blocks[row.body].statements)
      if (each.kind == Kind::reduce)
        most = static_cast<std::size_t>(lanes_of(program_.variables[each.target].type.dtype));
    const LoopDimension d = program_.loops[row.target].dimensions[0];
    const Node& end = program_[d.end];
    if (end.op != Op::extent || program_.roots[end.id].kind != Root::Kind::parameter) return;
    if (!program_.is_constant(d.begin) || program_[d.begin].number.i != 0) return;
    l.short_rows = options_.extent_at_most(options_.context, end.id, static_cast<int>(end.axis), most);
  }

  /// Whether a nest stores only into arrays it does not load, and into as many elements as it has iterations. Where
  /// that is more than the cache holds, whoever reads them next would have to fetch them anyway.
  bool fills_arrays(Nest& nest) {
    for (const Place& store : nest.places()) {
      if (!store.writes()) continue;
      const Access written = nest.access(store);
      for (const Place& load : nest.places())
        if (!load.writes() && may_alias(program_, nest.access(load).root, written.root)) return false;
      for (std::uint32_t d = 0; d < nest.rank(); ++d)
        if (nest.movement(written, d).kind != Nest::Movement::Kind::axis) return false;
    }
    return true;
  }

  /// Two vectors in flight hide latency, until the registers run out; four where the loop carries few
  /// variables (mandelbrot with AVX-512: f32 takes 0.88 of the time, with 256 bits 0.66, f64 0.79 and 0.67).
  /// The rows of a reduction are vectors in flight already. A loop that calls one function per iteration overlaps the
  /// calls by itself: a second vector would only be spilled around the first one's call (exp f32 takes 1.25 times as
  /// long). Calls that depend on each other need the second vector (Black-Scholes f64: 0.9).
  std::uint8_t vectors(const Nest& nest, const Statement& s) const {
    const int calls = calls_of_functions(s.body);
    if (nest.reduces() || calls == 1) return 1;
    std::vector<bool> inside(program_.blocks.size());
    mark(s.body, inside);
    const auto count = std::count_if(program_.variables.begin(), program_.variables.end(),
                                     [&](const Variable& variable) { return inside[variable.block]; });
    if (calls == 0 && count >= 1 && count <= few_variables) return 4;
    return count <= most_variables ? 2 : 1;
  }

  static std::size_t roots_of(Nest& nest) {
    std::vector<RootId> roots;
    for (const Place& place : nest.places()) roots.push_back(nest.access(place).root);
    std::sort(roots.begin(), roots.end());
    return static_cast<std::size_t>(std::unique(roots.begin(), roots.end()) - roots.begin());
  }

  /// How many functions of a library the body calls for each iteration.
  int calls_of_functions(BlockId body) const {
    std::vector<bool> seen(program_.nodes.size()), varying(program_.nodes.size());
    int calls = 0;
    const auto visit = [&](const auto& self, NodeId id) -> bool {
      if (seen[id]) return varying[id];
      seen[id] = true;
      const Op op = program_[id].op;
      varying[id] = op == Op::load || op == Op::index || op == Op::read_variable;
      for_each_operand(program_, id, [&](NodeId operand) {
        if (self(self, operand)) varying[id] = true;
      });
      if (varying[id] && row(op).cost >= least_cost_of_a_call) ++calls;
      return varying[id];
    };
    for_each_statement(program_, body,
                       [&](const Statement& s) { for_each_use(program_, s, [&](NodeId id) { visit(visit, id); }); });
    return calls;
  }

  void mark(BlockId id, std::vector<bool>& inside) const {
    inside[id] = true;
    for (const Statement& s : program_.blocks[id].statements) {
      BlockId blocks[2];
      for (int b = 0, count = nested_blocks(s, blocks); b < count; ++b) mark(blocks[b], inside);
    }
  }

  Program& program_;
  const ScheduleOptions& options_;
  Builder builder_;
  Memory memory_;
  Layouts layouts_;
  std::vector<std::uint32_t> loaded_;  // memory that the Program loads from
};

}  // namespace

void schedule(Program& program, const ScheduleOptions& options) { Scheduler(program, options).run(); }

}  // namespace kiln::ir
