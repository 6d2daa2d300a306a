// The Program as text. Names are given in the order in which statements mention things, so the text does not depend on
// the order in which C++ evaluated the operands of an expression.
#include "core/ir.h"

#include "core/error_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kiln::ir {
namespace {

using Kind = Statement::Kind;

std::string floating_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char digits[32];
  std::string out(digits, std::to_chars(digits, digits + sizeof digits, x).ptr);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string constant_text(const Node& node) {
  const DType dtype = node.type.dtype;
  if (dtype.is_bool()) return node.number.i != 0 ? "true" : "false";
  const std::string suffix = dtype == i64 || dtype == f64 ? "" : dtype.name();
  if (dtype == u64) return std::to_string(static_cast<std::uint64_t>(node.number.i)) + suffix;
  if (dtype.is_integer()) return std::to_string(node.number.i) + suffix;
  if (dtype.is_complex())
    return text("(", floating_text(node.number.re), ", ", floating_text(node.number.im), ")", suffix);
  if (dtype == f32) {
    // The digits a float needs, not those of the double it is kept in.
    char digits[32];
    const auto x = static_cast<float>(node.number.re);
    if (!std::isfinite(x)) return floating_text(x) + suffix;
    std::string out(digits, std::to_chars(digits, digits + sizeof digits, x).ptr);
    return (out.find_first_of(".e") == std::string::npos ? out + ".0" : out) + suffix;
  }
  return floating_text(node.number.re) + suffix;
}

class Printer {
 public:
  Printer(const Program& program, const std::vector<Dependence>& dependences)
      : program_(program),
        dependences_(dependences),
        uses_(program.nodes.size(), 0),
        names_(program.nodes.size(), none),
        visible_(program.nodes.size(), false),
        loops_(program.loops.size(), none),
        variables_(program.variables.size(), none),
        roots_(program.roots.size(), none) {}

  std::string print() {
    count_block(0);
    for (const Result& result : program_.results) for_each_of(result, [&](NodeId id) { count(id); });
    depth_ = 1;
    block(0);
    results();
    return header() + out_;
  }

 private:
  // ---- how often nodes are used
  template <class Visit>
  static void for_each_of(const Result& result, Visit&& visit) {
    if (!result.is_array) return visit(result.value);
    visit(result.offset);
    for (int k = 0; k < result.rank; ++k) visit(result.extents[k]);
    for (int k = 0; k < result.rank; ++k) visit(result.strides[k]);
  }

  void count(NodeId id) {
    if (id == none || uses_[id]++ != 0) return;
    const Node& node = program_[id];
    for (const NodeId operand : node.operands) count(operand);
    if (node.op == Op::load)
      for (std::uint32_t k = 0; k < node.count; ++k) count(program_.indices[node.axis + k]);
  }
  void count_block(BlockId id) {
    for (const Statement& s : program_.blocks[id].statements) {
      count(s.value);
      count(s.condition);
      for (std::uint32_t k = 0; k < s.index_count; ++k) count(program_.indices[s.first_index + k]);
      if (s.kind == Kind::loop)
        for (const LoopDimension& d : program_.loops[s.target].dimensions) count(d.begin), count(d.end), count(d.step);
      if (s.kind == Kind::allocate)
        for (int k = 0; k < program_.roots[s.target].rank; ++k) count(program_.roots[s.target].extents[k]);
      if (s.kind == Kind::guard)
        for (const NodeId shown : program_.messages[s.message].shown) count(shown);
      if (s.body != none) count_block(s.body);
      if (s.otherwise != none) count_block(s.otherwise);
    }
  }

  // ---- names
  static std::uint32_t number(std::vector<std::uint32_t>& names, std::uint32_t id, std::uint32_t& next) {
    if (names[id] == none) names[id] = next++;
    return names[id];
  }
  std::string node_name(NodeId id) { return text("%", number(names_, id, next_node_)); }
  std::string variable_name(VariableId id) { return text("v", number(variables_, id, next_variable_)); }
  std::string index_name(LoopId id, std::size_t dimension) {
    return std::string(1, "ijklmnop"[dimension]) + std::to_string(number(loops_, id, next_loop_));
  }
  std::string root_name(RootId id) {
    const Root& root = program_.roots[id];
    if (root.kind == Root::Kind::parameter) return text("a", root.argument);
    if (roots_[id] == none) {
      roots_[id] = static_cast<std::uint32_t>(others_.size());
      others_.push_back(id);
    }
    return text(root.kind == Root::Kind::alias ? "r" : "t", roots_[id]);
  }

  // ---- expressions
  std::string expression(NodeId id) {
    if (id == none) return "none";
    const Node& node = program_[id];
    switch (node.op) {
      case Op::constant: return constant_text(node);
      case Op::scalar_argument: return text("s", node.id);
      case Op::extent: return text(root_name(node.id), ".extent(", node.axis, ")");
      case Op::stride: return text(root_name(node.id), ".stride(", node.axis, ")");
      case Op::index: return index_name(node.id, node.axis);
      case Op::load:
      case Op::read_variable: return node_name(id);
      default: break;
    }
    if (uses_[id] <= 1 || whole_) return operation(node);
    if (!visible_[id]) {
      // Used more than once: a line of its own, again where the first one cannot be seen.
      const std::string value = operation(node);
      line(text(node_name(id), ": ", node.type.dtype, " = ", value));
      visible_[id] = true;
      shown_.push_back(id);
    }
    return node_name(id);
  }

  std::string operation(const Node& node) {
    if (node.op == Op::convert) return text(node.type.dtype, "(", expression(node.operands[0]), ")");
    const OpRow& r = row(node.op);
    if (!r.is_function && r.arity == 2) {
      const std::string left = expression(node.operands[0]);
      return text("(", left, " ", r.spelling, " ", expression(node.operands[1]), ")");
    }
    if (!r.is_function && r.arity == 1) return text(r.spelling, expression(node.operands[0]));
    std::string out = text(r.spelling, "(");
    for (int k = 0; k < r.arity; ++k) out += text(k != 0 ? ", " : "", expression(node.operands[k]));
    return out + ")";
  }

  template <class Iterator>
  std::string list(Iterator first, std::size_t count) {
    std::string out;
    for (std::size_t k = 0; k < count; ++k) out += text(k != 0 ? ", " : "", expression(first[k]));
    return out;
  }

  std::string element(RootId root, bool flat, std::uint32_t first, std::uint32_t count, std::uint8_t checked) {
    std::string out = root_name(root) + (flat ? ".flat[" : "[");
    for (std::uint32_t k = 0; k < count; ++k) {
      const std::string index = expression(program_.indices[first + k]);
      out += text(k != 0 ? ", " : "", (checked >> k & 1) != 0 ? "check " : "", index);
    }
    return out + "]";
  }

  // ---- statements
  void line(const std::string& content) { out_.append(depth_ * 2, ' ').append(content).append("\n"); }

  void block(BlockId id) {
    const std::size_t shown_before = shown_.size();
    statements(id);
    hide(shown_before);
  }
  void statements(BlockId id) {
    for (const Statement& s : program_.blocks[id].statements) statement(s);
  }
  void hide(std::size_t shown_before) {
    for (; shown_.size() > shown_before; shown_.pop_back()) visible_[shown_.back()] = false;
  }
  void nested(BlockId id) {
    ++depth_;
    block(id);
    --depth_;
  }

  void statement(const Statement& s) {
    switch (s.kind) {
      case Kind::evaluate: return evaluate(s);
      case Kind::assign: return assign(s);
      case Kind::reduce: {
        const std::string value = expression(s.value);
        return line(
            text("reduce ", variable_name(s.target), combination(s.op), value, " over ", index_name(s.loop, 0)));
      }
      case Kind::store:
      case Kind::update: {
        const std::string place = element(s.target, s.flat, s.first_index, s.index_count, s.checked);
        const std::string value = expression(s.value);
        if (s.kind == Kind::store) return line(text(place, " = ", value));
        return update(s, place, value);
      }
      case Kind::loop: return loop(s);
      case Kind::while_: return while_loop(s);
      case Kind::branch: {
        line(text("if ", expression(s.condition), ":"));
        nested(s.body);
        if (s.otherwise == none) return;
        line("else:");
        return nested(s.otherwise);
      }
      case Kind::break_: return line("break");
      case Kind::continue_: return line("continue");
      case Kind::allocate: {
        const Root& root = program_.roots[s.target];
        const std::string name = root_name(s.target), extents = list(root.extents, root.rank);
        return line(text("allocate ", name, ": ", root.dtype, "[", extents, "]"));
      }
      case Kind::swap: {
        const std::string first = root_name(s.target);
        return line(text("swap ", first, ", ", root_name(s.other)));
      }
      case Kind::guard: return guard(s);
    }
  }

  void update(const Statement& s, const std::string& place, const std::string& value) {
    std::string out = text("update ", place, s.op == Op::select ? " = " : combination(s.op), value);
    if (s.expected != none) out += text(" where it equals ", expression(s.expected));
    if (s.other != none) out += text(", ", variable_name(s.other), " = what was there");
    if (s.sharing == Sharing::own) out += "  [own]";
    if (s.sharing == Sharing::private_) out += "  [private]";
    line(out);
  }

  static std::string combination(Op op) {
    return row(op).is_function ? text(" ", row(op).name, "= ") : text(" ", row(op).spelling, "= ");
  }

  void evaluate(const Statement& s) {
    const Node& node = program_[s.value];
    std::string what;
    if (node.op == Op::load) {
      what = text("load ", element(node.id, node.flat, node.axis, node.count, node.checked));
      if (node.operands[0] != none) what += text(" if ", expression(node.operands[0]));
    } else {
      what = variable_name(node.id);
    }
    line(text(node_name(s.value), ": ", node.type.dtype, " = ", what));
  }

  void assign(const Statement& s) {
    const bool first = variables_[s.target] == none;
    const std::string value = expression(s.value), name = variable_name(s.target);
    line(first ? text(name, ": ", program_.variables[s.target].type.dtype, " = ", value) : text(name, " = ", value));
  }

  void guard(const Statement& s) {
    const Message& message = program_.messages[s.message];
    const std::string condition = expression(s.condition);
    std::string shown = list(message.shown.begin(), message.shown.size());
    line(text("guard ", condition, " else \"", message.text, "\"", shown.empty() ? "" : " of ", shown));
  }

  void loop(const Statement& s) {
    const Loop& loop = program_.loops[s.target];
    std::string names, ranges;
    for (std::size_t k = 0; k < loop.dimensions.size(); ++k) {
      const LoopDimension& d = loop.dimensions[k];
      names += text(k != 0 ? ", " : "", index_name(s.target, k));
      const std::string begin = expression(d.begin), end = expression(d.end), step = expression(d.step);
      ranges += text(k != 0 ? ", " : "", begin, "..", end, step == "1" ? "" : " step " + step);
    }
    line(text(loop.parallel ? "parallel " : "for ", names, " in ", ranges, ":", annotations(loop),
              dependence(s.target)));
    nested(s.body);
  }

  static std::string annotations(const Loop& loop) {
    std::string out;
    const auto add = [&](const std::string& what) { out += (out.empty() ? "  [" : ", ") + what; };
    if (loop.role == Role::lanes) add("lanes");
    if (loop.role == Role::outer) add("outer");
    if (loop.role == Role::rows) add(loop.short_rows ? "short rows" : "rows");
    if (loop.role == Role::columns) add("columns");
    if (loop.distribute) add("distribute");
    if (loop.vectors != 1) add(text("vectors ", static_cast<int>(loop.vectors)));
    if (loop.streaming)
      add(loop.if_large ? "streaming if large" : loop.memory_bound ? "streaming, memory bound" : "streaming");
    if (loop.segment != 256) add(text("segment ", loop.segment));
    return out.empty() ? out : out + "]";
  }

  std::string dependence(LoopId loop) {
    const auto found =
        std::find_if(dependences_.begin(), dependences_.end(), [&](const Dependence& d) { return d.loop == loop; });
    if (found == dependences_.end()) return {};
    std::vector<std::string> shown;
    if (found->root != none) shown.push_back(root_name(found->root));
    if (found->variable != none) shown.push_back(variable_name(found->variable));
    for (const std::uint32_t line : found->lines) shown.push_back(place(program_.locations[line]));
    std::string out = "  # sequential: " + found->text;
    for (const std::string& each : shown) out.replace(out.find("{}"), 2, each);
    return out;
  }
  // A line, of the function's own file unless the file is named.
  std::string place(const Location& where) const {
    const std::string_view file = where.file_name();
    if (file == program_.locations[0].file_name()) return text("line ", where.line());
    return text(file.substr(file.rfind('/') + 1), ":", where.line());
  }

  void while_loop(const Statement& s) {
    const std::size_t shown_before = shown_.size();
    line("while:");
    ++depth_;
    statements(s.body);
    line(text("test ", expression(s.condition)));
    --depth_;
    line("do:");
    nested(s.otherwise);
    hide(shown_before);
  }

  void results() {
    std::string out;
    for (const Result& result : program_.results) {
      out += out.empty() ? " " : ", ";
      if (!result.is_array) {
        out += expression(result.value);
        continue;
      }
      const std::string root = root_name(result.root), offset = expression(result.offset);
      const std::string extents = list(result.extents, result.rank);
      out += text(root, "{offset ", offset, ", extents (", extents, "), strides (", list(result.strides, result.rank),
                  ")}");
    }
    if (!out.empty()) line("return" + out);
  }

  static std::string relaxations(FastMath fast_math) {
    constexpr std::pair<FastMath::Relaxation, const char*> names[] = {
        {FastMath::reassociate, ", reassociate"},
        {FastMath::no_nan, ", no_nan"},
        {FastMath::no_signed_zero, ", no_signed_zero"},
        {FastMath::approximate_reciprocal, ", approximate_reciprocal"}};
    std::string out;
    for (const auto& [relaxation, name] : names)
      if (fast_math.has(relaxation)) out += name;
    return out;
  }

  // ---- what the Program names, after the body has named it
  std::string header() {
    whole_ = true;
    std::string out = text("program ", program_.name, program_.contract ? ", contract" : "",
                           relaxations(program_.fast_math), program_.precise ? ", precise" : "", "\n");
    for (std::size_t k = 0; k < program_.scalar_arguments.size(); ++k) {
      const Type type = program_.scalar_arguments[k];
      out += text("  s", k, ": ", type.dtype, type.weak() ? " weak\n" : "\n");
    }
    for (const Root& root : program_.roots)
      if (root.kind == Root::Kind::parameter) out += parameter_text(root);
    for (std::size_t k = 0; k < others_.size(); ++k) {  // naming an alias may name its array, which then follows
      const Root& root = program_.roots[others_[k]];
      out += text("  ", root_name(others_[k]), ": ", root.dtype, " rank ", static_cast<int>(root.rank));
      if (root.kind == Root::Kind::alias)
        out += text(", alias of ", root_name(root.of), " [", list(root.extents, root.rank), "]\n");
      else
        out += ", allocated\n";
    }
    return out;
  }

  static std::string parameter_text(const Root& root) {
    std::string out =
        text("  a", root.argument, ": ", root.dtype, " rank ", static_cast<int>(root.rank), ", parameter");
    if (root.contiguous) out += ", contiguous";
    for (int axis = 0; axis < root.rank; ++axis)
      if (root.unit_strides >> axis & 1) out += text(", stride 1 along axis ", axis);
    if (root.read_only) out += ", read-only";
    if (root.may_overlap) out += ", may overlap";
    return out + "\n";
  }

  const Program& program_;
  const std::vector<Dependence>& dependences_;
  std::string out_;
  std::size_t depth_ = 0;
  bool whole_ = false;  // expressions are written out, without lines of their own
  std::vector<std::uint32_t> uses_, names_;
  std::vector<bool> visible_;
  std::vector<NodeId> shown_;
  std::vector<std::uint32_t> loops_, variables_, roots_;
  std::vector<RootId> others_;  // roots that are no parameters, in the order they are mentioned
  std::uint32_t next_node_ = 0, next_loop_ = 0, next_variable_ = 0;
};

}  // namespace

std::string print(const Program& program, const std::vector<Dependence>& dependences) {
  return Printer(program, dependences).print();
}

}  // namespace kiln::ir
