// Whole kernels: one thread's statements; a parallel loop's iterations, a thread each, or in the order of its
// reductions.
#include "core/visit.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cuda {

using ir::NodeId;
using ir::none;
using ir::Statement;

namespace {

constexpr int threads_of_block = 256;
constexpr int rows = 32;  // of lanes to a block of a reduction's order

}  // namespace

std::string KernelWriter::finish(const std::string& bounds) {
  std::string out = text("KILN_KERNEL ", bounds, kernel_.name, "(const kiln_words<",
                         std::max<std::size_t>(kernel_.words.size(), 1), "> w) {\n");
  return out + top_ + body_ + "}\n\n";
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
  if ((!left.empty() || !written_.empty()) && top_names_.emplace("slots", true).second)
    top_ += text("  char* const slots = ", word({Word::Kind::slots}, "char*"), ";\n");
  return finish("__launch_bounds__(1) ");
}

void KernelWriter::name_reductions(const Statement& loop) {
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    if (s.kind != Statement::Kind::reduce || s.loop != loop.target) return;
    for (const Reduction& r : kernel_.reductions)
      if (r.variable == s.target) return;
    const DType dtype = program_.variables[s.target].type.dtype;
    const int lanes = dtype.size() < 4 ? 64 : 256 / static_cast<int>(dtype.size());
    kernel_.reductions.push_back(
        {s.target, s.op, dtype, lanes, text(kernel_.name, "_fold_", kernel_.reductions.size())});
  });
}

std::string KernelWriter::distributed(const Statement& loop) {
  name_reductions(loop);
  std::string folders;
  if (kernel_.reductions.empty()) {
    kernel_.grid = Kernel::Grid::threads;
    thread_per_iteration(loop);
  } else {
    kernel_.grid = Kernel::Grid::blocks;
    threads_per_block(loop);
    for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k) folder(kernel_.reductions[k], k, folders);
  }
  return finish(text("__launch_bounds__(", threads_of_block, ") ")) + folders;
}

// The indices of iteration `position`, the last dimension fastest; divisions in 32 bits where they suffice.
void KernelWriter::indices_of(const Statement& loop, const std::string& position) {
  const ir::Loop& l = program_.loops[loop.target];
  const std::size_t rank = l.dimensions.size();
  const auto index_is = [&](std::size_t k, const std::string& turn) {
    const ir::LoopDimension& d = l.dimensions[k];
    line(text("const kiln_i64 i", loop.target, "_", k, " = ", value(d.begin), " + ", turn, " * ", value(d.step), ";"));
  };
  if (rank == 1) return index_is(0, position);
  for (std::size_t k = 0; k < rank; ++k) line(text("kiln_i64 turn_", k, ";"));
  for (const char* type : {"kiln_u32", "kiln_u64"}) {
    const bool narrow = std::string_view(type) == "kiln_u32";
    open(narrow ? "if (total <= 0x7fffffff)" : "else");
    line(text(type, " rest = (", type, ")", position, ";"));
    for (std::size_t k = rank; k-- > 1;) {
      line(text("turn_", k, " = rest % (", type, ")trips_", k, ";"));
      line(text("rest /= (", type, ")trips_", k, ";"));
    }
    line("turn_0 = rest;");
    close();
  }
  for (std::size_t k = 0; k < rank; ++k) index_is(k, text("turn_", k));
}

namespace {

std::string product_of_trips(std::size_t rank) {
  std::string product;
  for (std::size_t k = 0; k < rank; ++k) product += text(k ? " * " : "", "trips_", k);
  return product;
}

}  // namespace

void KernelWriter::thread_per_iteration(const Statement& loop) {
  const ir::Loop& l = program_.loops[loop.target];
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) {
    const ir::LoopDimension& d = l.dimensions[k];
    line(text("const kiln_i64 trips_", k, " = kiln_trips(", value(d.begin), ", ", value(d.end), ", ", value(d.step),
              ");"));
  }
  line(text("const kiln_i64 total = ", product_of_trips(l.dimensions.size()), ";"));
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

// `group` threads take a block of the order, lane by lane: thread k has the lanes k, k + group … of each reduction. A
// reduction of wider numbers has fewer lanes and shorter blocks: several of them in one.
void KernelWriter::threads_per_block(const Statement& loop) {
  const ir::Loop& l = program_.loops[loop.target];
  int group = 64, most = 0;
  for (const Reduction& r : kernel_.reductions) {
    group = std::min(group, r.lanes);
    most = std::max(most, r.lanes);
  }
  kernel_.group = group;
  kernel_.block_elements = rows * most;
  const int parts = most / group;  // of a block, `rows` rows of `group` each
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) {
    const ir::LoopDimension& d = l.dimensions[k];
    line(text("const kiln_i64 trips_", k, " = kiln_trips(", value(d.begin), ", ", value(d.end), ", ", value(d.step),
              ");"));
  }
  line(text("const kiln_i64 total = ", product_of_trips(l.dimensions.size()), ";"));
  line(text("const int groups = blockDim.x / ", group, ", lane = threadIdx.x % ", group, ";"));
  line(text("const kiln_i64 blocks = (total + ", kernel_.block_elements - 1, ") / ", kernel_.block_elements, ";"));
  for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k)
    line(text("__shared__ ", register_type(ir::accumulator_dtype(kernel_.reductions[k].dtype)), " memory_", k, "[",
              threads_of_block, "];"));
  open("for (kiln_i64 first = (kiln_i64)blockIdx.x * groups; first < blocks; first += (kiln_i64)gridDim.x * groups)");
  line(text("const kiln_i64 start = (first + threadIdx.x / ", group, ") * ", kernel_.block_elements, ";"));
  const auto each = [&](auto&& what) {
    for (std::uint32_t k = 0; k < kernel_.reductions.size(); ++k) {
      const Reduction& r = kernel_.reductions[k];
      what(k, r, declarations_.step(r.op, r.dtype), register_type(ir::accumulator_dtype(r.dtype)), r.lanes / group);
    }
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
  line(text("const kiln_i64 at = start + (part * ", rows, " + row) * ", group, " + lane;"));
  each([&](std::uint32_t k, const Reduction& r, const std::string& step, std::string_view type, int) {
    line(text(type, " term_", k, " = ", step, "::identity();"));
    terms_[r.variable] = text("term_", k);
  });
  open("if (at < total)");
  indices_of(loop, "at");
  position_ = "at";
  failed_ = "goto failed;";
  turns_.push_back({"no_leave", "next"});
  turn(loop);
  turns_.pop_back();
  close();
  if (kernel_.may_fail) line("failed:;");
  each([&](std::uint32_t k, const Reduction&, const std::string& step, std::string_view, int own) {
    line(text("row_", k, "[row % ", own, "] = ", step, "::fold(row_", k, "[row % ", own, "], term_", k, ");"));
  });
  close();
  each([&](std::uint32_t k, const Reduction& r, const std::string& step, std::string_view type, int own) {
    open(text("if (part % ", own, " == ", own - 1, ")"));
    for (int half = own / 2; half != 0; half /= 2)
      line(text("for (int k = 0; k < ", half, "; ++k) row_", k, "[k] = ", step, "::fold(row_", k, "[k], row_", k,
                "[k + ", half, "]);"));
    line(text("const ", type, " sum = kiln_fold_lanes<", group, ", ", step, ">(row_", k, "[0], memory_", k, ");"));
    const int size = rows * r.lanes;
    line(text("const kiln_i64 block = start / ", size, " + part / ", own, ";"));
    line(text("if (lane == 0 && block * ", size, " < total) ", word({Word::Kind::partials, k}, text(type, "*")),
              "[block] = sum;"));
    close();
  });
  close();
  close();
}

// The second kernel of a reduction: the sums of blocks, and what the Var was.
void KernelWriter::folder(const Reduction& r, std::uint32_t index, std::string& out) {
  const DType folded = ir::accumulator_dtype(r.dtype);
  const std::string_view type = register_type(folded);
  const std::string step = declarations_.step(r.op, r.dtype);
  const std::string var = slot(plan_.variable_slots[r.variable], r.dtype);
  (void)index;
  out += text("KILN_KERNEL __launch_bounds__(1024) ", r.folder, "(", type, "* sums, ", type,
              "* other, kiln_i64 count, char* slots) {\n");
  out += text("  const ", type, " sum = count > 0 ? kiln_fold_blocks<", step, ">(sums, other, count) : ", step,
              "::identity();\n");
  out += text("  if (threadIdx.x == 0) ", var, " = ", cast(text(step, "::fold(", var, ", sum)"), folded, r.dtype),
              ";\n}\n\n");
}

}  // namespace kiln::on_cuda
