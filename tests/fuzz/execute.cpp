// Recipes, carried out: statements and control flow.
#include "tests/fuzz/execute.h"

#include "core/access.h"
#include "core/trace.h"

#include <algorithm>

namespace kiln::fuzz {

using ir::Op;

namespace {

constexpr double most_turns = 30'000;
constexpr Op reductions[] = {Op::add,     Op::add,     Op::multiply, Op::minimum,
                             Op::maximum, Op::bit_and, Op::bit_or,   Op::bit_xor};

bool is_bitwise(Op op) { return op == Op::bit_and || op == Op::bit_or || op == Op::bit_xor; }

// The operation, or one that the dtype has.
Op fitting(Op op, DType dtype) {
  return dtype.is_floating() && is_bitwise(op) ? (op == Op::bit_and ? Op::minimum : Op::maximum) : op;
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

template <class Indices>
auto element_at(const Array& a, const Indices& at) {
  switch (at.size()) {
    case 1: return a(Operand(*at[0].value));
    case 2: return a(Operand(*at[0].value), Operand(*at[1].value));
    case 3: return a(Operand(*at[0].value), Operand(*at[1].value), Operand(*at[2].value));
    default: return a(Operand(*at[0].value), Operand(*at[1].value), Operand(*at[2].value), Operand(*at[3].value));
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
  // Half precision is no dtype of a reduction: a Var would join it only where it is that already.
  if (x.dtype() == f16 || x.dtype() == bf16) x = cast(x, f32);
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
    if (!fits) x = affordable(x) ? reduced(x, node.n[3] % 2 ? 6 : 3) : leaf_value(node.n[3]);
  }
  const DType dtype = target.dtype();
  if (is_update) x = cast(x, dtype);
  std::vector<Term> tamed{x};
  coerce(Op::add, tamed);
  x = tamed[0];
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
        if (dtype.is_floating())
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

// ---- Control --------------------------------------------------------------------------------------------------------

void Executor::range_loop(const Node& node) {
  const NamedArray* shape = nullptr;
  for (std::size_t k = 0; k < scope_.arrays.size() && !shape; ++k) {
    const NamedArray& a = scope_.arrays[(node.n[0] + k) % scope_.arrays.size()];
    if (!a.term.extents.empty()) shape = &a;
  }
  if (!shape) return;
  const int axis = static_cast<int>(node.n[1] % shape->term.extents.size());
  IndexName index;
  index.extent = shape->term.extents[static_cast<std::size_t>(axis)];
  double turns = std::max(index.extent.size, 1.0);
  const Term n = extent(shape->term, axis), one = of(Value(1), "Value(1)"), zero = of(Value(0), "Value(0)");
  Term begin = zero, end = n, step = one;
  std::vector<const IndexName*> outer;
  for (const IndexName& i : scope_.indices)
    if (i.extent == index.extent) outer.push_back(&i);
  switch (node.n[2] % 10) {
    case 0:
      begin = one, index.low = 1;
      end = apply(Op::subtract, {n, one}), index.high = 1;
      break;
    case 1:
      begin = apply(Op::subtract, {n, one}), end = of(Value(-1), "Value(-1)"), step = of(Value(-1), "Value(-1)");
      break;
    case 2: step = of(Value(2), "Value(2)"), turns /= 2; break;
    case 3:
      if (!outer.empty()) end = outer[node.n[3] % outer.size()]->term;
      break;
    case 4:
      if (!outer.empty()) begin = outer[node.n[3] % outer.size()]->term;
      break;
    case 5:
    case 6: {
      // As many turns as data says, a few.
      const Term data = cast(integer(scalar(node.children[0])), i64);
      end = apply(Op::mod, {data, of(Value(6), "Value(6)")});
      index.extent = {"turns", 0, 1, 6};
      turns = 6;
      break;
    }
    case 7:
      end = of(Value(3), "Value(3)");
      index.extent = {"3", 0, 1, 3};
      turns = 3;
      break;
    default: break;
  }
  if (scope_.turns * turns > most_turns || work_ > 400'000) return;
  const std::string name = fresh("i");
  line("for (Value " + name + " : range(" + begin.text + ", " + end.text + ", " + step.text + ")) {");
  work_ += scope_.turns * turns;
  for (Value i : range(Operand(*begin.value), Operand(*end.value), Operand(*step.value))) {
    inside([&] {
      index.term = of(i, name);
      if (index.extent.base == "turns")
        scope_.values.push_back(index.term);
      else
        scope_.indices.push_back(index);
      scope_.turns *= turns;
      scope_.can_leave = scope_.can_continue = true;
      block(node.children.back());
    });
  }
  line("}");
}

// Inside, the targets' elements at the loop's indices are the iteration's own; what shares memory with them is out of
// bounds, all else can only be read.
void Executor::enter_prange(std::size_t target, const std::vector<int>& axes, const std::vector<IndexName>& indices,
                            const Node& node) {
  std::vector<NamedArray> arrays;
  std::vector<int> taken{scope_.arrays[target].term.group};
  const auto owned = [&](NamedArray a, const std::vector<int>& at) {
    a.mode = Mode::own;
    a.own.resize(a.term.extents.size());
    for (std::size_t k = 0; k < at.size(); ++k) a.own[static_cast<std::size_t>(at[k])] = indices[k].term;
    a.whole = false;
    return a;
  };
  arrays.push_back(owned(scope_.arrays[target], axes));
  for (const NamedArray& a : scope_.arrays) {
    if (!a.term.writable || (a.mode != Mode::free && a.mode != Mode::own && a.mode != Mode::update_only)) continue;
    if (std::find(taken.begin(), taken.end(), a.term.group) != taken.end()) continue;
    const std::uint32_t choice = (node.n[3] >> (arrays.size() * 3)) % 8;
    if (a.mode == Mode::update_only) {
      taken.push_back(a.term.group);
      arrays.push_back(a);
      continue;
    }
    if (choice < 2) {
      // Another target of the same extents.
      std::vector<int> at;
      for (const IndexName& index : indices)
        for (std::size_t axis = 0; axis < a.term.extents.size(); ++axis) {
          const bool fixed = a.mode == Mode::own && a.own[axis];
          if (fixed || !(a.term.extents[axis] == index.extent) ||
              std::find(at.begin(), at.end(), static_cast<int>(axis)) != at.end())
            continue;
          at.push_back(static_cast<int>(axis));
          break;
        }
      if (at.size() != indices.size()) continue;
      taken.push_back(a.term.group);
      arrays.push_back(owned(a, at));
    } else if (choice == 2 && a.mode == Mode::free && a.term.dtype().is_integer()) {
      NamedArray updated = a;
      updated.mode = Mode::update_only;
      updated.op = reductions[(node.n[3] >> 20) % std::size(reductions)];
      updated.whole = false;
      taken.push_back(a.term.group);
      arrays.push_back(std::move(updated));
    }
  }
  for (NamedArray a : scope_.arrays) {
    if (std::find(taken.begin(), taken.end(), a.term.group) != taken.end()) continue;
    if (a.mode == Mode::free) a.mode = Mode::read_only;
    a.term.writable = false;
    a.whole = false;
    arrays.push_back(std::move(a));
  }
  scope_.arrays = std::move(arrays);
  std::uint32_t bits = node.n[2] >> 8;
  for (NamedVariable& v : scope_.variables) {
    const DType dtype = v.variable->dtype();
    const std::uint32_t choice = bits % 16;
    bits = bits / 16 + 7;
    if (v.use == NamedVariable::Use::reduce) continue;
    const bool reduces = v.use == NamedVariable::Use::free && choice < 11 && dtype != f16 && dtype != bf16;
    v.use = reduces ? NamedVariable::Use::reduce : NamedVariable::Use::read_only;
    v.op = reductions[choice % std::size(reductions)];
  }
  scope_.in_prange = true;
  scope_.can_leave = false;
  scope_.can_continue = true;
}

void Executor::prange_loop(const Node& node) {
  std::vector<std::size_t> targets;
  for (std::size_t k = 0; k < scope_.arrays.size(); ++k) {
    const NamedArray& a = scope_.arrays[k];
    if (!a.term.writable || a.term.extents.empty() || a.term.extents.size() > 3) continue;
    if (a.mode == Mode::free ||
        (a.mode == Mode::own && std::any_of(a.own.begin(), a.own.end(), [](const auto& x) { return !x; })))
      targets.push_back(k);
  }
  if (targets.empty()) return;
  const std::size_t target = targets[node.n[0] % targets.size()];
  const NamedArray& a = scope_.arrays[target];
  std::vector<int> axes;
  for (int axis = 0; axis < static_cast<int>(a.term.extents.size()); ++axis)
    if (a.mode == Mode::free || !a.own[static_cast<std::size_t>(axis)]) axes.push_back(axis);
  if (node.n[1] % 4 == 0) std::reverse(axes.begin(), axes.end());
  const std::size_t count = (node.n[1] >> 2) % 3 == 0 ? 1 + (node.n[1] >> 4) % axes.size() : axes.size();
  axes.resize(count);
  std::vector<Extent> dimensions;
  std::vector<IndexName> indices;
  std::string text;
  double turns = 1;
  const Term one = of(Value(1), "Value(1)");
  for (std::size_t k = 0; k < axes.size(); ++k) {
    IndexName index;
    index.extent = a.term.extents[static_cast<std::size_t>(axes[k])];
    turns *= std::max(index.extent.size, 1.0);
    const Term n = extent(a.term, axes[k]);
    text += k ? ", " : "";
    switch ((node.n[2] >> (4 * k)) % 12) {
      case 0: {
        const Term end = apply(Op::subtract, {n, one});
        index.low = index.high = 1;
        dimensions.push_back(range(Operand(*one.value), Operand(*end.value)));
        text += "range(Value(1), " + end.text + ")";
        break;
      }
      case 1: {
        dimensions.push_back(range(Operand(0), Operand(*n.value), Operand(2)));
        text += "range(0, " + n.text + ", 2)";
        break;
      }
      case 2: {
        const Term last = apply(Op::subtract, {n, one});
        dimensions.push_back(range(Operand(*last.value), Operand(-1), Operand(-1)));
        text += "range(" + last.text + ", -1, -1)";
        break;
      }
      default: dimensions.push_back(Extent(*n.value)); text += n.text;
    }
    indices.push_back(std::move(index));
  }
  if (scope_.turns * turns > most_turns || work_ > 400'000) return;
  work_ += scope_.turns * turns;
  std::vector<std::string> names;
  for (std::size_t k = 0; k < axes.size(); ++k) names.push_back(fresh("p"));
  const auto body = [&] {
    inside([&] {
      for (const IndexName& index : indices) scope_.indices.push_back(index);
      scope_.turns *= turns;
      enter_prange(target, axes, indices, node);
      block(node.children[0]);
    });
  };
  if (axes.size() == 1) {
    line("for (Value " + names[0] + " : prange(" + text + ")) {");
    for (Value p : prange(dimensions[0])) {
      indices[0].term = of(p, names[0]);
      body();
    }
  } else if (axes.size() == 2) {
    line("for (auto [" + names[0] + ", " + names[1] + "] : prange(" + text + ")) {");
    for (auto [p, q] : prange(dimensions[0], dimensions[1])) {
      indices[0].term = of(p, names[0]), indices[1].term = of(q, names[1]);
      body();
    }
  } else {
    line("for (auto [" + names[0] + ", " + names[1] + ", " + names[2] + "] : prange(" + text + ")) {");
    for (auto [p, q, r] : prange(dimensions[0], dimensions[1], dimensions[2])) {
      indices[0].term = of(p, names[0]), indices[1].term = of(q, names[1]), indices[2].term = of(r, names[2]);
      body();
    }
  }
  line("}");
}

void Executor::while_loop(const Node& node) {
  const double most = 2 + node.n[0] % 7;
  if (scope_.turns * most > most_turns || work_ > 400'000) return;
  work_ += scope_.turns * most;
  NamedVariable counter;
  counter.text = fresh("c");
  counter.use = NamedVariable::Use::read_only;
  line("Var " + counter.text + " = 0;");
  counter.variable = std::make_shared<Var>(Operand(0));
  line("while_([&] {");
  while_(
      [&] {
        Value result = 0;
        inside([&] {
          const Term bounded = apply(
              Op::less, {of(Value(*counter.variable), "Value(" + counter.text + ")"),
                         of(Value(static_cast<int>(most)), "Value(" + std::to_string(static_cast<int>(most)) + ")")});
          scope_.turns *= most;
          const Term c = node.n[1] % 3 == 0 ? bounded : apply(Op::logical_and, {bounded, condition(node.children[0])});
          line("return " + c.text + ";");
          detail::Access::set(result, *c.value);
        });
        line("}, [&] {");
        return result;
      },
      [&] {
        inside([&] {
          *counter.variable += 1;
          line(counter.text + " += 1;");
          scope_.variables.push_back(counter);
          scope_.turns *= most;
          scope_.can_leave = scope_.can_continue = true;
          block(node.children[1]);
        });
      });
  line("});");
}

void Executor::branch(const Node& node) {
  const Term c = condition(node.children[0]);
  line("if_(" + c.text + ", [&] {");
  if (node.children.size() == 2) {
    if_(Operand(*c.value), [&] { inside([&] { block(node.children[1]); }); });
  } else {
    if_(
        Operand(*c.value), [&] { inside([&] { block(node.children[1]); }); },
        [&] {
          line("}, [&] {");
          inside([&] { block(node.children[2]); });
        });
  }
  line("});");
}

void Executor::leave(const Node& node) {
  if (!scope_.can_continue) return;
  const Term c = condition(node.children[0]);
  if (scope_.can_leave && node.n[0] % 2 == 0) {
    break_if(Operand(*c.value));
    line("break_if(" + c.text + ");");
  } else {
    continue_if(Operand(*c.value));
    line("continue_if(" + c.text + ");");
  }
}

}  // namespace kiln::fuzz
