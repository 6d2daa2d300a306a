// Recipes, carried out: loops and branches.
#include "core/access.h"
#include "tests/fuzz/execute.h"

#include <algorithm>

namespace kiln::fuzz {

using ir::Op;

namespace {

constexpr double most_turns = 30'000;

}  // namespace

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
    const std::uint32_t choice = bits % 16;
    bits = bits / 16 + 7;
    if (v.use == NamedVariable::Use::reduce) continue;
    const bool reduces = v.use == NamedVariable::Use::free && choice < 11;
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
      if (node.n[3] % 3 == 0) make_local(node.n[3] >> 8);
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

// A small array of the iteration's own.
void Executor::make_local(std::uint32_t which) {
  constexpr DType dtypes[] = {f64, f32, i64, i32, u8, i16};
  const DType dtype = dtypes[which % std::size(dtypes)];
  const int n = which / 8 % 2 == 0 ? 3 : 5;
  NamedArray a;
  const std::string name = fresh("t"), count = std::to_string(n);
  a.term = of(zeros(n, dtype), name, {{count, 0, 1, static_cast<double>(n)}}, groups_++, true);
  a.whole = true;
  line("Array " + name + " = zeros(" + count + ", " + dtype.name() + ");");
  scope_.arrays.push_back(std::move(a));
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
