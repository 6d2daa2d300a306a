// Whole kernels: one thread's statements; a parallel loop's iterations, a thread each, or in the order of its
// reductions.
#include "core/visit.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cuda {

using ir::NodeId;
using ir::none;
using ir::RootId;
using ir::Statement;

namespace {

constexpr int rows = 32;  // of lanes to a block of a reduction's order

}  // namespace

std::string KernelWriter::finish(const std::string& bounds, const std::string& name) {
  std::string skip;
  if (plan_.skips)
    skip = text("  if (kiln_skips(", word({Word::Kind::failure}, "kiln_failure*"), ", ",
                word({Word::Kind::launch}, "kiln_u32"), ")) return;\n");
  std::string out = text("KILN_KERNEL ", bounds, name, "(const kiln_words<",
                         std::max<std::size_t>(kernel_.words.size(), 1), "> w) {\n");
  return out + top_ + skip + body_ + "}\n\n";
}

std::string KernelWriter::serial(const std::vector<const Statement*>& list, const std::vector<NodeId>& finals) {
  position_ = "0";
  failed_ = "return;";
  for (const Statement* s : list) statement(*s);
  std::vector<NodeId> left = finals;
  for (const Statement* s : list)
    if (s->kind == Statement::Kind::evaluate && plan_.node_slots[s->value] != none) left.push_back(s->value);
  for (const NodeId id : left) {
    const std::string x = value(id);
    line(text(slot(plan_.node_slots[id], program_[id].type.dtype), " = ", x, ";"));
  }
  for (const ir::VariableId v : written_)
    if (!local_variables_.contains(v))
      line(text(slot(plan_.variable_slots[v], program_.variables[v].type.dtype), " = x", v, ";"));
  if (!left.empty() || !written_.empty()) use_slots();
  return finish("__launch_bounds__(1) ", kernel_.name);
}

std::string KernelWriter::host_loop(const Statement& loop, LoopPart part) {
  use_slots();
  for (const Folding& f : foldings(loop)) {
    const std::uint32_t first = host_folding(f.loop, f.variable);
    const DType folded = ir::accumulator_dtype(f.dtype);
    const std::string term = slot(first, folded), type = text(f.fold, "_type");
    line(text("typedef ", fold_type(f), " ", type, ";"));
    line(text("static_assert(sizeof(", type, ") <= ", (slots_of_folding - 1) * 16, ", \"\");"));
    line(text(type, "& ", f.fold, " = *(", type, "*)(slots + ", (first + 1) * 16, ");"));
    if (part == LoopPart::end) {
      const std::string var = slot(plan_.variable_slots[f.variable], f.dtype);
      line(text(var, " = ", cast(text(f.fold, ".end(", var, ")"), folded, f.dtype), ";"));
    } else {
      line(part == LoopPart::begin ? text(f.fold, ".begin();") : text(f.fold, ".turn(", term, ");"));
      line(text(term, " = ", f.step, "::identity();"));
    }
  }
  return finish("__launch_bounds__(1) ", kernel_.name);
}

std::vector<Reduction> KernelWriter::reductions_of(const Statement& loop) const {
  std::vector<Reduction> found;
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    if (s.kind != Statement::Kind::reduce || s.loop != loop.target) return;
    for (const Reduction& r : found)
      if (r.variable == s.target) return;
    const DType dtype = program_.variables[s.target].type.dtype;
    NodeId initial = none;
    for (const Initial& known : plan_.initials)
      if (known.loop == loop.target && known.variable == s.target) initial = known.value;
    found.push_back({s.target, s.op, dtype, ir::lanes_of(dtype), initial, text(kernel_.name, "_fold_", found.size())});
  });
  return found;
}

bool KernelWriter::has_parallel_loop(const Statement& loop) const {
  bool found = false;
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    found = found || (s.kind == Statement::Kind::loop && program_.loops[s.target].parallel);
  });
  return found;
}

bool KernelWriter::writes_memory(const Statement& loop) const {
  bool found = false;
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    found = found || s.kind == Statement::Kind::store || s.kind == Statement::Kind::update;
  });
  return found;
}

void KernelWriter::note_writes(const Statement& loop) {
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    if (s.kind == Statement::Kind::store || s.kind == Statement::Kind::update) kernel_writes_.insert(s.target);
    if (s.kind == Statement::Kind::update) kernel_updates_.insert(s.target);
  });
  reads_only_ = true;
}

// Whether nothing that the kernel writes may be this memory: such loads may take a shorter way.
bool KernelWriter::is_only_read(RootId root) const {
  if (!reads_only_ || local_roots_.contains(ir::memory_of(program_, root))) return false;
  return std::none_of(kernel_writes_.begin(), kernel_writes_.end(),
                      [&](RootId written) { return ir::may_alias(program_, written, root); });
}

// Whether an update of another thread may change this memory while the kernel runs.
bool KernelWriter::is_updated(RootId root) const {
  if (local_roots_.contains(ir::memory_of(program_, root))) return false;
  return std::any_of(kernel_updates_.begin(), kernel_updates_.end(),
                     [&](RootId updated) { return ir::may_alias(program_, updated, root); });
}

std::string KernelWriter::distributed(const Statement& loop) {
  note_writes(loop);
  ranges_.emplace(program_, loop);
  if (reduces_rows(loop)) return rows_per_group(loop);
  if (reduces_columns(loop)) return columns_in_parts(loop);
  kernel_.reductions = reductions_of(loop);
  std::string folders;
  std::string bounds = text("__launch_bounds__(", threads_of_block, ") ");
  if (!kernel_.reductions.empty()) {
    kernel_.grid = Kernel::Grid::blocks;
    threads_per_block(loop);
    for (const Reduction& r : kernel_.reductions) folder(r, folders);
  } else if (has_parallel_loop(loop)) {
    kernel_.grid = Kernel::Grid::teams;
    // Else the assembler saves registers for more warps than there are places for small teams, and spills (sm_100).
    bounds = text("__launch_bounds__(", most_threads_of_team, ", 4) ");
    team_per_iteration(loop);
  } else {
    kernel_.grid = Kernel::Grid::threads;
    thread_per_iteration(loop);
  }
  return finish(bounds, kernel_.name) + folders;
}

// The index of a dimension after so many turns.
void KernelWriter::index_of(const Statement& loop, std::size_t dimension, const std::string& turn) {
  const ir::LoopDimension& d = program_.loops[loop.target].dimensions[dimension];
  line(text("const kiln_i64 i", loop.target, "_", dimension, " = ", value(d.begin), " + ", turn, " * ", value(d.step),
            ";"));
}

// Turns of each dimension at iteration `position`, the last dimension fastest, or with `items` at a group of so many
// along it. In 32 bits where they suffice; by factors where the host knows the divisors.
void KernelWriter::turns_of(const Statement& loop, const std::string& position, int items) {
  const std::size_t rank = program_.loops[loop.target].dimensions.size();
  const bool known = kernel_.loop == loop.target || kernel_.reduced == loop.target;
  for (std::size_t k = 0; k < rank; ++k) line(text("kiln_i64 turn_", k, ";"));
  for (const bool narrow : {true, false}) {
    const std::string type(narrow ? "kiln_u32" : "kiln_u64");
    open(narrow ? "if (total <= 0x7fffffff)" : "else");
    line(text(type, " rest = (", type, ")", position, ";"));
    for (std::size_t k = rank; k-- > 1;) {
      const std::string trips = text("(", type, ")", items > 1 && k + 1 == rank ? text("groups") : text("trips_", k));
      Word by{Word::Kind::divider, loop.target, static_cast<std::uint32_t>(k),
              k + 1 == rank ? static_cast<std::uint32_t>(items) : 1u};
      std::string divided = text("rest / ", trips);
      if (known) {
        divided = text("kiln_divide(rest, ", word(by, "kiln_u64"));
        by.kind = Word::Kind::factor;
        divided += narrow ? ")" : text(", ", word(by, "kiln_u64"), ")");
      }
      line(text("const ", type, " rows_", k, " = ", divided, ";"));
      line(text("turn_", k, " = rest - rows_", k, " * ", trips, ";"));
      line(text("rest = rows_", k, ";"));
    }
    line("turn_0 = rest;");
    close();
  }
}

void KernelWriter::indices_of(const Statement& loop, const std::string& position) {
  const std::size_t rank = program_.loops[loop.target].dimensions.size();
  if (rank == 1) return index_of(loop, 0, position);
  turns_of(loop, position, 1);
  for (std::size_t k = 0; k < rank; ++k) index_of(loop, k, text("turn_", k));
}

void KernelWriter::trips_of(const Statement& loop) {
  const ir::Loop& l = program_.loops[loop.target];
  std::string product;
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) {
    const ir::LoopDimension& d = l.dimensions[k];
    line(text("const kiln_i64 trips_", k, " = kiln_trips(", value(d.begin), ", ", value(d.end), ", ", value(d.step),
              ");"));
    product += text(k ? " * " : "", "trips_", k);
  }
  line(text("const kiln_i64 total = ", product, ";"));
}

void KernelWriter::thread_per_iteration(const Statement& loop) {
  trips_of(loop);
  kernel_.is_uneven = !is_straight(program_, loop);
  if (const Packing packing = packing_of(program_, loop); packing.any()) {
    const bool one = program_.loops[loop.target].dimensions.size() == 1;
    kernel_.items = packing.items * (one ? packing.vectors : 1);
    return one ? packed_line(loop, packing) : packed_rows(loop, packing);
  }
  line("#pragma unroll 1");
  open(
      "for (kiln_i64 at = (kiln_i64)blockIdx.x * blockDim.x + threadIdx.x; at < total; at += (kiln_i64)gridDim.x * "
      "blockDim.x)");
  indices_of(loop, "at");
  position_ = "at";
  failed_ = "return;";
  turns_.push_back({"no_leave", "next"});
  turn(loop);
  turns_.pop_back();
  close();
}

namespace {

// Threads of a warp, whose lanes are folded by shuffles.
int group_of(const std::vector<Reduction>& reductions) {
  int group = 32;
  for (const Reduction& r : reductions) group = std::min(group, r.lanes);
  return group;
}
int most_lanes(const std::vector<Reduction>& reductions) {
  int most = 0;
  for (const Reduction& r : reductions) most = std::max(most, r.lanes);
  return most;
}
std::string_view folded_type(const Reduction& r) { return register_type(ir::accumulator_dtype(r.dtype)); }

}  // namespace

// A group of threads and a block of the order, from iteration `start` on: thread `lane` has the lanes lane, lane +
// group … of each reduction. A reduction of wider numbers has fewer lanes and shorter blocks, several of them in the
// group's one. `keep` is called where each block's `sum` is there, in the group's first thread. An iteration that fails
// runs `mark` and goes to the label `failed`.
void KernelWriter::sum_blocks(const Statement& loop, const std::vector<Reduction>& reductions,
                              const std::string& failed, const std::string& mark,
                              const std::function<void(std::uint32_t reduction, int parts_of_block)>& keep) {
  const int group = group_of(reductions), parts = most_lanes(reductions) / group;
  const auto each = [&](auto&& what) {
    for (std::uint32_t k = 0; k < reductions.size(); ++k)
      what(k, reductions[k], declarations_.step(reductions[k].op, reductions[k].dtype), folded_type(reductions[k]),
           reductions[k].lanes / group);
  };
  each([&](std::uint32_t k, const Reduction&, const std::string&, std::string_view type, int own) {
    line(text(type, " row_", k, "[", own, "];"));
  });
  line("#pragma unroll 1");
  open(text("for (int part = 0; part < ", parts, "; ++part)"));
  each([&](std::uint32_t k, const Reduction&, const std::string& step, std::string_view, int own) {
    line(text("if (part % ", own, " == 0)"));
    line(text("  for (int k = 0; k < ", own, "; ++k) row_", k, "[k] = ", step, "::identity();"));
  });
  line("#pragma unroll 4");
  open(text("for (int row = 0; row < ", rows, "; ++row)"));
  line(text("const kiln_i64 item = start + (part * ", rows, " + row) * ", group, " + lane;"));
  each([&](std::uint32_t k, const Reduction& r, const std::string& step, std::string_view type, int) {
    line(text(type, " term_", k, " = ", step, "::identity();"));
    terms_[r.variable] = text("term_", k);
  });
  const bool failed_before = kernel_.may_fail;
  kernel_.may_fail = false;
  open("if (item < total)");
  indices_of(loop, "item");
  failed_ = text("{ ", mark, "goto ", failed, "; }");
  turns_.push_back({"no_leave", text("next_", labels_++)});
  turn(loop);
  turns_.pop_back();
  close();
  if (kernel_.may_fail) line(failed + ":;");
  kernel_.may_fail |= failed_before;
  each([&](std::uint32_t k, const Reduction&, const std::string& step, std::string_view, int own) {
    line(text("row_", k, "[row % ", own, "] = ", step, "::fold(row_", k, "[row % ", own, "], term_", k, ");"));
  });
  close();
  each([&](std::uint32_t k, const Reduction&, const std::string& step, std::string_view type, int own) {
    open(text("if (part % ", own, " == ", own - 1, ")"));
    for (int half = own / 2; half != 0; half /= 2)
      line(text("for (int k = 0; k < ", half, "; ++k) row_", k, "[k] = ", step, "::fold(row_", k, "[k], row_", k,
                "[k + ", half, "]);"));
    line(text("const ", type, " sum = kiln_fold_lanes<", group, ", ", step, ">(row_", k, "[0]);"));
    keep(k, own);
    close();
  });
  close();
}

void KernelWriter::take_shared(int bytes, std::uint32_t location) {
  shared_bytes_ += bytes;
  if (shared_bytes_ > most_shared_bytes)
    refuse("more reductions in one loop than a GPU's shared memory has room for: share them among several loops",
           location);
}

void KernelWriter::threads_per_block(const Statement& loop) {
  const std::vector<Reduction> reductions = kernel_.reductions;
  const int group = kernel_.group = group_of(reductions);
  kernel_.block_elements = rows * most_lanes(reductions);
  trips_of(loop);
  line(text("const int groups = blockDim.x / ", group, ", lane = threadIdx.x % ", group, ";"));
  line(text("const kiln_i64 blocks = (total + ", kernel_.block_elements - 1, ") / ", kernel_.block_elements, ";"));
  open("for (kiln_i64 first = (kiln_i64)blockIdx.x * groups; first < blocks; first += (kiln_i64)gridDim.x * groups)");
  line(text("const kiln_i64 start = (first + threadIdx.x / ", group, ") * ", kernel_.block_elements, ";"));
  position_ = "item";
  sum_blocks(loop, reductions, "failed", "", [&](std::uint32_t k, int parts_of_block) {
    const int size = rows * reductions[k].lanes;
    line(text("const kiln_i64 block = start / ", size, " + part / ", parts_of_block, ";"));
    line(text("if (lane == 0 && block * ", size, " < total) ",
              word({Word::Kind::partials, k}, text(folded_type(reductions[k]), "*")), "[block] = sum;"));
  });
  close();
}

// ---- Teams ----------------------------------------------------------------------------------------------------------

// The body runs on every thread of the team, which all compute the same; the parallel loops in it are shared among
// them.
void KernelWriter::team_per_iteration(const Statement& loop) {
  trips_of(loop);
  open("for (kiln_i64 at = blockIdx.x; at < total; at += gridDim.x)");
  indices_of(loop, "at");
  position_ = "at";
  failed_ = "return;";
  in_team_ = true;
  turns_.push_back({"no_leave", "next"});
  turn(loop);
  turns_.pop_back();
  in_team_ = false;
  barrier();
  close();
}

void KernelWriter::team_loop(const Statement& s) {
  const std::vector<Reduction> reductions = reductions_of(s);
  const int number = labels_++;
  const std::string failed_before = failed_;
  // What the team has read before it, all of its threads have, too.
  if (writes_memory(s)) barrier();
  in_team_ = false;
  open("");
  trips_of(s);
  const std::size_t at = body_.size();
  const bool may_fail = kernel_.may_fail;
  kernel_.may_fail = false;
  inner_ = "item";
  if (reductions.empty()) {
    note_team_loop(s, 0);
    open("for (kiln_i64 item = threadIdx.x; item < total; item += blockDim.x)");
    indices_of(s, "item");
    turns_.push_back({"no_leave", text("next_", number)});
    turns_.back().cut = true;
    failed_ = text("{ failed_", number, " = 1; goto next_", number, "; }");
    turn(s);
    turns_.pop_back();
    close();
  } else {
    team_reduction(s, reductions, number);
  }
  inner_ = "0";
  failed_ = failed_before;
  barrier();
  if (kernel_.may_fail) {
    const std::string indent(static_cast<std::size_t>(depth_) * 2, ' ');
    body_.insert(at, text(indent, "__shared__ int failed_", number, ";\n", indent, "if (threadIdx.x == 0) failed_",
                          number, " = 0;\n", indent, "__syncthreads();\n"));
    take_shared(16, program_.loops[s.target].location);
    line(text("if (failed_", number, ") return;"));
  }
  kernel_.may_fail |= may_fail;
  close();
  in_team_ = true;
}

// For the size of a team: a loop that it shares, and how often it turns, as far as the host knows.
void KernelWriter::note_team_loop(const Statement& loop, int elements) {
  const std::vector<ir::LoopDimension>& dimensions = program_.loops[loop.target].dimensions;
  const bool known = std::all_of(dimensions.begin(), dimensions.end(), [&](const ir::LoopDimension& d) {
    return host_.has(d.begin) && host_.has(d.end) && host_.has(d.step);
  });
  kernel_.team_loops.push_back({known ? loop.target : none, elements, most_turns(dimensions)});
}

// A bound of the turns of begin … min(begin + number, …): a block of a longer loop. 0: there is none.
std::int64_t KernelWriter::most_turns(const std::vector<ir::LoopDimension>& dimensions) const {
  if (dimensions.size() != 1) return 0;
  const ir::Node& end = program_[dimensions[0].end];
  if (end.op != ir::Op::minimum) return 0;
  for (const NodeId operand : {end.operands[0], end.operands[1]}) {
    const ir::Node& sum = program_[operand];
    if (sum.op != ir::Op::add) continue;
    for (const int k : {0, 1})
      if (sum.operands[k] == dimensions[0].begin && program_.is_constant(sum.operands[1 - k]))
        return std::max<std::int64_t>(program_[sum.operands[1 - k]].number.i, 0);
  }
  return 0;
}

// A group has a block of the order at a time. The sums of blocks are folded by the team's first thread, in shared
// memory, while the others go on; where they are to be found alternates.
void KernelWriter::team_reduction(const Statement& s, const std::vector<Reduction>& reductions, int number) {
  const int group = group_of(reductions), most = most_lanes(reductions), elements = rows * most;
  note_team_loop(s, elements * 32 / group);
  line(text("const int groups = blockDim.x / ", group, ", lane = threadIdx.x % ", group, ", mine = threadIdx.x / ",
            group, ";"));
  for (std::uint32_t k = 0; k < reductions.size(); ++k) {
    const Reduction& r = reductions[k];
    const int sums = most_threads_of_team / group * (most / r.lanes);
    line(text("__shared__ ", folded_type(r), " sums_", k, "[2][", sums, "];"));
    line(text("__shared__ kiln_tree<", folded_type(r), ", ", declarations_.step(r.op, r.dtype), "> tree_", k, ";"));
    take_shared((2 * sums + 41) * std::max(static_cast<int>(ir::accumulator_dtype(r.dtype).size()), 8),
                program_.loops[s.target].location);
    line(text("if (threadIdx.x == 0) tree_", k, ".begin();"));
  }
  line("int turned = 0;");
  line("#pragma unroll 1");
  open(text("for (kiln_i64 first = 0; first * ", elements, " < total; first += groups)"));
  line(text("const kiln_i64 start = (first + mine) * ", elements, ";"));
  sum_blocks(s, reductions, text("failed_at_", number), text("failed_", number, " = 1; "),
             [&](std::uint32_t k, int parts_of_block) {
               line(text("if (lane == 0) sums_", k, "[turned][mine * ", most / reductions[k].lanes, " + part / ",
                         parts_of_block, "] = sum;"));
             });
  barrier();
  open("if (threadIdx.x == 0)");
  for (std::uint32_t k = 0; k < reductions.size(); ++k) {
    const int blocks = most / reductions[k].lanes, size = rows * reductions[k].lanes;
    line("#pragma unroll 1");
    open(text("for (int block = 0; block < groups * ", blocks, " && (first * ", blocks, " + block) * ", size,
              " < total; ++block)"));
    line(text("tree_", k, ".push(sums_", k, "[turned][block]);"));
    close();
  }
  close();
  line("turned = !turned;");
  close();
  barrier();
  for (std::uint32_t k = 0; k < reductions.size(); ++k) {
    const Reduction& r = reductions[k];
    const std::string x = reference(r.variable);
    line(text(x, " = ", cast(text("tree_", k, ".end(", x, ")"), ir::accumulator_dtype(r.dtype), r.dtype), ";"));
    terms_.erase(r.variable);
  }
}

// The second kernel of a reduction: the sums of blocks, and what the Var was.
void KernelWriter::folder(const Reduction& r, std::string& out) {
  const DType folded = ir::accumulator_dtype(r.dtype);
  const std::string_view type = register_type(folded);
  const std::string step = declarations_.step(r.op, r.dtype);
  const std::string var = slot(plan_.variable_slots[r.variable], r.dtype);
  out += text("KILN_KERNEL __launch_bounds__(1024, 1) ", r.folder, "(", type, "* sums, ", type,
              "* other, kiln_i64 count, char* slots) {\n");
  out += text("  const ", type, " sum = count > 0 ? kiln_fold_blocks<", step, ">(sums, other, count) : ", step,
              "::identity();\n");
  const std::string before = r.initial == none ? var : value(r.initial);
  out += text("  if (threadIdx.x == 0) ", var, " = ", cast(text(step, "::fold(", before, ", sum)"), folded, r.dtype),
              ";\n}\n\n");
}

}  // namespace kiln::on_cuda
