// Statements as CUDA C++, as one thread runs them.
#include "core/not_compiled.h"
#include "core/visit.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cuda {

using ir::Node;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

// Arrays that an iteration makes are the thread's own up to so many bytes, which it may have in registers.
constexpr std::int64_t most_local_bytes = 2048;

}  // namespace

void KernelWriter::refuse(const std::string& what, std::uint32_t location) const {
  throw CompileError(what, program_.locations[location]);
}

void KernelWriter::block(ir::BlockId id) {
  for (ir::VariableId v = 0; v < program_.variables.size(); ++v) {
    if (program_.variables[v].block != id || id == 0) continue;
    const std::string_view type = variable_type(v);
    line(text(type, " x", v, " = ", type, "();"));
    local_variables_.insert(v);
  }
  statements(id);
}

// A counter that fits is kept in 32 bits: one instruction instead of two for each of its operations (mandelbrot in f32
// turns with 12 instead of 14).
std::string_view KernelWriter::variable_type(ir::VariableId id) {
  const DType dtype = program_.variables[id].type.dtype;
  const bool narrow = dtype == i64 && ranges_ && ranges_->of_variable(id).fits_32_bits();
  return register_type(narrow ? i32 : dtype);
}

void KernelWriter::statements(ir::BlockId id) {
  for (const Statement& s : program_.blocks[id].statements) statement(s);
}

void KernelWriter::statement(const Statement& s) {
  switch (s.kind) {
    case Kind::evaluate: return evaluate(s.value);
    case Kind::assign: return assign(s);
    case Kind::reduce: return reduce(s);
    case Kind::store: return store(s);
    case Kind::update: return update(s);
    case Kind::loop: return loop(s);
    case Kind::while_: return while_loop(s);
    case Kind::branch: return branch(s);
    case Kind::break_: return leave(true);
    case Kind::continue_: return leave(false);
    case Kind::allocate: return allocate(s);
    case Kind::swap: return swap(s);
    case Kind::guard: return guard(s);
  }
}

// ---- Values ---------------------------------------------------------------------------------------------------------

// A Var: the thread's own, or one of the host's scopes, which lives in a slot between kernels.
std::string KernelWriter::reference(ir::VariableId id) {
  const std::string name = text("x", id);
  if (local_variables_.contains(id)) return name;
  if (!top_names_.emplace(name, true).second) return name;
  const std::uint32_t number = plan_.variable_slots[id];
  if (number == none) throw InternalError(text("variable ", id, " has no slot"));
  use_slots();
  const DType dtype = program_.variables[id].type.dtype;
  top_ += text("  ", register_type(dtype), " ", name, " = ", slot(number, dtype), ";\n");
  return name;
}

void KernelWriter::evaluate(NodeId id) {
  const Node& node = program_[id];
  if (node.op == Op::load) return load(id);
  define(id, reference(node.id));
}

void KernelWriter::load(NodeId id) {
  const Node& node = program_[id];
  const std::string_view type = register_type(node.type.dtype);
  const auto take = [&]() -> std::string {
    if (node.checked != 0) check(node.id, node.checked, node.axis, node.location);
    if (in_team_ && is_updated(node.id))
      return told(type, node.location, [&](const std::string& into) {
        line(text(into, " = kiln_load(", element(node.id, node.flat, node.axis, node.count), ");"));
      });
    if (const auto pack = packed_loads_.find(id); pack != packed_loads_.end())
      return text("kiln_load(", pack->second, ")");
    return text("kiln_load(", element(node.id, node.flat, node.axis, node.count), ")");
  };
  if (node.operands[0] == none) return define(id, take());
  const std::string guard = value(node.operands[0]), name = text("v", id);
  line(text(type, " ", name, " = ", type, "();"));
  open(text("if (", guard, ")"));
  line(text(name, " = ", take(), ";"));
  close();
  names_[id] = name;
  scopes_.back().push_back(id);
}

void KernelWriter::assign(const Statement& s) {
  const std::string x = value(s.value);
  line(text(reference(s.target), " = ", x, ";"));
  written_.insert(s.target);
}

void KernelWriter::reduce(const Statement& s) {
  const std::string x = value(s.value);
  for (const Folding& f : foldings_)
    if (f.variable == s.target && f.loop == s.loop)
      return line(text(f.term, " = ", f.step, "::fold(", f.term, ", ", x, ");"));
  if (const std::uint32_t of_host = host_folding(s.loop, s.target); of_host != none) {
    use_slots();
    const DType dtype = program_.variables[s.target].type.dtype;
    const std::string term = slot(of_host, ir::accumulator_dtype(dtype));
    return line(text(term, " = ", declarations_.step(s.op, dtype), "::fold(", term, ", ", x, ");"));
  }
  const auto shared = terms_.find(s.target);
  if (shared == terms_.end()) throw InternalError(text("a reduction of variable ", s.target, " outside its loop"));
  line(text(shared->second, " = ", declarations_.step(s.op, program_.variables[s.target].type.dtype), "::fold(",
            shared->second, ", ", x, ");"));
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

void KernelWriter::store(const Statement& s) {
  if (s.checked != 0) check(s.target, s.checked, s.first_index, s.location);
  const std::string x = value(s.value);
  const auto pack = packed_stores_.find(&s);
  const std::string at =
      pack != packed_stores_.end() ? pack->second : element(s.target, s.flat, s.first_index, s.index_count);
  by_one([&] { line(text("kiln_store(", at, ", ", x, ");")); });
}

// Of a team one thread: the others have read what was there before, and wait.
void KernelWriter::by_one(const std::function<void()>& write) {
  if (!in_team_) return write();
  barrier();
  open("if (threadIdx.x == 0)");
  write();
  close();
  barrier();
}

// What one thread finds, the team's others are told: of memory that other teams change meanwhile each would find
// something else, and some would go where the others wait for them.
std::string KernelWriter::told(std::string_view type, std::uint32_t location,
                               const std::function<void(const std::string& into)>& find) {
  const std::string name = text("told_", labels_++);
  take_shared(16, location);
  line(text("__shared__ ", type, " ", name, ";"));
  by_one([&] { find(name); });
  return name;
}

void KernelWriter::barrier() {
  if (!std::string_view(body_).ends_with("__syncthreads();\n")) line("__syncthreads();");
}

void KernelWriter::update(const Statement& s) {
  const DType dtype = program_.roots[s.target].dtype;
  const std::string_view type = register_type(dtype);
  if (s.checked != 0) check(s.target, s.checked, s.first_index, s.location);
  const std::string x = value(s.value);
  const std::string expected = s.expected == none ? std::string() : value(s.expected);
  const bool alone = kernel_.grid == Kernel::Grid::one || s.sharing == ir::Sharing::own;
  const std::string at = element(s.target, s.flat, s.first_index, s.index_count);
  std::string operands[] = {"old", x};
  std::string changed = x;
  if (s.op != Op::select) changed = operation(s.op, dtype, dtype, operands, declarations_);
  if (!expected.empty()) {
    std::string both[] = {"old", expected};
    changed = text("(", operation(Op::equal, dtype, bool_, both, declarations_), ") ? ", changed, " : old");
  }
  const bool wanted = s.other != none;
  const std::string how = text("[&](", type, " old) -> ", type, " { return ", changed, "; }");
  std::string call;
  if (alone) {
    call = text("kiln_update(", at, ", ", how, ")");
  } else if (dtype == c128) {
    if (s.op != Op::add) refuse(ir::update_of_both_parts(program_.roots[s.target], s.op), s.location);
    return by_one([&] { line(text("kiln_add_parts(", at, ", ", x, ");")); });
  } else if (s.op == Op::add && expected.empty() && !wanted && !dtype.is_complex() && dtype.size() >= 4) {
    call = text("kiln_atomic_add(", at, ", ", x, ")");
  } else {
    call = text("kiln_atomic(", at, ", ", how, ")");
  }
  if (!wanted) return by_one([&] { line(call + ";"); });
  written_.insert(s.other);
  const std::string other = reference(s.other);
  if (!in_team_) return line(text(other, " = ", call, ";"));
  line(text(other, " = ", told(type, s.location, [&](const std::string& into) { line(text(into, " = ", call, ";")); }),
            ";"));
}

void KernelWriter::allocate(const Statement& s) {
  const ir::Root& root = program_.roots[s.target];
  const std::string_view type = memory_type(root.dtype);
  std::int64_t elements = 1;
  bool known = true;
  for (int k = 0; k < root.rank; ++k) {
    const Node& extent = program_[root.extents[k]];
    known = known && extent.op == Op::constant &&
            !__builtin_mul_overflow(elements, std::max<std::int64_t>(extent.number.i, 0), &elements);
  }
  const std::string name = text("r", s.target);
  if (known && !in_team_ && elements * static_cast<std::int64_t>(root.dtype.size()) <= most_local_bytes) {
    line(text(type, " ", name, "_own[", std::max<std::int64_t>(elements, 1), "];"));
    line(text(type, "* ", name, " = ", name, "_own;"));
  } else {
    for (int k = 0; k < root.rank; ++k)
      if (!host_.has(root.extents[k]) && plan_.node_slots[root.extents[k]] == none)
        refuse(ir::extents_that_differ(root), s.location);
    const auto same = [&](const Kernel::Scratch& each) { return each.root == s.target; };
    if (std::none_of(kernel_.scratch.begin(), kernel_.scratch.end(), same))
      kernel_.scratch.push_back({s.target, in_team_});
    std::string count("1");
    for (std::uint32_t k = 0; k < root.rank; ++k)
      count = k == 0 ? extent(s.target, k) : text(count, " * ", extent(s.target, k));
    const std::string base = word({Word::Kind::scratch, s.target}, text(type, "*"));
    const char* const owner = in_team_ ? "(kiln_i64)blockIdx.x" : "((kiln_i64)blockIdx.x * blockDim.x + threadIdx.x)";
    line(text(type, "* ", name, " = ", base, " + ", owner, " * (", count, ");"));
  }
  local_roots_.insert(s.target);
}

void KernelWriter::swap(const Statement& s) {
  if (!local_roots_.contains(s.target) || !local_roots_.contains(s.other))
    refuse("arrays from outside a parallel loop are swapped inside it, which is not compiled", s.location);
  const std::string_view type = memory_type(program_.roots[s.target].dtype);
  open("");
  line(text(type, "* const other = r", s.target, ";"));
  line(text("r", s.target, " = r", s.other, ";"));
  line(text("r", s.other, " = other;"));
  close();
}

// ---- Failures -------------------------------------------------------------------------------------------------------

void KernelWriter::fail(const std::string& status, const std::vector<std::string>& values) {
  kernel_.may_fail = true;
  const std::string failure = word({Word::Kind::failure}, "kiln_failure*");
  const std::string launch = word({Word::Kind::launch}, "kiln_u32");
  std::string list(values.empty() ? "0" : "");
  for (const std::string& x : values) list += (list.empty() ? "" : ", ") + x;
  line(text("const kiln_i64 told[] = {", list, "};"));
  line(text("kiln_fail(", failure, ", ", launch, ", ", position_, ", ", inner_, ", ", status, ", told, ", values.size(),
            ");"));
  line(failed_);
}

void KernelWriter::check(ir::RootId id, std::uint8_t axes, std::uint32_t first, std::uint32_t location) {
  const ir::Root& root = program_.roots[id];
  for (std::uint32_t axis = 0; axis < root.rank; ++axis) {
    if (!(axes >> axis & 1)) continue;
    const std::string index = value(program_.indices[first + axis]), extent = this->extent(id, axis);
    std::vector<std::string> told = {text(id), text(location), text(axis), index};
    for (std::uint32_t k = 0; k < root.rank; ++k) told.push_back(this->extent(id, k));
    open(text("if ((kiln_u64)", index, " >= (kiln_u64)", extent, ")"));
    fail("-2", told);
    close();
  }
}

void KernelWriter::guard(const Statement& s) {
  const std::string condition = value(s.condition);
  std::vector<std::string> told;
  for (const NodeId shown : program_.messages[s.message].shown)
    if (told.size() < 16) told.push_back(value(shown));
  open(text("if (!(", condition, "))"));
  fail(text(s.message + 1), told);
  close();
}

// ---- Control flow ---------------------------------------------------------------------------------------------------

void KernelWriter::branch(const Statement& s) {
  const std::string condition = value(s.condition);
  if (s.body != none) {
    open(text("if (", condition, ")"));
    block(s.body);
    close();
    if (s.otherwise == none) return;
    body_.pop_back();
    body_ += " else {\n";
    ++depth_;
    scopes_.emplace_back();
  } else {
    open(text("if (!(", condition, "))"));
  }
  if (s.otherwise != none) block(s.otherwise);
  close();
}

void KernelWriter::leave(bool whole_loop) {
  if (turns_.empty()) throw InternalError("a break or continue outside a loop");
  Turn& turn = turns_.back();
  (whole_loop ? turn.left : turn.cut) = true;
  if (whole_loop)
    for (const std::string& each : turn.at_end) line(each);
  line(text("goto ", whole_loop ? turn.leave : turn.next, ";"));
}

// The body of a loop, once: what ends a turn stands behind a label.
void KernelWriter::turn(const Statement& s) {
  open("");
  block(s.body);
  close();
  if (turns_.back().cut) line(turns_.back().next + ":;");
}

void KernelWriter::while_loop(const Statement& s) {
  const int number = labels_++;
  turns_.push_back({text("leave_", number), text("next_", number)});
  open("for (;;)");
  open("");
  block(s.body);
  line(text("if (!(", value(s.condition), ")) break;"));
  block(s.otherwise);
  close();
  if (turns_.back().cut) line(turns_.back().next + ":;");
  close();
  if (turns_.back().left) line(turns_.back().leave + ":;");
  turns_.pop_back();
}

std::vector<KernelWriter::Folding> KernelWriter::foldings(const Statement& loop) {
  std::vector<Folding> found;
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    if (s.kind != Kind::reduce || s.loop != loop.target) return;
    for (const Folding& f : found)
      if (f.variable == s.target) return;
    const DType dtype = program_.variables[s.target].type.dtype;
    const int number = labels_++;
    found.push_back(
        {s.target, loop.target, declarations_.step(s.op, dtype), text("fold_", number), text("term_", number), dtype});
  });
  return found;
}

std::string KernelWriter::fold_type(const Folding& f) const {
  const ir::Loop& l = program_.loops[f.loop];
  const std::string_view type = register_type(ir::accumulator_dtype(f.dtype));
  const int lanes = ir::lanes_of(f.dtype);
  return l.parallel ? text("kiln_wide<", type, ", ", f.step, ", ", lanes, ">")
                    : text("kiln_narrow<", type, ", ", f.step, ", ", l.segment, ">");
}

// The slot of its term; none where the loop is not the host's.
std::uint32_t KernelWriter::host_folding(ir::LoopId loop, ir::VariableId variable) const {
  for (const HostFolding& f : plan_.foldings)
    if (f.loop == loop && f.variable == variable) return f.slot;
  return none;
}

void KernelWriter::loop(const Statement& s) {
  const ir::Loop& l = program_.loops[s.target];
  if (in_team_ && l.parallel && !has_parallel_loop(s)) return team_loop(s);
  const std::vector<Folding> found = foldings(s);
  for (const Folding& f : found) {
    line(text(fold_type(f), " ", f.fold, ";"));
    line(f.fold + ".begin();");
    foldings_.push_back(f);
  }
  const int number = labels_++;
  turns_.push_back({text("leave_", number), text("next_", number)});
  for (const Folding& f : found) turns_.back().at_end.push_back(text(f.fold, ".turn(", f.term, ");"));
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) {
    const ir::LoopDimension& d = l.dimensions[k];
    const std::string index = text("i", s.target, "_", k), begin = value(d.begin), end = value(d.end),
                      step = value(d.step);
    line(text("kiln_i64 ", index, " = ", begin, ";"));
    open(text("for (kiln_i64 left_", number, "_", k, " = kiln_trips(", begin, ", ", end, ", ", step, "); left_", number,
              "_", k, " > 0; --left_", number, "_", k, ", ", index, " += ", step, ")"));
  }
  for (const Folding& f : found)
    line(text(register_type(ir::accumulator_dtype(f.dtype)), " ", f.term, " = ", f.step, "::identity();"));
  turn(s);
  for (const std::string& each : turns_.back().at_end) line(each);
  for (std::size_t k = 0; k < l.dimensions.size(); ++k) close();
  if (turns_.back().left) line(turns_.back().leave + ":;");
  turns_.pop_back();
  for (const Folding& f : found) {
    foldings_.pop_back();
    const std::string x = reference(f.variable);
    line(text(x, " = ", cast(text(f.fold, ".end(", x, ")"), ir::accumulator_dtype(f.dtype), f.dtype), ";"));
    written_.insert(f.variable);
  }
}

}  // namespace kiln::on_cuda
