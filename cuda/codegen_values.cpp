// Nodes as expressions: each is named once in the scope that first needs it; what the host knows comes as a word.
#include "core/visit.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cuda {

using ir::Node;
using ir::NodeId;
using ir::Op;
using ir::part_dtype;

bool HostNodes::has(NodeId id) {
  if (known_[id] != unknown) return known_[id] == yes;
  const Node& node = program_[id];
  bool has = true;
  switch (node.op) {
    case Op::constant:
    case Op::scalar_argument:
    case Op::extent:
    case Op::stride: break;
    case Op::index: has = std::find(loops_.begin(), loops_.end(), node.id) != loops_.end(); break;
    case Op::load:
    case Op::read_variable: has = false; break;
    default:
      // A function of the host's would not give the device's bits.
      has = node.op == Op::convert || ir::row(node.op).ulp == 0;
      ir::for_each_operand(program_, id, [&](NodeId operand) { has = has && this->has(operand); });
  }
  known_[id] = has ? yes : no;
  return has;
}

void KernelWriter::line(const std::string& text) {
  body_.append(static_cast<std::size_t>(depth_) * 2, ' ');
  body_ += text;
  body_ += '\n';
}

void KernelWriter::open(const std::string& text) {
  line(text + (text.empty() ? "{" : " {"));
  ++depth_;
  scopes_.emplace_back();
}

void KernelWriter::close(const std::string& tail) {
  for (const NodeId id : scopes_.back()) names_.erase(id);
  scopes_.pop_back();
  --depth_;
  line("}" + tail);
}

std::string KernelWriter::word(Word word, std::string_view type) {
  std::size_t at = 0;
  while (at < kernel_.words.size() && !(kernel_.words[at] == word)) ++at;
  if (at == kernel_.words.size()) kernel_.words.push_back(word);
  const std::string name = text("w", at);
  if (top_names_.emplace(name, true).second) {
    const bool is_pointer = type.ends_with('*');
    top_ += is_pointer ? text("  ", type, " const ", name, " = (", type, ")w.at[", at, "];\n")
                       : text("  const ", type, " ", name, " = kiln_word<", type, ">(w.at[", at, "]);\n");
  }
  return name;
}

std::string KernelWriter::slot(std::uint32_t number, DType dtype) const {
  return text("*(", register_type(dtype), "*)(slots + ", number * 16, ")");
}

// Names their address.
void KernelWriter::use_slots() {
  if (top_names_.emplace("slots", true).second)
    top_ += text("  char* const slots = ", word({Word::Kind::slots}, "char*"), ";\n");
}

void KernelWriter::define(NodeId id, const std::string& expression) {
  const std::string name = text("v", id);
  line(text("const ", register_type(program_[id].type.dtype), " ", name, " = ", expression, ";"));
  names_[id] = name;
  scopes_.back().push_back(id);
}

// A number that another kernel left.
std::string KernelWriter::leaf_slot(NodeId id) {
  const std::uint32_t number = plan_.node_slots[id];
  const Node& node = program_[id];
  if (number == ir::none)
    throw InternalError(text("node ", id, ", a ", ir::row(node.op).name, ", is used before it takes place"));
  const std::string name = text("n", id);
  if (top_names_.emplace(name, true).second) {
    use_slots();
    top_ += text("  const ", register_type(node.type.dtype), " ", name, " = ", slot(number, node.type.dtype), ";\n");
  }
  return name;
}

std::string KernelWriter::value(NodeId id) {
  if (const auto known = names_.find(id); known != names_.end()) return known->second;
  const Node& node = program_[id];
  const DType dtype = node.type.dtype;
  if (node.op == Op::constant) return literal(dtype, node.number);
  if (node.op == Op::index && !host_.has(id)) return text("i", node.id, "_", node.axis);
  if (node.op == Op::load || node.op == Op::read_variable) return leaf_slot(id);
  if (host_.has(id)) {
    if (!dtype.is_complex()) return word({Word::Kind::node, id}, register_type(dtype));
    const std::string re = word({Word::Kind::node, id, 0}, register_type(part_dtype(dtype)));
    return text(register_type(dtype), "{", re, ", ", word({Word::Kind::node, id, 1}, register_type(part_dtype(dtype))),
                "}");
  }
  const std::string expression = this->node(id);
  define(id, expression);
  return names_[id];
}

std::string KernelWriter::node(NodeId id) {
  const Node& node = program_[id];
  if (node.op == Op::convert) {
    const DType from = program_[node.operands[0]].type.dtype;
    return cast(value(node.operands[0]), from, node.type.dtype);
  }
  const int arity = ir::row(node.op).arity;
  std::string x[3];
  for (int k = 0; k < arity; ++k) x[k] = value(node.operands[k]);
  const DType operand = program_[node.operands[arity - 1]].type.dtype;
  if (program_.precise && operand == f64 && !is_precise_in_f64(node.op))
    refuse(text(ir::row(node.op).spelling,
                " of f64 is not within 1 ulp on a GPU, as .precise asks: call the function on "
                "the CPU, or without .precise"),
           node.location);
  return operation(node.op, operand, node.type.dtype, {x, static_cast<std::size_t>(arity)}, declarations_);
}

// ---- Roots ----------------------------------------------------------------------------------------------------------

std::string KernelWriter::root(ir::RootId id) {
  const std::string name = text("r", id);
  if (local_roots_.contains(id)) return name;
  const ir::Root& root = program_.roots[id];
  if (root.kind == ir::Root::Kind::alias && local_roots_.contains(ir::memory_of(program_, id)))
    return text("((", memory_type(root.dtype), "*)r", ir::memory_of(program_, id), ")");
  return word({Word::Kind::address, id}, text(memory_type(root.dtype), "*"));
}

std::string KernelWriter::extent(ir::RootId id, std::uint32_t axis) {
  const ir::Root& root = program_.roots[id];
  if (root.kind == ir::Root::Kind::parameter) return word({Word::Kind::extent, id, axis}, "kiln_i64");
  return value(root.extents[axis]);
}

std::string KernelWriter::stride(ir::RootId id, std::uint32_t axis) {
  const ir::Root& root = program_.roots[id];
  if (root.unit_strides >> axis & 1) return "1";
  if (root.kind == ir::Root::Kind::parameter) return word({Word::Kind::stride, id, axis}, "kiln_i64");
  std::string product = "1";
  for (std::uint32_t k = axis + 1; k < root.rank; ++k)
    product = k == axis + 1 ? extent(id, k) : text(product, " * ", extent(id, k));
  return root.rank - axis > 2 ? "(" + product + ")" : product;
}

std::string KernelWriter::element(ir::RootId id, bool flat, std::uint32_t first, std::uint32_t count) {
  std::string sum;
  for (std::uint32_t k = 0; k < count; ++k) {
    const std::string index = value(program_.indices[first + k]);
    const std::string by = flat ? "1" : stride(id, k);
    sum += (k ? " + " : "") + (by == "1" ? index : text(index, " * ", by));
  }
  return text(root(id), " + ",
              sum.empty()                                        ? "0"
              : count == 1 && sum.find(' ') == std::string::npos ? sum
                                                                 : "(" + sum + ")");
}

}  // namespace kiln::on_cuda
