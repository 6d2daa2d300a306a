// Recipes, carried out: scalars, and what scalars and arrays share.
#include "core/access.h"
#include "core/apply.h"
#include "core/trace.h"
#include "tests/fuzz/execute.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace kiln::fuzz {

using detail::Access;
using ir::Op;
using ir::Rule;

std::string number_text(double x) {
  if (std::isnan(x)) return "std::nan(\"\")";
  if (std::isinf(x)) return x < 0 ? "-INFINITY" : "INFINITY";
  char text[64];
  std::snprintf(text, sizeof text, "%.17g", x);
  std::string out = text;
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string number_text(std::int64_t x) {
  if (x == std::numeric_limits<std::int64_t>::min()) return "INT64_MIN";
  return std::to_string(x) + (x > 2147483647 || x < -2147483647 ? "L" : "");
}

const char* c_type(DType dtype) {
  constexpr const char* names[] = {
      "bool",         "std::int8_t",   "std::int16_t",  "std::int32_t",        "std::int64_t",
      "std::uint8_t", "std::uint16_t", "std::uint32_t", "std::uint64_t",       "f16",
      "bf16",         "float",         "double",        "std::complex<float>", "std::complex<double>"};
  return names[static_cast<int>(dtype.code())];
}

Term Executor::of(const Value& value, std::string text) {
  Term t;
  t.value = std::make_shared<Value>(value);
  t.text = std::move(text);
  return t;
}

// ---- Operations -----------------------------------------------------------------------------------------------------

Term Executor::cast(const Term& x, DType dtype) {
  if (x.dtype() == dtype && (x.is_array() || !Access::type(*x.value).weak())) return x;
  if (x.dtype().is_complex() && !dtype.is_complex() && !dtype.is_bool()) return cast(apply(Op::real, {x}), dtype);
  const std::string text = std::string(dtype.is_bool() ? "kiln::bool_" : dtype.name()) + "(" + x.text + ")";
  if (!x.is_array()) return of(dtype(Operand(*x.value)), text);
  if (!affordable(x)) return x;
  return of(dtype(ArrayOperand(*x.array)), text, x.extents, -1, true);
}

Term Executor::boolean(Term x) {
  if (x.dtype().is_bool()) return x;
  return apply(Op::not_equal, {std::move(x), of(Value(0), "Value(0)")});
}

Term Executor::integer(Term x) {
  if (x.dtype().is_integer()) return x;
  return cast(x, i64);
}

// Casts what the operation's rule does not take.
void Executor::coerce(Op op, std::vector<Term>& operands) {
  // A number that was computed while tracing may not fit the dtype it meets.
  for (Term& x : operands) {
    if (x.is_array() || Access::traced(*x.value) || !Access::type(*x.value).weak() || !x.dtype().is_integer()) continue;
    const std::int64_t number = Access::number(*x.value).i;
    if (number < 0 || number > 100) x = cast(x, i64);
  }
  const Rule rule = ir::row(op).rule;
  if (rule == Rule::real_not_bool || rule == Rule::real_floating || rule == Rule::real_rounding ||
      rule == Rule::real_predicate || rule == Rule::from_parts)
    for (Term& x : operands)
      if (x.dtype().is_complex()) x = apply(Op::real, {x});
  const auto all_bool = [&] {
    return std::all_of(operands.begin(), operands.end(), [](const Term& x) { return x.dtype().is_bool(); });
  };
  const auto any_bool = [&] {
    return std::any_of(operands.begin(), operands.end(), [](const Term& x) { return x.dtype().is_bool(); });
  };
  if (rule == Rule::numeric_no_bool && all_bool()) operands[0] = cast(operands[0], i32);
  if (rule == Rule::comparison && any_bool() && !all_bool())
    for (Term& x : operands)
      if (x.dtype().is_bool()) x = cast(x, i16);
  if (rule == Rule::select) operands[0] = boolean(operands[0]);
  if (rule == Rule::bitwise || rule == Rule::shift || rule == Rule::integer || rule == Rule::bit_count) {
    for (Term& x : operands)
      if (x.dtype().is_floating() || x.dtype().is_complex()) x = cast(x, i64);
    if (any_bool() && !all_bool())
      for (Term& x : operands)
        if (x.dtype().is_bool()) x = cast(x, i8);
    bool wide = false, is_signed = false;
    for (const Term& x : operands) {
      wide |= x.dtype() == u64;
      is_signed |= x.dtype().kind() == TypeKind::signed_integer;
    }
    if (wide && is_signed)
      for (Term& x : operands)
        if (x.dtype() == u64) x = cast(x, i64);
  }
}

namespace {

std::string spelled(Op op, const std::vector<Term>& operands) {
  const ir::OpRow& row = ir::row(op);
  if (op == Op::select) return "where(" + operands[0].text + ", " + operands[1].text + ", " + operands[2].text + ")";
  if (!row.is_function) {
    if (operands.size() == 1) return std::string("(") + row.spelling + operands[0].text + ")";
    return "(" + operands[0].text + " " + row.spelling + " " + operands[1].text + ")";
  }
  std::string text = std::string("kiln::") + row.name + "(";
  for (std::size_t k = 0; k < operands.size(); ++k) text += (k ? ", " : "") + operands[k].text;
  return text + ")";
}

}  // namespace

bool broadcasts(const Term& a, const Term& b) {
  for (std::size_t k = 1; k <= std::min(a.extents.size(), b.extents.size()); ++k) {
    const ExtentName &x = a.extents[a.extents.size() - k], &y = b.extents[b.extents.size() - k];
    if (!(x == y) && !x.is_one() && !y.is_one()) return false;
  }
  return true;
}

namespace {

// Whether a GPU's result may have other bits: that of a function, or of a complex number's root and magnitude.
bool rounds_otherwise(Op op, const std::vector<Term>& operands) {
  const auto any = [&](auto&& test) { return std::any_of(operands.begin(), operands.end(), test); };
  const bool is_complex = any([](const Term& x) { return x.dtype().is_complex(); });
  const bool is_exact = op == Op::pow && !is_complex && !any([](const Term& x) { return x.dtype().is_floating(); });
  return (ir::row(op).ulp > 0 && !is_exact) || (is_complex && (op == Op::sqrt || op == Op::abs || op == Op::sign));
}

}  // namespace

Term Executor::apply(Op op, std::vector<Term> operands) {
  coerce(op, operands);
  if (!recipe_.functions && rounds_otherwise(op, operands)) {
    op = operands.size() == 1 ? Op::rint : Op::add;
    coerce(op, operands);
  }
  // All NaNs are equal, their signs are nobody's promise: what asks for a sign asks a number.
  if (op == Op::signbit || op == Op::copysign) {
    Term& asked = operands.back();
    const DType dtype = asked.is_array() ? asked.array->dtype() : asked.value->dtype();
    if (dtype.is_floating()) asked = apply(Op::select, {apply(Op::isnan, {asked}), of(Value(0), "Value(0)"), asked});
  }
  std::string text = spelled(op, operands);
  bool any = false;
  for (const Term& x : operands) any |= x.is_array();
  if (!any) {
    std::vector<Operand> list;
    for (const Term& x : operands) list.emplace_back(*x.value);
    Term result = of(detail::apply(op, list.data(), static_cast<int>(list.size())), std::move(text));
    return result;
  }
  std::vector<detail::MixedOperand> list;
  std::vector<ExtentName> extents;
  for (const Term& x : operands) {
    list.push_back(x.is_array() ? detail::MixedOperand{x.array.get(), nullptr}
                                : detail::MixedOperand{nullptr, x.value.get()});
    if (x.extents.size() > extents.size())
      extents.insert(extents.begin(), x.extents.size() - extents.size(), {"1", 0, 1, 1});
    for (std::size_t k = 1; k <= x.extents.size(); ++k) {
      ExtentName& known = extents[extents.size() - k];
      if (known.is_one()) known = x.extents[x.extents.size() - k];
    }
  }
  const Array result = detail::Tracing::required("a map", Location::current())
                           .elementwise(op, list.data(), static_cast<int>(list.size()), Location::current());
  return of(result, std::move(text), extents, -1, true);
}

Op Executor::any_op(std::uint32_t which, int arity) const {
  static constexpr Op unary[] = {Op::negative, Op::bit_not,  Op::logical_not, Op::abs,   Op::sign,     Op::square,
                                 Op::sqrt,     Op::floor,    Op::ceil,        Op::trunc, Op::round,    Op::isnan,
                                 Op::isinf,    Op::isfinite, Op::signbit,     Op::fabs,  Op::negative, Op::rint,
                                 Op::exp,      Op::log,      Op::sin,         Op::tanh,  Op::cbrt,     Op::expm1,
                                 Op::conj,     Op::imag,     Op::reciprocal,  Op::real,  Op::popcount, Op::spacing};
  static constexpr Op binary[] = {
      Op::add,         Op::add,      Op::subtract,   Op::multiply, Op::multiply,  Op::divide,    Op::mod,
      Op::floordiv,    Op::minimum,  Op::maximum,    Op::bit_and,  Op::bit_or,    Op::bit_xor,   Op::left_shift,
      Op::right_shift, Op::less,     Op::less_equal, Op::greater,  Op::equal,     Op::not_equal, Op::logical_and,
      Op::logical_or,  Op::copysign, Op::fmod,       Op::add,      Op::nextafter, Op::pow,       Op::greater_equal,
      Op::fmin,        Op::fmax,     Op::atan2,      Op::hypot,    Op::complex,   Op::gcd,       Op::heaviside};
  if (arity == 1) return unary[which % std::size(unary)];
  if (arity == 2) return binary[which % std::size(binary)];
  return which % 4 == 0 ? Op::fma : Op::select;
}

// ---- Leaves ---------------------------------------------------------------------------------------------------------

Term Executor::literal(const Node& node) {
  constexpr int ints[] = {0, 1, 2, 3, 5, 7, 31, 64, 100};
  constexpr double reals[] = {0.0, 0.5, 1.0, 2.0, -1.5, 1e-3, 3.25, -0.0, 100.0};
  if (node.kind == Kind::literal_int) {
    const int x = ints[node.n[0] % std::size(ints)];
    return of(Value(x), "Value(" + std::to_string(x) + ")");
  }
  const double x = reals[node.n[0] % std::size(reals)];
  if (node.kind == Kind::literal_real) return of(Value(x), "Value(" + number_text(x) + ")");
  return of(Value(static_cast<float>(x)), "Value(float(" + number_text(x) + "))");
}

// A strong number, small or at the edge of its dtype.
Term Executor::constant(DType dtype, std::uint32_t which) {
  const std::string name = dtype.is_bool() ? "kiln::bool_" : dtype.name();
  if (dtype.is_complex())
    return apply(Op::complex, {constant(ir::part_dtype(dtype), which), constant(ir::part_dtype(dtype), which / 16)});
  if (dtype.is_floating()) {
    constexpr double reals[] = {1.0,       -2.5, 0.0, -0.0,    1e30,  -1e300, 1e-310, INFINITY,
                                -INFINITY, NAN,  0.1, 65504.0, 1e-45, 3.0,    -7.0};
    const double x = reals[which % std::size(reals)];
    return of(dtype(Operand(x)), name + "(" + number_text(x) + ")");
  }
  constexpr std::int64_t ints[] = {0,
                                   1,
                                   -1,
                                   2,
                                   3,
                                   7,
                                   -8,
                                   127,
                                   128,
                                   -128,
                                   255,
                                   256,
                                   32767,
                                   65535,
                                   2147483647,
                                   -2147483648,
                                   4294967295,
                                   std::numeric_limits<std::int64_t>::max(),
                                   std::numeric_limits<std::int64_t>::min(),
                                   63,
                                   33};
  const std::int64_t x = ints[which % std::size(ints)];
  return of(dtype(Operand(x)), name + "(" + number_text(x) + ")");
}

Term Executor::leaf_value(std::uint32_t which) {
  const std::size_t count = scope_.values.size() + scope_.indices.size();
  if (count == 0) return of(Value(2), "Value(2)");
  const std::size_t at = which % count;
  return at < scope_.values.size() ? scope_.values[at] : scope_.indices[at - scope_.values.size()].term;
}

Term Executor::named(const std::string& prefix, const Term& x) {
  Term t = x;
  t.text = prefix + std::to_string(names_++);
  line("Value " + t.text + " = " + x.text + ";");
  return t;
}

Term Executor::extent(const Term& array, int axis) {
  return of(array.array->shape(axis), array.text + ".shape(" + std::to_string(axis) + ")");
}

// ---- Loads ----------------------------------------------------------------------------------------------------------

// An index inside the axis: one of the loops', or any integer brought into range, which needs an axis that is not
// empty.
Term Executor::index_of(const NamedArray& array, int axis, std::uint32_t n, std::optional<Term>& condition) {
  const std::size_t k = static_cast<std::size_t>(axis);
  if (array.mode == Mode::own && array.own[k]) return *array.own[k];
  const ExtentName& name = array.term.extents[k];
  if (name.is_one()) return of(Value(0), "Value(0)");
  std::vector<const IndexName*> fitting;
  for (const IndexName& index : scope_.indices)
    if (index.extent == name) fitting.push_back(&index);
  if (!fitting.empty() && n % 8 != 0) {
    const IndexName& index = *fitting[(n >> 3) % fitting.size()];
    const int stray = recipe_.strays && (n >> 24) % 4 == 0 ? 1 + static_cast<int>(n >> 28) : 0;
    const int offset =
        static_cast<int>((n >> 8) % static_cast<std::uint32_t>(index.low + index.high + 1)) - index.low + stray;
    if ((n >> 16) % 8 == 0) {
      Term last = apply(Op::subtract, {extent(array.term, axis), of(Value(1), "Value(1)")});
      return apply(Op::subtract, {std::move(last), index.term});
    }
    if (offset == 0) return index.term;
    return apply(offset < 0 ? Op::subtract : Op::add,
                 {index.term, of(Value(std::abs(offset)), "Value(" + std::to_string(std::abs(offset)) + ")")});
  }
  const Term length = extent(array.term, axis);
  Term some = apply(Op::greater, {length, of(Value(0), "Value(0)")});
  condition = condition ? apply(Op::logical_and, {*condition, std::move(some)}) : std::move(some);
  Term any = (n >> 4) % 3 == 0 || scope_.values.empty() ? leaf_value(n >> 6) : integer(leaf_value(n >> 6));
  return apply(Op::mod, {cast(integer(std::move(any)), i64), length});
}

Executor::Place Executor::place(const NamedArray& array, const std::uint32_t* n) {
  Place place;
  for (std::size_t axis = 0; axis < array.term.extents.size(); ++axis) {
    place.indices.push_back(
        index_of(array, static_cast<int>(axis), n[axis % 3] + static_cast<std::uint32_t>(axis / 3), place.condition));
    place.text += (axis ? ", " : "") + place.indices.back().text;
  }
  place.text = "(" + place.text + ")";
  return place;
}

Element element_at(const Array& a, const std::vector<Term>& at) {
  switch (at.size()) {
    case 0: return a();
    case 1: return a(Operand(*at[0].value));
    case 2: return a(Operand(*at[0].value), Operand(*at[1].value));
    case 3: return a(Operand(*at[0].value), Operand(*at[1].value), Operand(*at[2].value));
    default: return a(Operand(*at[0].value), Operand(*at[1].value), Operand(*at[2].value), Operand(*at[3].value));
  }
}

Term Executor::element(const NamedArray& array, const Place& place) {
  return of(static_cast<const Value&>(element_at(*array.term.array, place.indices)), array.term.text + place.text);
}

Term Executor::load(const Node& node) {
  std::vector<const NamedArray*> readable;
  for (const NamedArray& a : scope_.arrays)
    if (a.mode != Mode::update_only && a.term.extents.size() <= 4) readable.push_back(&a);
  if (readable.empty()) return leaf_value(node.n[0]);
  const NamedArray& array = *readable[node.n[0] % readable.size()];
  const Place at = place(array, node.n + 1);
  Term x = element(array, at);
  return at.condition ? apply(Op::select, {*at.condition, std::move(x), of(Value(1), "Value(1)")}) : x;
}

// A load at an index that may lie anywhere, under a test of it.
Term Executor::guarded_load(const Node& node) {
  std::vector<const NamedArray*> readable;
  for (const NamedArray& a : scope_.arrays)
    if ((a.mode == Mode::free || a.mode == Mode::read_only) && a.term.extents.size() == 1) readable.push_back(&a);
  if (readable.empty()) return scalar(node.children[0]);
  const NamedArray array = *readable[node.n[0] % readable.size()];
  const Term at = named("j", cast(integer(scalar(node.children[0])), i64));
  const Term inside = apply(Op::logical_and, {apply(Op::greater_equal, {at, of(Value(0), "Value(0)")}),
                                              apply(Op::less, {at, extent(array.term, 0)})});
  Place place;
  place.indices = {at};
  place.text = "(" + at.text + ")";
  Term x = element(array, place);
  switch (node.n[1] % 3) {
    case 0: return apply(Op::logical_and, {inside, boolean(std::move(x))});
    case 1: return apply(Op::logical_or, {apply(Op::logical_not, {inside}), boolean(std::move(x))});
    default: return apply(Op::select, {inside, std::move(x), constant(array.term.dtype(), node.n[2] % 6)});
  }
}

// ---- Scalars --------------------------------------------------------------------------------------------------------

Term Executor::scalar(const Node& node) {
  switch (node.kind) {
    case Kind::literal_int:
    case Kind::literal_real:
    case Kind::literal_float: return literal(node);
    case Kind::constant: return constant(DType(static_cast<TypeCode>(node.n[0] % type_code_count)), node.n[1]);
    case Kind::value: return leaf_value(node.n[0]);
    case Kind::variable: {
      std::vector<const NamedVariable*> readable;
      for (const NamedVariable& v : scope_.variables)
        if (v.use != NamedVariable::Use::reduce) readable.push_back(&v);
      if (readable.empty()) return leaf_value(node.n[0]);
      const NamedVariable& v = *readable[node.n[0] % readable.size()];
      return of(Value(*v.variable), "Value(" + v.text + ")");
    }
    case Kind::extent: {
      const NamedArray& a = scope_.arrays[node.n[0] % scope_.arrays.size()];
      if (a.term.extents.empty()) return leaf_value(node.n[1]);
      return extent(a.term, static_cast<int>(node.n[1] % a.term.extents.size()));
    }
    case Kind::load: return load(node);
    case Kind::guarded_load: return guarded_load(node);
    case Kind::cast: {
      // Half precision arises here alone.
      const std::uint32_t code = node.n[0] % type_code_count;
      return cast(scalar(node.children[0]), DType(static_cast<TypeCode>(code)));
    }
    case Kind::apply: {
      std::vector<Term> operands;
      for (const Node& child : node.children) operands.push_back(scalar(child));
      const Op op = any_op(node.n[0], static_cast<int>(operands.size()));
      return apply(op, std::move(operands));
    }
    case Kind::reduce: {
      const Term x = array(node.children[0]);
      return x.is_array() && affordable(x) ? reduced(x, node.n[0]) : leaf_value(node.n[1]);
    }
    case Kind::branch_value: {
      const Term c = condition(node.children[0]);
      const std::string name = fresh("x");
      line("Value " + name + " = if_(" + c.text + ", [&] {");
      std::string after;
      const Value result = if_(
          Operand(*c.value),
          [&] {
            Value x = 0;
            inside([&] {
              const Term t = scalar(node.children[1]);
              line("return Value(" + t.text + ");");
              Access::set(x, *t.value);
            });
            line("}, [&] {");
            return x;
          },
          [&] {
            Value x = 0;
            inside([&] {
              const Term t = scalar(node.children[2]);
              line("return Value(" + t.text + ");");
              Access::set(x, *t.value);
            });
            return x;
          });
      line("});");
      return of(result, name);
    }
    default: return is_array(node.kind) ? reduced(array(node), 0) : leaf_value(node.n[0]);
  }
}

Term Executor::condition(const Node& node) {
  if (node.kind == Kind::apply && node.children.size() == 2) {
    constexpr Op ops[] = {Op::less,  Op::less_equal, Op::greater,     Op::greater_equal,
                          Op::equal, Op::not_equal,  Op::logical_and, Op::logical_or};
    return boolean(apply(ops[node.n[0] % std::size(ops)], {scalar(node.children[0]), scalar(node.children[1])}));
  }
  return boolean(scalar(node));
}

}  // namespace kiln::fuzz
