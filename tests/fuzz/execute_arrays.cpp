// Recipes, carried out: expressions of whole arrays, and views.
#include "core/reduction.h"
#include "core/trace.h"
#include "tests/fuzz/execute.h"

#include <algorithm>

namespace kiln::fuzz {

using ir::Op;

namespace {

constexpr double most_work = 400'000;

}  // namespace

Term Executor::of(const Array& array, std::string text, std::vector<ExtentName> extents, int group, bool writable) {
  Term t;
  t.array = std::make_shared<Array>(array);
  t.text = std::move(text);
  t.extents = std::move(extents);
  t.group = group;
  t.writable = writable;
  return t;
}

// Whether the interpreter can go through the elements in the time there is; counts them.
bool Executor::affordable(const Term& x) {
  double elements = scope_.turns;
  for (const ExtentName& e : x.extents) elements *= std::max(e.size, 1.0);
  if (elements > recipe_.most_elements || work_ + elements > most_work) return false;
  work_ += elements;
  return true;
}

// The array, or the part of it that is the iteration's own.
Term Executor::whole(const NamedArray& array) {
  if (array.mode != Mode::own) return array.term;
  Term x = array.term;
  std::vector<std::unique_ptr<IndexItem>> items;
  x.extents.clear();
  x.text += "(";
  for (std::size_t k = 0; k < array.term.extents.size(); ++k) {
    if (k) x.text += ", ";
    if (array.own[k]) {
      items.push_back(std::make_unique<IndexItem>(*array.own[k]->value));
      x.text += array.own[k]->text;
    } else {
      items.push_back(std::make_unique<IndexItem>(kiln::_));
      x.text += "_";
      x.extents.push_back(array.term.extents[k]);
    }
  }
  x.text += ")";
  const Array& a = *array.term.array;
  if (x.extents.empty()) return Term{};
  switch (items.size()) {
    case 1: x.array = std::make_shared<Array>(a(*items[0])); break;
    case 2: x.array = std::make_shared<Array>(a(*items[0], *items[1])); break;
    case 3: x.array = std::make_shared<Array>(a(*items[0], *items[1], *items[2])); break;
    default: return Term{};
  }
  return x;
}

Term Executor::any_array(std::uint32_t which, const Term* like) {
  std::vector<const NamedArray*> readable, fitting;
  for (const NamedArray& a : scope_.arrays) {
    if (a.mode == Mode::update_only || a.term.extents.size() > 4) continue;
    if (a.mode == Mode::own && std::all_of(a.own.begin(), a.own.end(), [](const auto& x) { return x.has_value(); }))
      continue;
    readable.push_back(&a);
    if (like && a.mode != Mode::own && broadcasts(a.term, *like)) fitting.push_back(&a);
  }
  const auto& from = fitting.empty() ? readable : fitting;
  if (!from.empty()) {
    Term x = whole(*from[which % from.size()]);
    if (x.is_array()) return x;
  }
  const Value n = 3;
  return of(arange(Operand(n)), "arange(Value(3))", {{"3", 0, 1, 3}}, -1, true);
}

Term Executor::array(const Node& node, const Term* like) {
  switch (node.kind) {
    case Kind::array: return any_array(node.n[0], like);
    case Kind::view: return view(array(node.children[0]), node.n[0]);
    case Kind::map: return map(node, like);
    case Kind::made: return made(node);
    case Kind::reduce_axes: return reduce_axes(node);
    case Kind::reshaped: return reshaped(node);
    case Kind::scanned: return scanned(node);
    case Kind::cast_array: {
      const Term x = array(node.children[0], like);
      return cast(x, DType(static_cast<TypeCode>(node.n[0] % type_code_count)));
    }
    default: return scalar(node);
  }
}

namespace {

ExtentName sliced(ExtentName e, int less, int step) {
  if (e.base == "1" && less > 0) return {"0", 0, 1, 0};
  if (e.step != 1 && (less != 0 || step != 1))
    return {e.base + "-" + std::to_string(e.less) + "/" + std::to_string(e.step), less, step, e.size / step};
  return {e.base, e.less + less, e.step * step, e.size / step};
}

}  // namespace

// Indices of the first axis, all of them inside it: some more than once, some from the end.
Term Executor::indices(const Term& x, std::uint32_t which) {
  const Term n = extent(x, 0);
  const int step = 1 + static_cast<int>(which % 5), first = static_cast<int>(which / 5 % 7);
  const Operand count(*n.value);
  Array at = (arange(count) * step + first) % maximum(count, 1);
  std::string text = "(arange(" + n.text + ") * " + std::to_string(step) + " + " + std::to_string(first) +
                     ") % maximum(" + n.text + ", 1)";
  if (which % 2 == 0) return of(at, text, {x.extents[0]}, -1, true);
  return of(at - count, text + " - " + n.text, {x.extents[0]}, -1, true);
}

Term Executor::gathered(const Term& x, std::uint32_t which) {
  const Term at = indices(x, which);
  return of(Array((*x.array)(*at.array)), "Array(" + x.text + "(" + at.text + "))", x.extents, -1, true);
}

Term Executor::view(const Term& x, std::uint32_t which) {
  if (!x.is_array() || x.extents.empty()) return x;
  // The check of indices is not made inside a prange.
  if (which % 16 == 12 && !scope_.in_prange && x.extents.size() <= 3 && affordable(x)) return gathered(x, which >> 4);
  Term out = x;
  const std::uint32_t form = which % 8;
  which >>= 3;
  const std::size_t rank = x.extents.size();
  if (form == 0 && rank > 1) {
    std::reverse(out.extents.begin(), out.extents.end());
    out.array = std::make_shared<Array>(x.array->transpose());
    out.text += ".transpose()";
    return out;
  }
  if (form == 1 && rank == 2) {
    const bool square = x.extents[0] == x.extents[1];
    const std::string base = "min(" + x.extents[0].base + std::to_string(x.extents[0].less) + "/" +
                             std::to_string(x.extents[0].step) + "," + x.extents[1].base +
                             std::to_string(x.extents[1].less) + "/" + std::to_string(x.extents[1].step) + ")";
    out.extents = {square ? x.extents[0] : ExtentName{base, 0, 1, std::min(x.extents[0].size, x.extents[1].size)}};
    out.array = std::make_shared<Array>(diagonal(ArrayOperand(*x.array)));
    out.text = "diagonal(" + x.text + ")";
    return out;
  }
  if (rank > 3) return x;
  out.extents.clear();
  out.text += "(";
  std::vector<std::unique_ptr<IndexItem>> items;
  const auto add = [&](auto item, const std::string& text) {
    if (!items.empty()) out.text += ", ";
    items.push_back(std::make_unique<IndexItem>(item));
    out.text += text;
  };
  if (form == 2 && rank < 3) {
    add(newaxis, "newaxis");
    out.extents.push_back({"1", 0, 1, 1});
  }
  for (std::size_t k = 0; k < rank; ++k) {
    const ExtentName& e = x.extents[k];
    const std::uint32_t how = which % 16;
    which >>= 4;
    std::vector<const IndexName*> fitting;
    for (const IndexName& index : scope_.indices)
      if (index.extent == e) fitting.push_back(&index);
    switch (how) {
      case 0: add(slice(1, _), "slice(1, _)"), out.extents.push_back(sliced(e, 1, 1)); break;
      case 1: add(slice(_, -1), "slice(_, -1)"), out.extents.push_back(sliced(e, 1, 1)); break;
      case 2: add(slice(1, -1), "slice(1, -1)"), out.extents.push_back(sliced(e, 2, 1)); break;
      case 3: add(slice(_, _, 2), "slice(_, _, 2)"), out.extents.push_back(sliced(e, 0, 2)); break;
      case 4: add(slice(_, _, -1), "slice(_, _, -1)"), out.extents.push_back(e); break;
      case 5: add(slice(1, _, 2), "slice(1, _, 2)"), out.extents.push_back(sliced(e, 1, 2)); break;
      case 6: add(slice(_, 1, -2), "slice(_, 1, -2)"), out.extents.push_back(sliced(e, 2, 2)); break;
      case 10: add(slice(2, _), "slice(2, _)"), out.extents.push_back(sliced(e, 2, 1)); break;
      case 11: add(slice(_, -2), "slice(_, -2)"), out.extents.push_back(sliced(e, 2, 1)); break;
      case 7:
      case 8:
      case 9:
        if (!fitting.empty()) {
          const IndexName& index = *fitting[which % fitting.size()];
          if (how == 7) {
            add(*index.term.value, index.term.text);
          } else if (how == 8) {
            add(slice(_, *index.term.value), "slice(_, " + index.term.text + ")");
            out.extents.push_back({"to " + index.term.text, 0, 1, e.size});
          } else {
            add(slice(*index.term.value, _), "slice(" + index.term.text + ", _)");
            out.extents.push_back(
                {e.base + std::to_string(e.less) + "/" + std::to_string(e.step) + " from " + index.term.text, 0, 1,
                 e.size});
          }
          break;
        }
        [[fallthrough]];
      default: add(_, "_"), out.extents.push_back(e);
    }
  }
  if (form == 3 && items.size() < 4 && rank < 3) {
    add(newaxis, "newaxis");
    out.extents.push_back({"1", 0, 1, 1});
  }
  out.text += ")";
  if (out.extents.empty()) return x;
  const Array& a = *x.array;
  switch (items.size()) {
    case 1: out.array = std::make_shared<Array>(a(*items[0])); break;
    case 2: out.array = std::make_shared<Array>(a(*items[0], *items[1])); break;
    case 3: out.array = std::make_shared<Array>(a(*items[0], *items[1], *items[2])); break;
    default: out.array = std::make_shared<Array>(a(*items[0], *items[1], *items[2], *items[3])); break;
  }
  return out;
}

namespace {

struct NamedReduction {
  const char* name;
  detail::ReductionRow row;
  Value (*everything)(const ArrayOperand& x);
  Array (*along)(const ArrayOperand& x, const Reduce& options);
};

constexpr detail::ReductionId sum_id = detail::ReductionId::sum;

// A reduction that x has: of extremes one that has them of nothing too, and of bools no difference.
NamedReduction reduction_of(std::uint32_t which, DType dtype) {
  static const NamedReduction all[] = {
#define KILN_REDUCTION(name, of, nan, taken) {#name, detail::row(detail::ReductionId::name), &kiln::name, &kiln::name},
#include <kiln/reductions.def>
#undef KILN_REDUCTION
  };
  const NamedReduction& chosen = all[which % std::size(all)];
  return chosen.row.of == detail::Reduced::ptp && dtype.is_bool() ? all[static_cast<int>(sum_id)] : chosen;
}

}  // namespace

Term Executor::reduced(const Term& x, std::uint32_t which) {
  const NamedReduction chosen = reduction_of(which, x.array->dtype());
  return of(chosen.everything(ArrayOperand(*x.array)), chosen.name + ("(" + x.text + ")"));
}

Term Executor::map(const Node& node, const Term* like) {
  std::vector<Term> operands;
  for (const Node& child : node.children) {
    if (!is_array(child.kind)) {
      operands.push_back(scalar(child));
      continue;
    }
    const Term* beside = operands.empty() || !operands[0].is_array() ? like : &operands[0];
    Term x = array(child, beside);
    // What does not broadcast with those before joins as a number.
    for (const Term& other : operands)
      if (x.is_array() && other.is_array() && !broadcasts(x, other)) {
        x = affordable(x) ? reduced(x, 0) : leaf_value(child.n[0]);
        break;
      }
    operands.push_back(std::move(x));
  }
  // Pairs broadcast, but all three together only if each pair does; the result's size decides.
  Term shape;
  for (const Term& x : operands) {
    if (x.extents.size() > shape.extents.size())
      shape.extents.insert(shape.extents.begin(), x.extents.size() - shape.extents.size(), {"1", 0, 1, 1});
    for (std::size_t k = 1; k <= x.extents.size(); ++k)
      if (shape.extents[shape.extents.size() - k].is_one())
        shape.extents[shape.extents.size() - k] = x.extents[x.extents.size() - k];
  }
  if (!affordable(shape)) return operands[0];
  const Op op = any_op(node.n[0], static_cast<int>(operands.size()));
  if (ir::row(op).arity == 3 && op != Op::select) return apply(Op::select, std::move(operands));
  return apply(op, std::move(operands));
}

Term Executor::made(const Node& node) {
  const Term like = any_array(node.n[0], nullptr);
  if (!affordable(like)) return like;
  const DType dtype(static_cast<TypeCode>(node.n[1] % type_code_count));
  const std::string name = dtype.is_bool() ? "kiln::bool_" : dtype.name();
  switch (node.n[2] % 5) {
    case 0: return of(zeros_like(ArrayOperand(*like.array)), "zeros_like(" + like.text + ")", like.extents, -1, true);
    case 1: {
      const Term x = leaf_value(node.n[3]);
      std::vector<Term> one{x};
      coerce(Op::add, one);
      return of(full_like(ArrayOperand(*like.array), Operand(*one[0].value)),
                "full_like(" + like.text + ", " + one[0].text + ")", like.extents, -1, true);
    }
    case 2: {
      const Term n = extent(like, 0);
      return of(arange(Operand(*n.value)), "arange(" + n.text + ")", {like.extents[0]}, -1, true);
    }
    case 3: {
      if (like.extents[0].size > 60) return like;
      const Term n = extent(like, 0);
      return of(eye(Operand(*n.value), dtype), "eye(" + n.text + ", " + name + ")", {like.extents[0], like.extents[0]},
                -1, true);
    }
    default: return of(ones_like(ArrayOperand(*like.array)), "ones_like(" + like.text + ")", like.extents, -1, true);
  }
}

Term Executor::reduce_axes(const Node& node) {
  const Term x = array(node.children[0]);
  if (!x.is_array() || x.extents.empty() || !affordable(x)) return x;
  const NamedReduction chosen = reduction_of(node.n[2] >> 2, x.array->dtype());
  const auto takes = [&](unsigned option) { return (chosen.row.options & option) != 0; };
  const int rank = static_cast<int>(x.extents.size());
  Reduce options;
  options.keepdims = node.n[1] % 2 == 0;
  std::uint32_t axes = 1u << (node.n[0] % static_cast<std::uint32_t>(rank));
  if (node.n[2] % 4 == 0 && takes(detail::ReduceOption::axes))
    axes |= 1u << (node.n[3] % static_cast<std::uint32_t>(rank));
  std::vector<ExtentName> extents;
  std::string list;
  for (int k = 0; k < rank; ++k) {
    if (axes >> k & 1) {
      options.axis.values[options.axis.count++] = static_cast<std::int8_t>(k);
      list += (list.empty() ? "" : ", ") + std::to_string(k);
      if (options.keepdims) extents.push_back({"1", 0, 1, 1});
    } else {
      extents.push_back(x.extents[static_cast<std::size_t>(k)]);
    }
  }
  if (extents.empty()) return reduced(x, node.n[2]);
  std::string text = x.text + ", {.axis = {" + list + "}, .keepdims = " + (options.keepdims ? "true" : "false");
  if (takes(detail::ReduceOption::dtype) && node.n[1] % 8 >= 6) {
    options.dtype = node.n[1] % 16 >= 8 ? f64 : f32;
    text += std::string(", .dtype = ") + (*options.dtype).name();
  }
  if (takes(detail::ReduceOption::where) && node.n[1] % 3 == 0) {
    const bool is_mask = x.array->dtype().is_bool();
    options.where = is_mask ? *x.array : ArrayOperand(*x.array) > Operand(Value(0));
    text += ", .where = " + x.text + (is_mask ? "" : " > 0");
  }
  if (takes(detail::ReduceOption::initial) && (node.n[1] % 5 == 0 || node.n[1] % 3 == 0)) {
    const bool truth = x.array->dtype().is_bool() && !options.dtype;
    if (truth)
      options.initial.emplace(true);
    else
      options.initial.emplace(2);
    text += std::string(", .initial = ") + (truth ? "true" : "2");
  }
  if (takes(detail::ReduceOption::ddof) && node.n[1] % 5 == 1) {
    options.ddof = 1;
    text += ", .ddof = 1";
  }
  return of(chosen.along(ArrayOperand(*x.array), options), chosen.name + ("(" + text + "})"), extents, -1, true);
}

ExtentName flattened(const std::vector<ExtentName>& extents) {
  if (extents.size() == 1) return extents[0];
  ExtentName all{"all of", 0, 1, 1};
  for (const ExtentName& e : extents) {
    all.base += " " + e.base + std::to_string(e.less) + "/" + std::to_string(e.step);
    all.size *= std::max(e.size, 1.0);
  }
  return all;
}

Term Executor::reshaped(const Node& node) {
  Term x = array(node.children[0]);
  if (!x.is_array() || x.extents.empty() || !affordable(x)) return x;
  if (x.extents.size() == 2 && node.n[0] % 2 == 0) {
    const Term rows = extent(x, 1), columns = extent(x, 0);
    Term out = of(x.array->reshape({Operand(*rows.value), Operand(*columns.value)}),
                  x.text + ".reshape({" + rows.text + ", " + columns.text + "})", {x.extents[1], x.extents[0]}, x.group,
                  x.writable);
    return out;
  }
  if (x.extents.size() == 1)
    return of(x.array->reshape({-1, 1}), x.text + ".reshape({-1, 1})", {x.extents[0], {"1", 0, 1, 1}}, x.group,
              x.writable);
  return of(x.array->ravel(), x.text + ".ravel()", {flattened(x.extents)}, x.group, x.writable);
}

}  // namespace kiln::fuzz
