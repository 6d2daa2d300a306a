// Loops whose threads do several neighbouring iterations at once: their elements come and go in packs of 16 bytes.
#include "core/visit.h"
#include "cuda/codegen.h"

namespace kiln::on_cuda {

using ir::Node;
using ir::NodeId;
using ir::Statement;

namespace {

std::string pack_type(ir::RootId root, const ir::Program& program, int items) {
  return text("kiln_pack<", memory_type(program.roots[root].dtype), ", ", items, ">");
}

}  // namespace

// Pointers p… to the elements that the packs' accesses have after `turn` turns of the last dimension.
void KernelWriter::pack_pointers(const Statement& loop, const Packing& packing, const std::string& turn) {
  for (const NodeId id : packing.loads)
    line(text("const ", memory_type(program_.roots[program_[id].id].dtype), "* p", id, ";"));
  for (std::size_t k = 0; k < packing.stores.size(); ++k)
    line(text(memory_type(program_.roots[packing.stores[k]->target].dtype), "* q", k, ";"));
  open("");
  index_of(loop, program_.loops[loop.target].dimensions.size() - 1, turn);
  for (const NodeId id : packing.loads) {
    const Node& node = program_[id];
    line(text("p", id, " = ", element(node.id, node.flat, node.axis, node.count), ";"));
  }
  for (std::size_t k = 0; k < packing.stores.size(); ++k) {
    const Statement& s = *packing.stores[k];
    line(text("q", k, " = ", element(s.target, s.flat, s.first_index, s.index_count), ";"));
  }
  close();
  // Where the first pack that is aligned begins.
  const bool of_store = !packing.stores.empty();
  const ir::RootId root = of_store ? packing.stores[0]->target : program_[packing.loads[0]].id;
  line(text("const int lead = (int)((kiln_u64)", of_store ? text("q0") : text("p", packing.loads[0]), " / ",
            program_.roots[root].dtype.size(), " % ", packing.items, ");"));
}

// Packs `at` along a loop, stepped along another one: where they are at its turn `first`, and what they move by from
// there to `second`. `packed` becomes whether they are aligned in both turns, and so in all.
void KernelWriter::begin_packs(const Statement& loop, const Packing& packing, const std::string& at,
                               const Statement& stepped, const char* first, const char* second) {
  for (const NodeId id : packing.loads)
    line(text("const ", memory_type(program_.roots[program_[id].id].dtype), "* f", id, " = 0; kiln_i64 by", id,
              " = 0;"));
  for (const char* const turn : {first, second}) {
    open("if (packed)");
    index_of(stepped, 0, turn);
    pack_pointers(loop, packing, at);
    line(text("packed = ", packs_are_aligned(packing, "0"), ";"));
    for (const NodeId id : packing.loads)
      line(turn == second ? text("by", id, " = p", id, " - f", id, ";") : text("f", id, " = p", id, ";"));
    close();
  }
}

std::string KernelWriter::packs_are_aligned(const Packing& packing, const std::string& at) const {
  std::string all;
  const auto add = [&](const std::string& pointer, ir::RootId root) {
    const std::size_t bytes = program_.roots[root].dtype.size() * static_cast<std::size_t>(packing.items);
    all += text(all.empty() ? "" : " | ", "(kiln_u64)(", pointer, " + ", at, ") % ", bytes);
  };
  for (const NodeId id : packing.loads) add(text("p", id), program_[id].id);
  for (std::size_t k = 0; k < packing.stores.size(); ++k) add(text("q", k), packing.stores[k]->target);
  return "(" + all + ") == 0";
}

void KernelWriter::declare_packs(const Packing& packing, int count) {
  for (const NodeId id : packing.loads)
    line(text(pack_type(program_[id].id, program_, packing.items), " c", id, "[", count, "];"));
  for (std::size_t k = 0; k < packing.stores.size(); ++k)
    line(text(pack_type(packing.stores[k]->target, program_, packing.items), " d", k, "[", count, "];"));
}

void KernelWriter::load_packs(const Packing& packing, const std::string& which, const std::string& at) {
  for (const NodeId id : packing.loads)
    line(text("c", id, "[", which, "] = ", is_only_read(program_[id].id) ? "kiln_read_pack<" : "kiln_load_pack<",
              packing.items, ">(p", id, " + ", at, ");"));
}

// The turns of a pack's items; `at` of the first.
void KernelWriter::items_of_packs(const Statement& loop, const Packing& packing, const std::string& which,
                                  const std::string& at) {
  for (const NodeId id : packing.loads) packed_loads_[id] = text("c", id, "[", which, "].at + item");
  for (std::size_t k = 0; k < packing.stores.size(); ++k)
    packed_stores_[packing.stores[k]] = text("d", k, "[", which, "].at + item");
  line("#pragma unroll");
  open(text("for (int item = 0; item < ", packing.items, "; ++item)"));
  index_of(loop, program_.loops[loop.target].dimensions.size() - 1, text("(", at, " + item)"));
  turn(loop);
  close();
  packed_loads_.clear();
  packed_stores_.clear();
}

void KernelWriter::store_packs(const Packing& packing, const std::string& which, const std::string& at) {
  for (std::size_t k = 0; k < packing.stores.size(); ++k)
    line(text("kiln_store_pack(q", k, " + ", at, ", d", k, "[", which, "]);"));
}

// One dimension: the grid takes tiles, of which each thread has several packs; what is before the first aligned one and
// behind the last tile is done one by one, and everything where the packs are not aligned together.
void KernelWriter::packed_line(const Statement& loop, const Packing& packing) {
  const int items = packing.items, tile = threads_of_block * items * packing.vectors;
  turns_.push_back({"no_leave", "next"});
  pack_pointers(loop, packing, "0");
  line(text("const kiln_i64 head = (", items, " - lead) % ", items, ";"));
  line("kiln_i64 packed = 0;");
  open(text("if (", packs_are_aligned(packing, "head"), " && total > head)"));
  line(text("packed = (total - head) & ~", tile - 1, "ll;"));
  line("#pragma unroll 1");
  open(text("for (kiln_i64 first = head + (kiln_i64)blockIdx.x * ", tile,
            "; first < head + packed; first += (kiln_i64)", "gridDim.x * ", tile, ")"));
  declare_packs(packing, packing.vectors);
  const auto each_pack = [&](auto&& what) {
    line("#pragma unroll");
    open(text("for (int vector = 0; vector < ", packing.vectors, "; ++vector)"));
    line(text("const kiln_i64 at = first + (vector * ", threads_of_block, " + (int)threadIdx.x) * ", items, ";"));
    what();
    close();
  };
  each_pack([&] { load_packs(packing, "vector", "at"); });
  each_pack([&] {
    items_of_packs(loop, packing, "vector", "at");
    store_packs(packing, "vector", "at");
  });
  close();
  close();
  line("#pragma unroll 1");
  open(
      "for (kiln_i64 rest = (kiln_i64)blockIdx.x * blockDim.x + threadIdx.x; rest < total - packed; rest += "
      "(kiln_i64)gridDim.x * blockDim.x)");
  index_of(loop, 0, "(rest < head ? rest : rest + packed)");
  turn(loop);
  close();
  turns_.pop_back();
}

// Several dimensions: a thread has a pack of a row at a time.
void KernelWriter::packed_rows(const Statement& loop, const Packing& packing) {
  const std::size_t last = program_.loops[loop.target].dimensions.size() - 1;
  const int items = packing.items;
  turns_.push_back({"no_leave", "next"});
  line(text("const kiln_i64 groups = trips_", last, " == 0 ? 0 : (trips_", last, " + ", 2 * items - 2, ") / ", items,
            ";"));
  std::string product("groups");
  for (std::size_t k = 0; k < last; ++k) product += text(" * trips_", k);
  line("#pragma unroll 1");
  open(text("for (kiln_i64 group = (kiln_i64)blockIdx.x * blockDim.x + threadIdx.x, total = ", product,
            "; group < total; group += (kiln_i64)gridDim.x * blockDim.x)"));
  turns_of(loop, "group", items);
  for (std::size_t k = 0; k < last; ++k) index_of(loop, k, text("turn_", k));
  pack_pointers(loop, packing, "0");
  line(text("const kiln_i64 at = turn_", last, " * ", items, " - lead;"));
  open(text("if (at >= 0 && at + ", items, " <= trips_", last, " && ", packs_are_aligned(packing, "at"), ")"));
  declare_packs(packing, 1);
  load_packs(packing, "0", "at");
  items_of_packs(loop, packing, "0", "at");
  store_packs(packing, "0", "at");
  close();
  open("else");
  line("#pragma unroll 1");
  open(text("for (int item = 0; item < ", items, "; ++item)"));
  line(text("if (at + item < 0 || at + item >= trips_", last, ") continue;"));
  index_of(loop, last, "(at + item)");
  turn(loop);
  close();
  close();
  close();
  turns_.pop_back();
}

}  // namespace kiln::on_cuda
