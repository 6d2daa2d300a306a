// Complex numbers and other composed operations: core/composed.h run on what stands for floats in the text.
#include "core/composed.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

namespace kiln::on_cuda {

using ir::Op;

namespace {

/// Lines of a function's body; each operation is one, and has a name.
struct Emitter {
  bool wide = true;  // doubles
  int count = 0;
  std::string lines{};

  std::string add(std::string_view type, const std::string& expression) {
    std::string name = text(type == "bool" ? "t" : "x", count++);
    lines += text("    const ", type, " ", name, " = ", expression, ";\n");
    return name;
  }
  std::string number(const std::string& expression) { return add(wide ? "double" : "float", expression); }
};

struct Truth {
  Emitter* emit;
  std::string name;

  friend Truth operator&&(const Truth& a, const Truth& b) {
    return {a.emit, a.emit->add("bool", a.name + " && " + b.name)};
  }
  friend Truth operator||(const Truth& a, const Truth& b) {
    return {a.emit, a.emit->add("bool", a.name + " || " + b.name)};
  }
  friend Truth operator!(const Truth& a) { return {a.emit, a.emit->add("bool", "!" + a.name)}; }
};

/// A float, as core/composed.h wants it.
struct Real {
  Emitter* emit;
  std::string name;

  static Real binary(const Real& a, const char* op, const Real& b) {
    return {a.emit, a.emit->number(a.name + op + b.name)};
  }
  static Truth compare(const Real& a, const char* op, const Real& b) {
    return {a.emit, a.emit->add("bool", a.name + op + b.name)};
  }
  static Real call(const char* name, const Real& a) {
    return {a.emit, a.emit->number(text(name, a.emit->wide ? "(" : "f(", a.name, ")"))};
  }
  static Real call(const char* name, const Real& a, const Real& b) {
    return {a.emit, a.emit->number(text(name, a.emit->wide ? "(" : "f(", a.name, ", ", b.name, ")"))};
  }
  friend Real operator+(const Real& a, const Real& b) { return binary(a, " + ", b); }
  friend Real operator-(const Real& a, const Real& b) { return binary(a, " - ", b); }
  friend Real operator*(const Real& a, const Real& b) { return binary(a, " * ", b); }
  friend Real operator/(const Real& a, const Real& b) { return binary(a, " / ", b); }
  friend Real operator-(const Real& a) { return {a.emit, a.emit->number("-" + a.name)}; }
  friend Truth operator<(const Real& a, const Real& b) { return compare(a, " < ", b); }
  friend Truth operator<=(const Real& a, const Real& b) { return compare(a, " <= ", b); }
  friend Truth operator>(const Real& a, const Real& b) { return compare(a, " > ", b); }
  friend Truth operator>=(const Real& a, const Real& b) { return compare(a, " >= ", b); }
  friend Truth operator==(const Real& a, const Real& b) { return compare(a, " == ", b); }
  friend Truth operator!=(const Real& a, const Real& b) { return compare(a, " != ", b); }

  friend Real number(const Real& x, double c) {
    detail::Number16 number;
    number.re = c;
    return {x.emit, literal(x.emit->wide ? f64 : f32, number)};
  }
  friend Real choose(const Truth& t, const Real& a, const Real& b) {
    return {a.emit, a.emit->number(t.name + " ? " + a.name + " : " + b.name)};
  }
#define KILN_FUNCTION_1(name) \
  friend Real name(const Real& x) { return call(#name, x); }
#define KILN_FUNCTION_2(name) \
  friend Real name(const Real& x, const Real& y) { return call(#name, x, y); }
  KILN_FUNCTION_1(fabs)
  KILN_FUNCTION_1(sqrt)
  KILN_FUNCTION_1(rint)
  KILN_FUNCTION_2(copysign)
  KILN_FUNCTION_1(exp)
  KILN_FUNCTION_1(exp2)
  KILN_FUNCTION_1(expm1)
  KILN_FUNCTION_1(log)
  KILN_FUNCTION_1(log1p)
  KILN_FUNCTION_1(sin)
  KILN_FUNCTION_1(cos)
  KILN_FUNCTION_1(tan)
  KILN_FUNCTION_1(sinh)
  KILN_FUNCTION_1(cosh)
  KILN_FUNCTION_1(asinh)
  KILN_FUNCTION_2(atan2)
  KILN_FUNCTION_2(hypot)
#undef KILN_FUNCTION_1
#undef KILN_FUNCTION_2
};

using Pair = composed::Complex<Real>;

Pair parameter(Emitter& emit, const char* name) { return {{&emit, text(name, ".re")}, {&emit, text(name, ".im")}}; }
// The same in double precision.
Pair widened(Emitter& emit, const char* name) {
  return {{&emit, emit.number(text("(double)", name, ".re"))}, {&emit, emit.number(text("(double)", name, ".im"))}};
}

std::string returned(Emitter& emit, const std::string& x) { return emit.lines + "    return " + x + ";\n"; }

std::string returned(Emitter& emit, const Pair& z, DType dtype) {
  const std::string part = text("(", register_type(ir::part_dtype(dtype)), ")");
  return returned(emit, text(register_type(dtype), "{", part, z.re.name, ", ", part, z.im.name, "}"));
}

}  // namespace

std::string complex_body(Op op, DType dtype, bool reduction) {
  const bool single = dtype == c64;
  Emitter emit{!single};
  const Pair a = parameter(emit, "a");
  const bool binary = reduction || ir::row(op).arity == 2;
  if (reduction) return returned(emit, composed::reduction_step(op, a, parameter(emit, "b")), dtype);
  switch (ir::row(op).rule) {
    case ir::Rule::comparison: return returned(emit, composed::compare(op, a, parameter(emit, "b")).name);
    case ir::Rule::predicate: return returned(emit, composed::predicate(op, a).name);
    case ir::Rule::phase: return returned(emit, atan2(a.im, a.re).name);
    default: break;
  }
  if (composed::is_arithmetic(op)) {
    const Pair result = composed::arithmetic(op, a, binary ? parameter(emit, "b") : a);
    return returned(emit, result, dtype);
  }
  Emitter doubles;
  const Pair x = widened(doubles, "a"), y = binary ? widened(doubles, "b") : x;
  if (op == Op::abs) return returned(doubles, composed::magnitude(x, single).name);
  return returned(doubles, composed::function(op, x, y, single), dtype);
}

std::string composed_body(Op op, DType dtype) {
  Emitter emit{dtype == f64};
  const Real a{&emit, "a"};
  return returned(emit, composed::real_function(op, a, ir::row(op).arity == 2 ? Real{&emit, "b"} : a).name);
}

}  // namespace kiln::on_cuda
