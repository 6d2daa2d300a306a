// Recipes, carried out: what is declared, assigned, stored and named.
#include "tests/fuzz/execute.h"

#include "core/access.h"
#include "core/trace.h"

#include <algorithm>

namespace kiln::fuzz {

using ir::Op;

namespace {

bool is_bitwise(Op op) { return op == Op::bit_and || op == Op::bit_or || op == Op::bit_xor; }

// The operation, or one that the dtype has.
Op fitting(Op op, DType dtype) {
  const bool inexact = dtype.is_floating() || dtype.is_complex();
  return inexact && is_bitwise(op) ? (op == Op::bit_and ? Op::minimum : Op::maximum) : op;
}

std::string update_text(const std::string& target, Op op, const std::string& value) {
  if (op == Op::minimum) return target + ".min(" + value + ");";
  if (op == Op::maximum) return target + ".max(" + value + ");";
  return target + " " + ir::row(op).spelling + "= " + value + ";";
}

template <class T>
void update(T&& target, Op op, const Operand& x) {
  switch (op) {
    case Op::add: std::forward<T>(target) += x; break;
    case Op::subtract: std::forward<T>(target) -= x; break;
    case Op::multiply: std::forward<T>(target) *= x; break;
    case Op::bit_and: std::forward<T>(target) &= x; break;
    case Op::bit_or: std::forward<T>(target) |= x; break;
    case Op::bit_xor: std::forward<T>(target) ^= x; break;
    case Op::minimum: std::forward<T>(target).min(x); break;
    default: std::forward<T>(target).max(x); break;
  }
}

}  // namespace

Executor::Executor(const Recipe& recipe, std::vector<Array> arrays, std::vector<Value> scalars) : recipe_(recipe) {
  constexpr const char* names[] = {"n", "m", "k", "1"};
  double sizes[extent_classes] = {};
  for (const auto& set : recipe.extents)
    for (int k = 0; k < extent_classes; ++k) sizes[k] = std::max(sizes[k], static_cast<double>(set[k]));
  std::vector<int> groups;
  for (std::size_t k = 0; k < arrays.size(); ++k) {
    const Input& input = recipe.inputs[k];
    std::vector<ExtentName> extents;
    for (int c : input.classes) extents.push_back({names[c], 0, 1, sizes[c]});
    groups.push_back(input.shares >= 0 ? groups[static_cast<std::size_t>(input.shares)] : groups_++);
    NamedArray a;
    a.term = of(arrays[k], "a" + std::to_string(k), extents, groups.back(), !input.broadcast);
    a.whole = true;
    scope_.arrays.push_back(std::move(a));
  }
  for (std::size_t k = 0; k < scalars.size(); ++k) scope_.values.push_back(of(scalars[k], "s" + std::to_string(k)));
}

void Executor::run() {
  for (const Node& node : recipe_.body.children) statement(node);
  finish();
}

// What is returned: the arrays and numbers made last, and a view of an argument.
void Executor::finish() {
  std::string list;
  const auto give = [&](const Term& x) {
    results_.push_back(x);
    list += (list.empty() ? "" : ", ") + x.text;
  };
  int arrays = 0, numbers = 0;
  for (std::size_t k = scope_.arrays.size(); k-- > recipe_.inputs.size() && arrays < 3; ++arrays)
    give(scope_.arrays[k].term);
  for (std::size_t k = scope_.variables.size(); k-- > 0 && numbers < 4; ++numbers)
    give(of(Value(*scope_.variables[k].variable), "Value(" + scope_.variables[k].text + ")"));
  for (std::size_t k = scope_.values.size(); k-- > recipe_.scalars.size() && numbers < 6; ++numbers)
    give(scope_.values[k]);
  line("return std::tuple(" + list + ");");
}

void Executor::line(const std::string& text) {
  text_ += std::string(static_cast<std::size_t>(indent_) * 2, ' ') + text + "\n";
}

void Executor::inside(const std::function<void()>& body) {
  const Scope saved = scope_;
  ++indent_;
  body();
  --indent_;
  scope_ = saved;
}

void Executor::block(const Node& node) {
  for (const Node& child : node.children) statement(child);
}

void Executor::statement(const Node& node) {
  switch (node.kind) {
    case Kind::block: return block(node);
    case Kind::declare_variable: return declare_variable(node);
    case Kind::name_value: {
      const Term x = scalar(node.children[0]);
      scope_.values.push_back(named("x", x));
      return;
    }
    case Kind::assign_variable: return assign_variable(node);
    case Kind::update_variable: return update_variable(node);
    case Kind::store_element: return store_element(node, false);
    case Kind::update_element: return store_element(node, true);
    case Kind::store_view: return store_view(node, false);
    case Kind::update_view: return store_view(node, true);
    case Kind::name_array: return name_array(node);
    case Kind::range_loop: return range_loop(node);
    case Kind::prange_loop: return prange_loop(node);
    case Kind::while_loop: return while_loop(node);
    case Kind::branch: return branch(node);
    case Kind::leave: return leave(node);
    case Kind::swap_arrays: return swap_arrays(node);
    case Kind::atomic_update: return atomic_update(node);
    case Kind::ticket_loop: return ticket_loop(node);
    case Kind::stencil_loop: return stencil_loop(node);
    case Kind::product_loop: return product_loop(node);
    default: return;
  }
}

// ---- Vars -----------------------------------------------------------------------------------------------------------

void Executor::declare_variable(const Node& node) {
  const Term x = scalar(node.children[0]);
  NamedVariable v;
  v.text = fresh("v");
  v.fixed = node.n[0] % 6 == 0;
  if (v.fixed) {
    constexpr DType dtypes[] = {f32, f64, i32, i64, u8, i16};
    const DType dtype = dtypes[node.n[1] % std::size(dtypes)];
    const Term start = cast(x, dtype);
    v.variable = std::make_shared<Var>(Operand(*start.value), dtype);
    line("Var " + v.text + "(" + start.text + ", " + dtype.name() + ");");
  } else {
    v.variable = std::make_shared<Var>(Operand(*x.value));
    line("Var " + v.text + "(" + x.text + ");");
  }
  scope_.variables.push_back(std::move(v));
}

void Executor::assign_variable(const Node& node) {
  std::vector<NamedVariable*> free;
  for (NamedVariable& v : scope_.variables)
    if (v.use == NamedVariable::Use::free) free.push_back(&v);
  if (free.empty()) return declare_variable(node);
  const NamedVariable v = *free[node.n[0] % free.size()];
  Term x = scalar(node.children[0]);
  if (v.fixed) x = cast(x, v.variable->dtype());
  *v.variable = Operand(*x.value);
  line(v.text + " = " + x.text + ";");
}

void Executor::update_variable(const Node& node) {
  std::vector<NamedVariable*> usable;
  for (NamedVariable& v : scope_.variables)
    if (v.use != NamedVariable::Use::read_only) usable.push_back(&v);
  if (usable.empty()) return declare_variable(node);
  const NamedVariable v = *usable[node.n[0] % usable.size()];
  const DType dtype = v.variable->dtype();
  Op op = fitting(v.use == NamedVariable::Use::reduce ? v.op : reductions[node.n[1] % std::size(reductions)], dtype);
  if (v.use == NamedVariable::Use::free && node.n[2] % 8 == 0 && !dtype.is_bool()) op = Op::subtract;
  Term x = scalar(node.children[0]);
  if (v.fixed || is_bitwise(op) || (v.use == NamedVariable::Use::reduce && dtype.is_bool())) x = cast(x, dtype);
  std::vector<Term> tamed{x};
  coerce(Op::add, tamed);
  update(*v.variable, op, Operand(*tamed[0].value));
  line(update_text(v.text, op, tamed[0].text));
}

// ---- Elements -------------------------------------------------------------------------------------------------------

void Executor::store_element(const Node& node, bool is_update) {
  std::vector<NamedArray> targets;
  for (const NamedArray& a : scope_.arrays) {
    if (!a.term.writable || a.term.extents.empty() || a.term.extents.size() > 4) continue;
    if (a.mode == Mode::free || a.mode == Mode::own || (a.mode == Mode::update_only && is_update)) targets.push_back(a);
  }
  if (targets.empty()) return;
  // In a prange the targets there are come first: they are few.
  const NamedArray target = targets[node.n[0] % targets.size()];
  const DType dtype = target.term.dtype();
  Term x = cast(scalar(node.children[0]), dtype);
  const Place at = place(target, node.n + 1);
  Op op = target.mode == Mode::update_only ? target.op
                                           : fitting(reductions[(node.n[0] >> 8) % std::size(reductions)], dtype);
  const auto write = [&] {
    const std::string left = target.term.text + at.text;
    if (is_update) {
      update(element_at(*target.term.array, at.indices), op, Operand(*x.value));
      line(update_text(left, op, x.text));
    } else {
      element_at(*target.term.array, at.indices) = Operand(*x.value);
      line(left + " = " + x.text + ";");
    }
  };
  if (!at.condition) return write();
  line("if_(" + at.condition->text + ", [&] {");
  if_(Operand(*at.condition->value), [&] { inside(write); });
  line("});");
}

// ---- Arrays ---------------------------------------------------------------------------------------------------------

void Executor::store_view(const Node& node, bool is_update) {
  std::vector<NamedArray> targets;
  for (const NamedArray& a : scope_.arrays)
    if (a.term.writable && !a.term.extents.empty() && a.term.extents.size() <= 3 &&
        (a.mode == Mode::free || a.mode == Mode::own))
      targets.push_back(a);
  if (targets.empty()) return;
  Term target = whole(targets[node.n[0] % targets.size()]);
  if (!target.is_array()) return;
  if (node.n[1] % 4 != 0) target = view(target, node.n[2]);
  if (!affordable(target)) return;
  Term x = is_array(node.children[0].kind) ? array(node.children[0], &target) : scalar(node.children[0]);
  if (x.is_array()) {
    // Stored into a shape it broadcasts to.
    bool fits = x.extents.size() <= target.extents.size();
    for (std::size_t k = 1; fits && k <= x.extents.size(); ++k) {
      const ExtentName &own = x.extents[x.extents.size() - k], &wanted = target.extents[target.extents.size() - k];
      fits = own == wanted || own.is_one();
    }
    if (!fits) x = affordable(x) ? reduced(x, node.n[3] % 2 ? 0 : 7) : leaf_value(node.n[3]);
  }
  const DType dtype = target.dtype();
  if (is_update || x.dtype().is_complex()) x = cast(x, dtype);
  std::vector<Term> tamed{x};
  coerce(Op::add, tamed);
  x = tamed[0];
  if (node.n[1] % 16 >= 12 && static_cast<int>(target.extents.size()) == target.array->rank())
    return store_selected(node, target, x, is_update);
  View place = (*target.array)(rest);
  const std::string left = target.text + "(rest)";
  if (!is_update) {
    if (x.is_array())
      std::move(place) = ArrayOperand(*x.array);
    else
      std::move(place) = Operand(*x.value);
    line(left + " = " + x.text + ";");
    return;
  }
  const auto apply_to = [&](auto&& operand) {
    switch (node.n[3] % 4) {
      case 0: place += operand, line(left + " += " + x.text + ";"); break;
      case 1: place *= operand, line(left + " *= " + x.text + ";"); break;
      case 2:
        if (dtype.is_bool())
          place += operand, line(left + " += " + x.text + ";");
        else
          place -= operand, line(left + " -= " + x.text + ";");
        break;
      default:
        if (dtype.is_floating() || dtype.is_complex())
          place -= operand, line(left + " -= " + x.text + ";");
        else
          place ^= operand, line(left + " ^= " + x.text + ";");
    }
  };
  if (x.is_array())
    apply_to(ArrayOperand(*x.array));
  else
    apply_to(Operand(*x.value));
}

// The same where the elements are greater than some number, or by indices of the first axis.
void Executor::store_selected(const Node& node, const Term& target, const Term& x, bool is_update) {
  const bool masks = scope_.in_prange || node.n[1] % 32 >= 16;
  const Term by = masks ? apply(Op::greater, {target, leaf_value(node.n[3] >> 8)}) : indices(target, node.n[3] >> 8);
  if (!by.is_array() || by.extents.size() != (masks ? target.extents.size() : 1)) return;
  const std::string left = target.text + "(" + by.text + ")";
  if (is_update) {
    if (x.is_array())
      (*target.array)(*by.array) += ArrayOperand(*x.array);
    else
      (*target.array)(*by.array) += Operand(*x.value);
    return line(left + " += " + x.text + ";");
  }
  if (x.is_array())
    (*target.array)(*by.array) = ArrayOperand(*x.array);
  else
    (*target.array)(*by.array) = Operand(*x.value);
  line(left + " = " + x.text + ";");
}

void Executor::name_array(const Node& node) {
  Term x = array(node.children[0]);
  if (!x.is_array() || x.extents.size() > 4) return;
  const std::string name = fresh("t");
  if (x.group >= 0 && node.n[0] % 3 != 0 && affordable(x)) {
    x.array = std::make_shared<Array>(x.array->copy());
    x.text += ".copy()";
    x.group = -1;
    x.writable = true;
  }
  line("Array " + name + " = " + x.text + ";");
  NamedArray a;
  a.whole = x.group < 0;
  if (x.group < 0) x.group = groups_++;
  a.mode = scope_.in_prange && !a.whole ? Mode::read_only : Mode::free;
  x.text = name;
  a.term = std::move(x);
  // A view of what only this iteration touches would escape the rules for its elements.
  for (const NamedArray& other : scope_.arrays)
    if (!a.whole && other.term.group == a.term.group && other.mode != Mode::free && other.mode != Mode::read_only)
      return;
  scope_.arrays.push_back(std::move(a));
}

void Executor::swap_arrays(const Node& node) {
  if (scope_.in_prange) return;
  std::vector<const NamedArray*> roots;
  for (const NamedArray& a : scope_.arrays) {
    if (!a.whole || !a.term.writable || a.mode != Mode::free) continue;
    // An argument may lie anyhow in memory, and may share it; those made here lie alike.
    if (a.term.text[0] == 'a') {
      const Input& input = recipe_.inputs[static_cast<std::size_t>(std::stoi(a.term.text.substr(1)))];
      bool plain = input.shares < 0 && !input.broadcast;
      for (const Input& other : recipe_.inputs) plain &= other.shares < 0;
      for (std::size_t k = 0; k < input.order.size(); ++k)
        plain &= input.order[k] == static_cast<int>(k) && input.steps[k] == 1 && input.pads[k] == 0;
      if (!plain) continue;
    }
    roots.push_back(&a);
  }
  if (roots.size() < 2) return;
  const NamedArray& a = *roots[node.n[0] % roots.size()];
  for (const NamedArray* b : roots) {
    if (b == &a || b->term.dtype() != a.term.dtype() || b->term.extents != a.term.extents) continue;
    kiln::swap(*a.term.array, *b->term.array);
    line("kiln::swap(" + a.term.text + ", " + b->term.text + ");");
    return;
  }
}

}  // namespace kiln::fuzz
