// Recipes, carried out: forms of whole loops that the code generator knows, and updates that tell what was there.
#include "core/trace.h"
#include "tests/fuzz/execute.h"

#include <algorithm>

namespace kiln::fuzz {

using ir::Op;

namespace {

constexpr double most_turns = 60'000, most_work = 400'000;

Term number(int x) {
  Term t;
  t.value = std::make_shared<Value>(x);
  t.text = "Value(" + std::to_string(x) + ")";
  return t;
}

enum class Atomic : std::uint8_t { add, min, max, exchange, cas };
constexpr const char* atomic_names[] = {"atomic_add", "atomic_min", "atomic_max", "atomic_exchange", "atomic_cas"};

Value update(Atomic how, Element&& element, const Term& x, const Term& expected) {
  switch (how) {
    case Atomic::add: return atomic_add(std::move(element), Operand(*x.value));
    case Atomic::min: return atomic_min(std::move(element), Operand(*x.value));
    case Atomic::max: return atomic_max(std::move(element), Operand(*x.value));
    case Atomic::exchange: return atomic_exchange(std::move(element), Operand(*x.value));
    default: return atomic_cas(std::move(element), Operand(*expected.value), Operand(*x.value));
  }
}

std::string update_text(Atomic how, const std::string& element, const Term& x, const Term& expected) {
  const std::string before = how == Atomic::cas ? ", " + expected.text : "";
  return std::string(atomic_names[static_cast<int>(how)]) + "(" + element + before + ", " + x.text + ")";
}

}  // namespace

// Everything there is can be read inside but the memory of `written`, and nothing is written.
void Executor::enter_reading_prange(int written) {
  for (NamedArray& a : scope_.arrays) {
    a.mode = a.term.group == written ? Mode::update_only : Mode::read_only;
    a.term.writable = a.whole = false;
  }
  for (NamedVariable& v : scope_.variables) v.use = NamedVariable::Use::read_only;
  scope_.in_prange = true;
  scope_.can_leave = false;
  scope_.can_continue = true;
}

Executor::NamedLoop Executor::loop_over(const Term& array, int axis, int margin) {
  NamedLoop loop;
  loop.index.extent = array.extents[static_cast<std::size_t>(axis)];
  loop.index.low = loop.index.high = margin;
  loop.turns = std::max(loop.index.extent.size, 1.0);
  loop.end = extent(array, axis);
  if (margin > 0) loop.end = apply(Op::subtract, {std::move(loop.end), number(margin)});
  loop.begin = number(margin);
  loop.name = fresh("i");
  return loop;
}

// for (Value name : prange(range(begin, end))) body, or range.
void Executor::over(NamedLoop loop, bool parallel, const std::function<void(const Term& index)>& body) {
  const std::string bounds = "range(" + loop.begin.text + ", " + loop.end.text + ")";
  line("for (Value " + loop.name + " : " + (parallel ? "prange(" + bounds + ")" : bounds) + ") {");
  const auto turn = [&](const Value& i) {
    inside([&] {
      loop.index.term = of(i, loop.name);
      scope_.indices.push_back(loop.index);
      scope_.turns *= loop.turns;
      if (!parallel) scope_.can_leave = scope_.can_continue = true;
      body(loop.index.term);
    });
  };
  const Operand begin(*loop.begin.value), end(*loop.end.value);
  if (parallel)
    for (Value i : prange(range(begin, end))) turn(i);
  else
    for (Value i : range(begin, end)) turn(i);
  line("}");
}

// An array of this iteration or this thread alone, so that any operation may say what it found.
void Executor::atomic_update(const Node& node) {
  std::vector<NamedArray> targets;
  for (const NamedArray& a : scope_.arrays)
    if (a.term.writable && !a.term.extents.empty() && a.term.extents.size() <= 4 && !a.term.dtype().is_complex() &&
        (a.mode == Mode::free || a.mode == Mode::own))
      targets.push_back(a);
  if (targets.empty()) return;
  const NamedArray target = targets[node.n[0] % targets.size()];
  const DType dtype = target.term.dtype();
  const Term x = cast(scalar(node.children[0]), dtype), expected = cast(scalar(node.children[1]), dtype);
  const auto how = static_cast<Atomic>((node.n[0] >> 8) % 5);
  const Place at = place(target, node.n + 1);
  const auto old = [&] { return update(how, element_at(*target.term.array, at.indices), x, expected); };
  const std::string name = fresh("x"), text = update_text(how, target.term.text + at.text, x, expected);
  if (!at.condition) {
    line("Value " + name + " = " + text + ";");
    scope_.values.push_back(of(old(), name));
    return;
  }
  line("Value " + name + " = if_(" + at.condition->text + ", [&] {");
  line("  return " + text + ";");
  line("}, [&] {");
  line("  return Value(" + x.text + ");");
  line("});");
  scope_.values.push_back(of(if_(Operand(*at.condition->value), old, [&] { return Value(*x.value); }), name));
}

// Iterations of a prange that share elements and learn what was there. Which of them finds what has no order; what is
// kept is the same in each: how many tickets there are and their sum, the sum of all that was put in and taken out,
// how many were first, that a maximum never fell.
void Executor::ticket_loop(const Node& node) {
  if (scope_.in_prange || scope_.arrays.empty()) return;
  const Term like = any_array(node.n[0], nullptr);
  if (like.extents.empty()) return;
  NamedLoop loop = loop_over(like, 0, 0);
  if (scope_.turns * loop.turns > most_turns / 2 || work_ > most_work) return;
  work_ += 3 * scope_.turns * loop.turns;
  const auto how = static_cast<Atomic>(node.n[1] % 5);
  constexpr DType dtypes[] = {i64, i32, u32, u64, i16, u8};
  const DType dtype = how == Atomic::cas ? (node.n[2] % 2 ? i64 : i32) : dtypes[node.n[2] % std::size(dtypes)];
  const int places = node.n[2] / 8 % 2 == 0 ? 1 : 5, start = how == Atomic::cas ? -1 : 3;
  NamedArray shared;
  shared.whole = true;
  const std::string count = std::to_string(places), name = fresh("t");
  shared.term = of(full(places, start, dtype), name, {{count, 0, 1, static_cast<double>(places)}}, groups_++, true);
  line("Array " + name + " = full(" + count + ", " + std::to_string(start) + ", " + dtype.name() + ");");
  NamedVariable total;
  total.text = fresh("v");
  total.fixed = true;
  total.variable = std::make_shared<Var>(Operand(0), i64);
  line("Var " + total.text + "(0, i64);");
  over(std::move(loop), true, [&](const Term& i) {
    enter_reading_prange(shared.term.group);
    const Term x = how == Atomic::add ? number(1 + static_cast<int>(node.n[3] % 3)) : scalar(node.children[0]);
    const Term by = node.n[3] / 4 % 2 == 0 ? i : cast(integer(scalar(node.children[1])), i64);
    const Term at = places == 1 ? number(0) : named("j", apply(Op::mod, {cast(by, i64), number(places)}));
    const Term given = how == Atomic::cas ? cast(i, dtype) : cast(x, dtype);
    const auto update_it = [&] {
      const Term old = named("x", of(update(how, element_at(*shared.term.array, {at}), given, number(-1)),
                                     update_text(how, name + "(" + at.text + ")", given, number(-1))));
      Term counted = cast(old, i64);
      if (how == Atomic::cas) counted = cast(apply(Op::equal, {old, number(-1)}), i64);
      if (how == Atomic::max) counted = cast(apply(Op::greater_equal, {old, number(start)}), i64);
      if (how == Atomic::min) counted = cast(apply(Op::less_equal, {old, number(start)}), i64);
      *total.variable += Operand(*counted.value);
      line(total.text + " += " + counted.text + ";");
    };
    if (node.n[3] / 8 % 2 == 0) return update_it();
    const Term c = condition(node.children[2]);
    line("if_(" + c.text + ", [&] {");
    if_(Operand(*c.value), [&] { inside(update_it); });
    line("});");
  });
  // What is left in the places has an order too, but for what was put into them or was first.
  if (how == Atomic::exchange) {
    *total.variable += sum(shared.term.array->astype(i64));
    (*shared.term.array)(rest) = 0;
    line(total.text + " += sum(" + name + ".astype(i64));");
    line(name + "(rest) = 0;");
  } else if (how == Atomic::cas) {
    (*shared.term.array)(rest) = *shared.term.array >= Value(0);
    line(name + "(rest) = " + name + " >= Value(0);");
  }
  scope_.arrays.push_back(std::move(shared));
  scope_.variables.push_back(std::move(total));
}

// Each element of the interior from its neighbours in another array, once or, in turn, between two.
void Executor::stencil_loop(const Node& node) {
  if (scope_.in_prange) return;
  std::vector<NamedArray> targets, sources;
  for (const NamedArray& a : scope_.arrays)
    if (a.mode == Mode::free && a.term.writable && !a.term.extents.empty() && a.term.extents.size() <= 2)
      targets.push_back(a);
  if (targets.empty()) return;
  NamedArray target = targets[node.n[0] % targets.size()];
  const auto copy_of = [&](const Term& x) {
    const std::string name = fresh("t");
    NamedArray a;
    a.whole = true;
    a.term = of(x.array->copy(), name, x.extents, groups_++, true);
    line("Array " + name + " = " + x.text + ".copy();");
    return a;
  };
  for (const NamedArray& a : scope_.arrays)
    if (a.term.group != target.term.group && a.term.extents == target.term.extents) sources.push_back(a);
  const int rank = static_cast<int>(target.term.extents.size()), margin = 1 + static_cast<int>(node.n[0] >> 8) % 2;
  double elements = scope_.turns;
  for (const ExtentName& e : target.term.extents) elements *= std::max(e.size, 1.0);
  if (elements > most_turns / 2 || work_ > most_work) return;
  work_ += 4 * elements;
  const bool in_turn = node.n[1] % 3 == 0;
  NamedArray source;
  if (in_turn || sources.empty()) {
    source = copy_of(target.term);
    if (in_turn) target = copy_of(target.term);
    scope_.arrays.push_back(source);
  } else {
    source = sources[(node.n[0] >> 16) % sources.size()];
  }
  if (in_turn) scope_.arrays.push_back(target);
  const DType dtype = target.term.dtype();
  const auto point = [&](const std::vector<Term>& at) {
    const std::uint32_t points = 2 + node.n[2] % 5;
    Term x;
    for (std::uint32_t k = 0; k < points; ++k) {
      std::vector<Term> beside;
      std::string text;
      for (int axis = 0; axis < rank; ++axis) {
        const int offset = static_cast<int>((node.n[3] >> (4 * k + 2 * static_cast<std::uint32_t>(axis))) %
                                            static_cast<std::uint32_t>(2 * margin + 1)) -
                           margin;
        const Term& i = at[static_cast<std::size_t>(axis)];
        beside.push_back(offset == 0 ? i : apply(offset < 0 ? Op::subtract : Op::add, {i, number(std::abs(offset))}));
        text += (axis ? ", " : "") + beside.back().text;
      }
      Term y =
          of(static_cast<const Value&>(element_at(*source.term.array, beside)), source.term.text + "(" + text + ")");
      if (k == 1) y = apply(Op::multiply, {std::move(y), scalar(node.children[0])});
      x = k == 0 ? std::move(y) : apply(k % 3 == 2 ? Op::subtract : Op::add, {std::move(x), std::move(y)});
    }
    x = cast(x, dtype);
    std::string left = target.term.text + "(";
    for (int axis = 0; axis < rank; ++axis) left += (axis ? ", " : "") + at[static_cast<std::size_t>(axis)].text;
    element_at(*target.term.array, at) = Operand(*x.value);
    line(left + ") = " + x.text + ";");
  };
  const auto step = [&] {
    over(loop_over(target.term, 0, margin), true, [&](const Term& i) {
      enter_reading_prange(target.term.group);
      if (rank == 1) return point({i});
      over(loop_over(target.term, 1, margin), node.n[1] / 4 % 3 != 0, [&](const Term& j) { point({i, j}); });
    });
    if (!in_turn) return;
    kiln::swap(*target.term.array, *source.term.array);
    line("kiln::swap(" + target.term.text + ", " + source.term.text + ");");
  };
  if (!in_turn) return step();
  NamedLoop turns;
  turns.index.extent = {"3", 0, 1, 3};
  turns.begin = number(0), turns.end = number(3), turns.turns = 3;
  turns.name = fresh("i");
  over(std::move(turns), false, [&](const Term&) { step(); });
}

// Three loops: each element of the target from the terms that a row and a column of others have, folded in a Var, or
// added to the element itself.
void Executor::product_loop(const Node& node) {
  if (scope_.in_prange) return;
  std::vector<std::size_t> targets;
  for (std::size_t k = 0; k < scope_.arrays.size(); ++k) {
    const NamedArray& a = scope_.arrays[k];
    if (a.mode == Mode::free && a.term.writable && a.term.extents.size() == 2) targets.push_back(k);
  }
  if (targets.empty()) return;
  const NamedArray target = scope_.arrays[targets[node.n[0] % targets.size()]];
  const DType dtype = target.term.dtype();
  // Of rank 2, with an axis as long as one of the target's; the other axis is summed over. Else a number.
  const auto factor = [&](int axis_of_target, std::uint32_t which) {
    const ExtentName& own = target.term.extents[static_cast<std::size_t>(axis_of_target)];
    std::vector<std::pair<Term, int>> found;
    for (const NamedArray& a : scope_.arrays)
      if (a.term.group != target.term.group && a.term.extents.size() == 2)
        for (int axis = 0; axis < 2; ++axis)
          if (a.term.extents[static_cast<std::size_t>(axis)] == own) found.emplace_back(a.term, axis);
    return found.empty() ? std::pair<Term, int>{{}, -1} : found[which % found.size()];
  };
  auto [column, column_axis] = factor(1, node.n[0] >> 8);
  if (!column.is_array()) {
    const std::string name = fresh("t");
    line("Array " + name + " = " + target.term.text + ".copy();");
    column = of(target.term.array->copy(), name, target.term.extents, groups_++, true), column_axis = 1;
  }
  auto [row, row_axis] = factor(0, node.n[0] >> 16);
  NamedLoop inner = loop_over(column, 1 - column_axis, 0);
  if (row.is_array() && !(row.extents[static_cast<std::size_t>(1 - row_axis)] == inner.index.extent)) row = Term{};
  double turns = scope_.turns * inner.turns;
  for (const ExtentName& e : target.term.extents) turns *= std::max(e.size, 1.0);
  if (turns > most_turns) {
    // A few terms of each; their index is inside what it was.
    turns *= 3 / inner.turns;
    inner.end = apply(Op::minimum, {inner.end, number(3)}), inner.turns = 3;
  }
  if (turns > most_turns || work_ > most_work) return;
  work_ += turns;
  const auto element = [&](const Term& a, std::vector<Term> at) {
    const std::string text = a.text + "(" + at[0].text + ", " + at[1].text + ")";
    return of(static_cast<const Value&>(element_at(*a.array, at)), text);
  };
  const auto term = [&](const Term& i, const Term& j, const Term& k) {
    Term x = element(column, column_axis == 1 ? std::vector{k, j} : std::vector{j, k});
    if (row.is_array())
      x = apply(Op::multiply, {element(row, row_axis == 0 ? std::vector{i, k} : std::vector{k, i}), std::move(x)});
    else if (node.n[1] % 5 == 0)
      x = apply(Op::multiply, {std::move(x), scalar(node.children[0])});
    return x;
  };
  const bool extreme = node.n[2] % 6 == 0;
  const auto folded = [&](const Term& i, const Term& j) {
    const std::string name = fresh("v");
    const bool fixed = node.n[2] / 8 % 2 == 0;
    const Term own = element(target.term, {i, j});
    Var s = fixed ? Var(0, dtype) : Var(Operand(*own.value));
    line(fixed ? "Var " + name + "(0, " + (dtype.is_bool() ? "kiln::bool_" : dtype.name()) + ");"
               : "Var " + name + " = " + own.text + ";");
    over(inner, false, [&](const Term& k) {
      const Term x = cast(term(i, j, k), s.dtype());
      if (extreme)
        s.max(Operand(*x.value)), line(name + ".max(" + x.text + ");");
      else
        s += Operand(*x.value), line(name + " += " + x.text + ";");
    });
    const Term x = cast(of(Value(s), "Value(" + name + ")"), dtype);
    element_at(*target.term.array, std::vector{i, j}) = Operand(*x.value);
    line(target.term.text + "(" + i.text + ", " + j.text + ") = " + x.text + ";");
  };
  const std::uint32_t order = node.n[3] % 4;
  over(loop_over(target.term, 0, 0), true, [&](const Term& i) {
    enter_reading_prange(target.term.group);
    if (order != 0) {
      over(loop_over(target.term, 1, 0), order == 1, [&](const Term& j) { folded(i, j); });
      return;
    }
    // The elements themselves are added to, one row of the other factor after another.
    over(inner, false, [&](const Term& k) {
      over(loop_over(target.term, 1, 0), false, [&](const Term& j) {
        const Term x = cast(term(i, j, k), dtype);
        element_at(*target.term.array, std::vector{i, j}) += Operand(*x.value);
        line(target.term.text + "(" + i.text + ", " + j.text + ") += " + x.text + ";");
      });
    });
  });
}

// Cumulative sums and products, along an axis or of everything.
Term Executor::scanned(const Node& node) {
  const Term x = array(node.children[0]);
  if (!x.is_array() || x.extents.empty() || !affordable(x)) return x;
  const bool product = node.n[0] % 2 == 0;
  const std::uint32_t axis = node.n[1] % static_cast<std::uint32_t>(x.extents.size() + 1);
  Reduce options;
  std::string text;
  std::vector<ExtentName> extents = x.extents;
  if (axis < x.extents.size()) {
    options.axis = static_cast<int>(axis);
    text = ".axis = " + std::to_string(axis);
  } else {
    extents = {flattened(x.extents)};
  }
  if (node.n[2] % 4 == 0) {
    constexpr DType dtypes[] = {f64, f32, i64, u8, c128, f16};
    options.dtype = dtypes[node.n[3] % (x.dtype().is_complex() ? 1u : std::size(dtypes))];
    if (x.dtype().is_complex()) options.dtype = c128;
    text += (text.empty() ? ".dtype = " : ", .dtype = ") + std::string((*options.dtype).name());
  }
  const ArrayOperand of_what(*x.array);
  return of(product ? cumprod(of_what, options) : cumsum(of_what, options),
            (product ? "cumprod(" : "cumsum(") + x.text + ", {" + text + "})", extents, -1, true);
}

}  // namespace kiln::fuzz
