// Rows that are reduced in the wide order: one row, or one for each iteration of a loop around it. A group of threads
// has a block of the order, each thread neighbouring lanes of it, so that packs are loaded.
#include "core/visit.h"
#include "cuda/codegen.h"

#include <algorithm>

namespace kiln::on_cuda {

using ir::none;
using ir::Op;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

constexpr int rows_of_lanes = 32;   // of a block of the order
constexpr int most_items = 8;       // lanes of one thread
constexpr int much = 32;            // of a row of a thread's lanes, as of the table of operations
constexpr int loads_in_flight = 4;  // of a thread

}  // namespace

// Notes in the kernel what is reduced where the loop is of this kind.
bool KernelWriter::reduces_rows(const Statement& loop) {
  const Statement* reduced = &loop;
  std::vector<Reduction> found = reductions_of(loop);
  if (found.empty()) {
    reduced = only_loop_of(program_, loop);
    if (!reduced || !program_.loops[reduced->target].parallel) return false;
    found = reductions_of(*reduced);
    for (const ir::LoopDimension& d : program_.loops[reduced->target].dimensions)
      if (!host_.has(d.begin) || !host_.has(d.end) || !host_.has(d.step)) return false;
  }
  if (found.empty() || !is_straight(program_, *reduced) || writes_memory(*reduced)) return false;
  int bytes = 0;
  for (Reduction& r : found) {
    if (r.lanes != found[0].lanes) return false;
    r.folder.clear();
    bytes += 2 * threads_of_block * static_cast<int>(ir::accumulator_dtype(r.dtype).size());
  }
  if (bytes > most_shared_bytes) return false;
  kernel_.grid = Kernel::Grid::rows;
  kernel_.reductions = found;
  kernel_.reduced = reduced->target;
  if (reduced == &loop) kernel_.loop = none;
  return true;
}

std::string KernelWriter::rows_per_group(const Statement& given) {
  const Statement* const outer = kernel_.loop == none ? nullptr : &given;
  const Statement& loop = outer ? *only_loop_of(program_, given) : given;
  const int lanes = kernel_.reductions[0].lanes;
  Packing packing = packing_of(program_, loop);
  if (program_.loops[loop.target].dimensions.size() > 1) packing.give_up();
  packing.items = std::min(packing.items, most_items);
  if (packing.items < lanes / 32) {
    packing.give_up();
    packing.items = lanes / 32;
  }
  kernel_.items = packing.items;
  const auto number = [&](std::uint32_t which) { return word({Word::Kind::rows, 0, which}, "kiln_i64"); };
  line(text("const kiln_i64 rows = ", number(Rows::rows), ", columns = ", number(Rows::columns), ";"));
  if (outer) trips_of(*outer);
  if (outer && program_.loops[outer->target].short_rows && packs_step(program_, loop, *outer, packing))
    return short_rows(*outer, loop, packing);
  line(text("const kiln_i64 tiles_of_row = ", number(Rows::tiles_of_row), ";"));
  // Powers of two, of which the host gives the logarithms: a division takes longer to compile than all of this.
  line(text("const int group_bits = (int)", number(Rows::group_bits), ", run_bits = (int)", number(Rows::run_bits),
            ";"));
  line(text("const int group = 1 << group_bits, run = 1 << run_bits, per_tile = ", threads_of_block,
            " >> (group_bits + run_bits);"));
  line("const int mine = (int)threadIdx.x >> group_bits, lane = (int)threadIdx.x & (group - 1);");
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text("__shared__ ", register_type(ir::accumulator_dtype(kernel_.reductions[k].dtype)), " memory_", k, "[2][",
              threads_of_block, "];"));
  line("int turned = 0;");
  line("#pragma unroll 1");
  open(text("for (kiln_i64 tile = blockIdx.x; tile * per_tile < rows * tiles_of_row; tile += gridDim.x)"));
  // Where a row has several tiles, a tile has one row.
  line("kiln_i64 row = tiles_of_row == 1 ? tile * per_tile + (mine >> run_bits) : kiln_quotient(tile, tiles_of_row);");
  line("const kiln_i64 part = tiles_of_row == 1 ? 0 : tile - row * tiles_of_row;");
  line(text("const kiln_i64 start = (part * run + (mine & (run - 1))) * ", rows_of_lanes * lanes, ";"));
  declare_lanes(1, packing.items);
  begin_lanes("0", packing.items);
  open("if (row < rows && start < columns)");
  within_row(outer, [&] { sum_group(loop, packing); });
  close();
  fold_lanes();
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text(register_type(ir::accumulator_dtype(kernel_.reductions[k].dtype)), " sum_", k, " = rows_", k, "[0][0];"));
  line("bool ends = run == 1 && lane == 0;");
  open("if (run > 1)");
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text("if (lane == 0) memory_", k, "[turned][mine] = sum_", k, ";"));
  line("__syncthreads();");
  open("if ((int)threadIdx.x < per_tile)");
  line("if (tiles_of_row == 1) row = tile * per_tile + threadIdx.x;");
  line(text("const kiln_i64 left = (columns + ", rows_of_lanes * lanes - 1, ") / ", rows_of_lanes * lanes,
            " - part * run;"));
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text("sum_", k, " = kiln_fold_in_place<", declarations_.step(r.op, r.dtype), ">(memory_", k,
              "[turned] + threadIdx.x * run, left < run ? (int)left : run);"));
  }
  line("ends = true;");
  close();
  line("turned = !turned;");
  close();
  open("if (ends && row < rows)");
  open("if (tiles_of_row > 1)");
  for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text(
        word({Word::Kind::partials, k}, text(register_type(ir::accumulator_dtype(kernel_.reductions[k].dtype)), "*")),
        "[tile] = sum_", k, ";"));
  close();
  open("else");
  within_row(outer, [&] { end_row(outer, loop); });
  close();
  close();
  close();

  KernelWriter second(program_, plan_, host_, declarations_, kernel_);
  second.note_writes(given);
  return rows_folded(outer, loop, second);
}

// Rows that have no more elements than the order has lanes: a group of threads has one, and each of its threads some
// rows' packs in flight. (Of 16 columns a thread has but one pack of a row; a row at a time is half of what memory
// can.)
std::string KernelWriter::short_rows(const Statement& outer, const Statement& loop, const Packing& packing) {
  const int items = packing.items, loads = static_cast<int>(packing.loads.size());
  const int at_once = items * packing.cost > much ? 1 : std::max(loads_in_flight / std::max(loads, 1), 1);
  kernel_.rows_at_once = at_once;
  line(text("const int group_bits = (int)", word({Word::Kind::rows, 0, Rows::group_bits}, "kiln_i64"), ";"));
  line(text("const int group = 1 << group_bits, per_tile = ", threads_of_block, " >> group_bits;"));
  line("const int mine = (int)threadIdx.x >> group_bits, lane = (int)threadIdx.x & (group - 1);");
  line(text("const kiln_i64 first = lane * ", items, ", left = columns - first;"));
  if (packing.any()) {
    line(text("bool packed = left >= ", items, ";"));
    begin_packs(loop, packing, "first", outer, "0", "1");
  }
  line("#pragma unroll 1");
  open(text("for (kiln_i64 tile = blockIdx.x * ", at_once, "ll; tile * per_tile < rows; tile += gridDim.x * ", at_once,
            "ll)"));
  if (packing.any()) {
    declare_packs(packing, at_once);
    open("if (packed)");
    line("#pragma unroll");
    open(text("for (int k = 0; k < ", at_once, "; ++k)"));
    line("const kiln_i64 row = (tile + k) * per_tile + mine;");
    for (const ir::NodeId id : packing.loads)
      line(text("c", id, "[k] = ", is_only_read(program_[id].id) ? "kiln_read_pack<" : "kiln_load_pack<", items, ">(f",
                id, " + (row < rows ? row : 0) * by", id, ");"));
    close();
    close();
  }
  declare_lanes(at_once, items);
  line("#pragma unroll");
  open(text("for (int k = 0; k < ", at_once, "; ++k)"));
  line("const kiln_i64 row = (tile + k) * per_tile + mine;");
  begin_lanes("k", items);
  turns_.push_back({"no_leave", "next"});
  const auto each_item = [&](const char* condition) {
    open(condition);
    within_row(&outer, [&] {
      line("#pragma unroll");
      open(text("for (int item = 0; item < ", items, "; ++item)"));
      open(packed_loads_.empty() ? "if (item < left)" : "");
      one_item(loop, "(first + item)");
      close();
      close();
    });
    close();
  };
  if (packing.any()) {
    for (const ir::NodeId id : packing.loads) packed_loads_[id] = text("c", id, "[k].at + item");
    each_item("if (packed && row < rows)");
    packed_loads_.clear();
  }
  each_item(packing.any() ? "if (!packed && row < rows)" : "if (row < rows)");
  turns_.pop_back();
  close();
  fold_lanes();
  line("#pragma unroll");
  open(text("for (int k = 0; k < ", at_once, "; ++k)"));
  line("const kiln_i64 row = (tile + k) * per_tile + mine;");
  open("if (lane == 0 && row < rows)");
  within_row(&outer, [&] { end_row(&outer, loop, "rows_", "[k][0]"); });
  close();
  close();
  close();
  return finish(text("__launch_bounds__(", threads_of_block, ", 4) "), kernel_.name);
}

// A thread's lanes of some rows; those of one, nothing in them; and all that a group has folded, a row's sum in its
// first lane.
void KernelWriter::declare_lanes(int rows, int items) {
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text(register_type(ir::accumulator_dtype(kernel_.reductions[k].dtype)), " rows_", k, "[", rows, "][", items,
              "];"));
}

void KernelWriter::begin_lanes(const char* row, int items) {
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(
        text(register_type(ir::accumulator_dtype(r.dtype)), " (&row_", k, ")[", items, "] = rows_", k, "[", row, "];"));
    line("#pragma unroll");
    line(text("for (int item = 0; item < ", items, "; ++item) row_", k, "[item] = ", declarations_.step(r.op, r.dtype),
              "::identity();"));
  }
}

// All threads of the warp are here: a mask that is known costs a shuffle nothing. All rows are folded in one loop: as
// many shuffles as in a loop for each, whose compiling would take sum_axis1 40 of 140 ms.
void KernelWriter::fold_lanes() {
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text("kiln_fold_groups<", declarations_.step(kernel_.reductions[k].op, kernel_.reductions[k].dtype), ">(rows_",
              k, ", group);"));
}

// The second kernel: a block of threads folds the sums of a row's tiles.
std::string KernelWriter::rows_folded(const Statement* outer, const Statement& loop, KernelWriter& second) {
  const std::string name = kernel_.name + "_fold";
  kernel_.folder = name;
  second.line(text("const kiln_i64 rows = ", second.word({Word::Kind::rows, 0, Rows::rows}, "kiln_i64"),
                   ", tiles_of_row = ", second.word({Word::Kind::rows, 0, Rows::tiles_of_row}, "kiln_i64"), ";"));
  if (outer) second.trips_of(*outer);
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k)
    second.line(
        text("__shared__ ", register_type(ir::accumulator_dtype(kernel_.reductions[k].dtype)), " memory_", k, "[32];"));
  second.open("for (kiln_i64 row = blockIdx.x; row < rows; row += gridDim.x)");
  for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    const std::string_view type = register_type(ir::accumulator_dtype(r.dtype));
    second.line(text("const ", type, " sum_", k, " = kiln_fold_all<", declarations_.step(r.op, r.dtype), ">(",
                     second.word({Word::Kind::partials, k}, text(type, "*")),
                     " + row * tiles_of_row, tiles_of_row, memory_", k, ");"));
  }
  second.open("if (threadIdx.x == 0)");
  second.within_row(outer, [&] { second.end_row(outer, loop); });
  second.close();
  second.line("__syncthreads();");
  second.close();
  return finish(text("__launch_bounds__(", threads_of_block, ", 4) "), kernel_.name) +
         second.finish("__launch_bounds__(1024, 1) ", name);
}

// The indices of a row and what stands before the loop that is reduced, for what `inside` writes.
void KernelWriter::within_row(const Statement* outer, const std::function<void()>& inside) {
  if (outer) {
    indices_of(*outer, "row");
    before_loop(*outer);
  }
  inside();
}

void KernelWriter::before_loop(const Statement& outer) {
  for (ir::VariableId v = 0; v < program_.variables.size(); ++v) {
    if (program_.variables[v].block != outer.body) continue;
    const std::string_view type = register_type(program_.variables[v].type.dtype);
    line(text(type, " x", v, " = ", type, "();"));
    local_variables_.insert(v);
  }
  for (const Statement& s : program_.blocks[outer.body].statements) {
    if (s.kind == Kind::loop) break;
    statement(s);
  }
}

// The Vars get their sums, each named `sums`, its number and `after`, and what stands behind the loop is done.
void KernelWriter::end_row(const Statement* outer, const Statement& loop, const std::string& sums,
                           const std::string& after) {
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    const DType folded = ir::accumulator_dtype(r.dtype);
    if (!outer) use_slots();
    const std::string var = outer ? reference(r.variable) : slot(plan_.variable_slots[r.variable], r.dtype);
    const std::string before = r.initial == none ? var : value(r.initial);
    line(text(
        var, " = ",
        cast(text(declarations_.step(r.op, r.dtype), "::fold(", before, ", ", sums, k, after, ")"), folded, r.dtype),
        ";"));
  }
  if (!outer) return;
  bool behind = false;
  for (const Statement& s : program_.blocks[outer->body].statements) {
    if (behind) statement(s);
    behind = behind || &s == &loop;
  }
}

void KernelWriter::one_item(const Statement& loop, const std::string& at) {
  open("");
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text(register_type(ir::accumulator_dtype(r.dtype)), " term_", k, " = ", declarations_.step(r.op, r.dtype),
              "::identity();"));
    terms_[r.variable] = text("term_", k);
  }
  indices_of(loop, at);
  turn(loop);
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text("row_", k, "[item] = ", declarations_.step(r.op, r.dtype), "::fold(row_", k, "[item], term_", k, ");"));
    terms_.erase(r.variable);
  }
  close();
}

// A thread's lanes of a block: whole packs first, then what is left of the row.
void KernelWriter::sum_group(const Statement& loop, const Packing& packing) {
  const int items = packing.items, lanes = kernel_.reductions[0].lanes;
  turns_.push_back({"no_leave", "next"});
  if (program_.loops[loop.target].dimensions.size() > 1) trips_of(loop);
  line(text("const kiln_i64 first = start + lane * ", items, ", left = columns - first;"));
  // What computes much keeps a thread busy as it is, and each copy of it takes its time to compile.
  const bool busy = items * packing.cost > much;
  if (busy && !packing.any())
    line("const int whole = 0;");
  else
    line(text("int whole = left < ", items, " ? 0 : left > ", (rows_of_lanes - 1) * lanes + items, " ? ", rows_of_lanes,
              " : (int)(left - ", items, ") / ", lanes, " + 1;"));
  if (packing.any()) {
    pack_pointers(loop, packing, "first");
    line(text("if (!(", packs_are_aligned(packing, "0"), ")) whole = 0;"));
  }
  line(text("#pragma unroll ",
            busy ? 1 : std::max<int>(loads_in_flight / std::max<int>(static_cast<int>(packing.loads.size()), 1), 1)));
  open("for (int row = 0; row < whole; ++row)");
  if (packing.any()) {
    declare_packs(packing, 1);
    load_packs(packing, "0", text("row * ", lanes));
  }
  for (const ir::NodeId id : packing.loads) packed_loads_[id] = text("c", id, "[0].at + item");
  line("#pragma unroll");
  open(text("for (int item = 0; item < ", items, "; ++item)"));
  one_item(loop, text("(first + row * ", lanes, " + item)"));
  close();
  packed_loads_.clear();
  close();
  line("#pragma unroll 1");
  open(text("for (int row = whole; row < ", rows_of_lanes, " && row * ", lanes, " < left; ++row)"));
  line("#pragma unroll");
  open(text("for (int item = 0; item < ", items, "; ++item)"));
  open(text("if (row * ", lanes, " + item < left)"));
  one_item(loop, text("(first + row * ", lanes, " + item)"));
  close();
  close();
  close();
  turns_.pop_back();
}

}  // namespace kiln::on_cuda
