// Sequential loops that are reduced, one for each iteration of a loop around them, such as sums of columns: segments
// are shared among threads, neighbouring threads have neighbouring iterations, and a thread may have a pack of them.
#include "core/visit.h"
#include "cuda/codegen.h"

#include <algorithm>

namespace kiln::on_cuda {

using ir::Op;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

constexpr int most_registers = 4;   // of 32 bits, for the sums of a thread's items
constexpr int much = 16;            // of a turn, which keeps a thread busy
constexpr int levels = 4;           // of a thread's tree: enough for most_run
constexpr int loads_in_flight = 4;  // of a thread

std::string_view folded_type(const Reduction& r) { return register_type(ir::accumulator_dtype(r.dtype)); }

// Whether several iterations may be done side by side: what stands before the loop is only what the Vars begin with.
bool begins_alike(const ir::Program& program, const Statement& outer, const Statement& loop) {
  for (const Statement& s : program.blocks[outer.body].statements) {
    if (&s == &loop) break;
    if (s.kind != Kind::assign || !program.is_constant(s.value)) return false;
  }
  for (const Statement& s : program.blocks[loop.body].statements)
    if (s.kind == Kind::assign || (s.kind == Kind::evaluate && program[s.value].op == Op::read_variable)) return false;
  return true;
}

}  // namespace

// Notes in the kernel what is reduced where the loop is of this kind.
bool KernelWriter::reduces_columns(const Statement& outer) {
  const Statement* const loop = only_loop_of(program_, outer);
  if (!loop || program_.loops[loop->target].parallel || !is_straight(program_, *loop) || writes_memory(*loop))
    return false;
  const ir::Loop& l = program_.loops[loop->target];
  if (l.dimensions.size() != 1) return false;
  const ir::LoopDimension& d = l.dimensions[0];
  std::vector<Reduction> found = reductions_of(*loop);
  if (found.empty() || !host_.has(d.begin) || !host_.has(d.end) || !host_.has(d.step)) return false;
  for (const Statement& s : program_.blocks[loop->body].statements)
    if (s.kind == Kind::assign) return false;  // carried from turn to turn
  for (Reduction& r : found) r.folder.clear();
  kernel_.grid = Kernel::Grid::columns;
  kernel_.reductions = found;
  kernel_.reduced = loop->target;
  return true;
}

std::string KernelWriter::columns_in_parts(const Statement& outer) {
  const Statement& loop = *only_loop_of(program_, outer);
  Packing packing = packing_of(program_, loop, outer);
  int registers = 0;
  for (const Reduction& r : kernel_.reductions)
    registers += std::max<int>(static_cast<int>(ir::accumulator_dtype(r.dtype).size()) / 4, 1);
  while (packing.items > 1 && packing.items * registers > most_registers) packing.items /= 2;
  if (packing.items == 1 || !packing.any() || !begins_alike(program_, outer, loop)) packing.give_up();
  kernel_.items = packing.items;
  const auto number = [&](std::uint32_t which) { return word({Word::Kind::columns, 0, which}, "kiln_i64"); };
  trips_of(outer);
  const std::size_t last = program_.loops[outer.target].dimensions.size() - 1;
  line(text("const kiln_i64 turns = ", number(Columns::turns), ", run = ", number(Columns::run),
            ", parts = ", number(Columns::parts), ";"));
  line(text("const kiln_i64 columns = total, groups = (trips_", last, " + ", packing.items - 1, ") / ", packing.items,
            ";"));
  std::string product("groups");
  for (std::size_t k = 0; k < last; ++k) product += text(" * trips_", k);
  line(text("const kiln_i64 of_part = ", product, ";"));
  line("#pragma unroll 1");
  open(
      "for (kiln_i64 unit = (kiln_i64)blockIdx.x * blockDim.x + threadIdx.x; unit < of_part * parts; unit += "
      "(kiln_i64)gridDim.x * blockDim.x)");
  line("const kiln_i64 part = parts == 1 ? 0 : kiln_quotient(unit, of_part), group = unit - part * of_part;");
  column_of(outer, "group", packing.items);
  if (packing.items == 1) before_loop(outer);
  sum_part(outer, loop, packing);
  line("#pragma unroll");
  open(text("for (int item = 0; item < ", packing.items, "; ++item)"));
  line(text("if (at + item >= trips_", last, ") continue;"));
  open("if (parts > 1)");
  for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text(word({Word::Kind::partials, k}, text(folded_type(kernel_.reductions[k]), "*")),
              "[part * columns + column + item] = sum_", k, "[item];"));
  close();
  open("else");
  if (packing.items > 1) {
    index_of(outer, last, "(at + item)");
    before_loop(outer);
  }
  end_row(&outer, loop, "sum_", "[item]");
  close();
  close();
  close();
  return columns_folded(outer, loop, packing);
}

// The second kernel: some parts of a column at a time are folded, and what stands behind the loop is done when one is
// left.
std::string KernelWriter::columns_folded(const Statement& outer, const Statement& loop, const Packing& packing) {
  kernel_.folder = kernel_.name + "_fold";
  KernelWriter second(program_, plan_, host_, declarations_, kernel_);
  second.kernel_writes_ = kernel_writes_;
  second.reads_only_ = true;
  second.trips_of(outer);
  second.line(text("const kiln_i64 parts = ", second.word({Word::Kind::columns, 0, Columns::parts}, "kiln_i64"),
                   ", left = (parts + ", parts_of_turn - 1, ") / ", parts_of_turn, ", columns = total;"));
  second.line("#pragma unroll 1");
  second.open(
      "for (kiln_i64 unit = (kiln_i64)blockIdx.x * blockDim.x + threadIdx.x; unit < columns * left; unit += "
      "(kiln_i64)gridDim.x * blockDim.x)");
  second.line("const kiln_i64 turn = left == 1 ? 0 : kiln_quotient(unit, columns), group = unit - turn * columns;");
  second.line(text("const int here = parts - turn * ", parts_of_turn, " < ", parts_of_turn, " ? (int)(parts - turn * ",
                   parts_of_turn, ") : ", parts_of_turn, ";"));
  for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    const std::string from = second.word({Word::Kind::partials, k}, text(folded_type(r), "*"));
    second.line(text("const ", folded_type(r), " sum_", k, " = kiln_fold_column<", declarations_.step(r.op, r.dtype),
                     ">(", from, " + turn * ", parts_of_turn, " * columns + group, columns, here);"));
  }
  second.open("if (left > 1)");
  for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k)
    second.line(text(second.word({Word::Kind::others, k}, text(folded_type(kernel_.reductions[k]), "*")),
                     "[unit] = sum_", k, ";"));
  second.close();
  second.open("else");
  second.indices_of(outer, "group");
  second.before_loop(outer);
  second.end_row(&outer, loop);
  second.close();
  second.close();
  const bool light = packing.any() && packing.cost <= much;  // four blocks then have registers enough
  return finish(text("__launch_bounds__(256, ", light ? 4 : 2, ") "), kernel_.name) +
         second.finish("__launch_bounds__(256, 2) ", kernel_.folder);
}

// The indices at a group of items; `at`, its first turn along the last dimension, and `column`, the first's number.
void KernelWriter::column_of(const Statement& outer, const std::string& position, int items) {
  const std::size_t last = program_.loops[outer.target].dimensions.size() - 1;
  if (last == 0) {
    line(text("const kiln_i64 at = ", position, " * ", items, ", column = at;"));
  } else {
    line(text("const kiln_i64 row_of_group = kiln_quotient(", position, ", groups);"));
    line(text("const kiln_i64 at = (", position, " - row_of_group * groups) * ", items,
              ", column = row_of_group * trips_", last, " + at;"));
    std::string rest = "row_of_group";
    for (std::size_t k = last; k-- > 0;) {
      line(
          text("const kiln_i64 rest_", k, " = ", k == 0 ? "0" : text("kiln_quotient(", rest, ", trips_", k, ")"), ";"));
      index_of(outer, k, text("(", rest, " - rest_", k, " * trips_", k, ")"));
      rest = text("rest_", k);
    }
  }
  if (items == 1) index_of(outer, last, "at");
}

// Segments of the thread's part, folded by a tree.
void KernelWriter::sum_part(const Statement& outer, const Statement& loop, const Packing& packing) {
  const int segment = program_.loops[loop.target].segment;
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text("kiln_short_tree<", folded_type(r), ", ", declarations_.step(r.op, r.dtype), ", ", levels, ", ",
              packing.items, "> tree_", k, ";"));
    line(text("tree_", k, ".begin();"));
  }
  line(text("const kiln_i64 begin = part * run * ", segment, ", end = turns - begin < run * ", segment,
            " ? turns : begin + run * ", segment, ";"));
  // Where there are no packs of neighbouring iterations, those of neighbouring turns.
  const Packing along = packing.any() ? Packing{} : packing_of_turns(program_, loop);
  const bool has_along = along.any() && segment % along.items == 0;
  if (packing.any()) {
    line(text("bool packed = at + ", packing.items, " <= trips_", program_.loops[outer.target].dimensions.size() - 1,
              ";"));
    begin_packs(outer, packing, "at", loop, "begin", "(begin + 1)");
  }
  if (has_along) {
    pack_pointers(loop, along, "begin");
    line(text("const bool packed = ", packs_are_aligned(along, "0"), ";"));
  }
  line("#pragma unroll 1");
  open(text("for (kiln_i64 first = begin; first < end; first += ", segment, ")"));
  line(text("const int here = end - first < ", segment, " ? (int)(end - first) : ", segment, ";"));
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text(folded_type(r), " row_", k, "[", packing.items, "];"));
    line("#pragma unroll");
    line(text("for (int item = 0; item < ", packing.items, "; ++item) row_", k,
              "[item] = ", declarations_.step(r.op, r.dtype), "::identity();"));
  }
  turns_.push_back({"no_leave", "next"});
  if (packing.any()) {
    open("if (packed)");
    packed_turns(outer, loop, packing);
    close();
    open("else");
    line("#pragma unroll 1");
    open("for (int each = 0; each < here; ++each)");
    one_turn(outer, loop, packing, "each", false);
    close();
    close();
  } else {
    line("int each = 0;");
    if (has_along) turns_in_packs(outer, loop, along);
    line(text("#pragma unroll ", has_along ? 1 : 4));
    open("for (; each < here; ++each)");
    one_turn(outer, loop, packing, "each", false);
    close();
  }
  turns_.pop_back();
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) line(text("tree_", k, ".push(row_", k, ");"));
  close();
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    line(text(folded_type(kernel_.reductions[k]), " sum_", k, "[", packing.items, "];"));
    line(text("tree_", k, ".sum(sum_", k, ");"));
  }
}

// The turns of a segment, of all items each; some turns' packs are loaded before the first is folded.
void KernelWriter::packed_turns(const Statement& outer, const Statement& loop, const Packing& packing) {
  const int loads = static_cast<int>(packing.loads.size()), most = packing.cost > much ? 2 : loads_in_flight;
  for (const ir::NodeId id : packing.loads)
    line(text("const ", memory_type(program_.roots[program_[id].id].dtype), "* p", id, " = f", id,
              " + (first - begin) * by", id, ";"));
  line("int each = 0;");
  for (const int turns : {std::max(most / loads, 1), 1}) {
    line("#pragma unroll 1");
    open(text("for (; each + ", turns, " <= here; each += ", turns, ")"));
    declare_packs(packing, turns);
    line("#pragma unroll");
    open(text("for (int k = 0; k < ", turns, "; ++k)"));
    for (const ir::NodeId id : packing.loads)
      line(text("c", id, "[k] = ", is_only_read(program_[id].id) ? "kiln_read_pack<" : "kiln_load_pack<", packing.items,
                ">(p", id, " + k * by", id, ");"));
    close();
    line("#pragma unroll");
    open(text("for (int k = 0; k < ", turns, "; ++k)"));
    for (const ir::NodeId id : packing.loads) packed_loads_[id] = text("c", id, "[k].at + item");
    one_turn(outer, loop, packing, "each + k", true);
    packed_loads_.clear();
    close();
    for (const ir::NodeId id : packing.loads) line(text("p", id, " += ", turns, " * by", id, ";"));
    close();
    if (turns == 1) break;
  }
}

// The turns of a segment of one item, as many as a pack has at a time; `each` is the first that is left.
void KernelWriter::turns_in_packs(const Statement& outer, const Statement& loop, const Packing& along) {
  open("if (packed)");
  line("#pragma unroll 1");
  open(text("for (; each + ", along.items, " <= here; each += ", along.items, ")"));
  declare_packs(along, 1);
  for (const ir::NodeId id : along.loads)  // such that the compiler moves what it can out of the loop
    line(text("c", id, "[0] = kiln_load_pack<", along.items, ">(p", id, " + (first - begin + each));"));
  for (const ir::NodeId id : along.loads) packed_loads_[id] = text("c", id, "[0].at + k");
  line("#pragma unroll");
  open(text("for (int k = 0; k < ", along.items, "; ++k)"));
  one_turn(outer, loop, Packing{}, "each + k", false);
  close();
  packed_loads_.clear();
  close();
  close();
}

// Turn `each` of a segment, of all items.
void KernelWriter::one_turn(const Statement& outer, const Statement& loop, const Packing& packing,
                            const std::string& each, bool whole) {
  const std::size_t last = program_.loops[outer.target].dimensions.size() - 1;
  open("");
  index_of(loop, 0, text("(first + ", each, ")"));
  line("#pragma unroll");
  open(text("for (int item = 0; item < ", packing.items, "; ++item)"));
  if (!whole && packing.items > 1) line(text("if (at + item >= trips_", last, ") continue;"));
  if (packing.items > 1) index_of(outer, last, "(at + item)");
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text(folded_type(r), " term_", k, " = ", declarations_.step(r.op, r.dtype), "::identity();"));
    terms_[r.variable] = text("term_", k);
  }
  turn(loop);
  for (std::size_t k = 0; k < kernel_.reductions.size(); ++k) {
    const Reduction& r = kernel_.reductions[k];
    line(text("row_", k, "[item] = ", declarations_.step(r.op, r.dtype), "::fold(row_", k, "[item], term_", k, ");"));
    terms_.erase(r.variable);
  }
  close();
  close();
}

}  // namespace kiln::on_cuda
