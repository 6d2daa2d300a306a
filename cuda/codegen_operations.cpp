// Types, literals, casts, and the table of operations as CUDA C++.
#include "core/composed.h"
#include "core/host_ops.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

#include <bit>
#include <cmath>
#include <cstdio>

namespace kiln::on_cuda {

using ir::Op;
using ir::part_dtype;

std::string_view register_type(DType dtype) {
  switch (dtype.code()) {
    case TypeCode::bool_: return "bool";
    case TypeCode::f16:
    case TypeCode::bf16: return "float";
    case TypeCode::f32: return "float";
    case TypeCode::f64: return "double";
    default: return memory_type(dtype);
  }
}

std::string_view memory_type(DType dtype) {
  switch (dtype.code()) {
    case TypeCode::bool_: return "bool";
    case TypeCode::i8: return "kiln_i8";
    case TypeCode::i16: return "kiln_i16";
    case TypeCode::i32: return "kiln_i32";
    case TypeCode::i64: return "kiln_i64";
    case TypeCode::u8: return "kiln_u8";
    case TypeCode::u16: return "kiln_u16";
    case TypeCode::u32: return "kiln_u32";
    case TypeCode::u64: return "kiln_u64";
    case TypeCode::f16: return "kiln_f16";
    case TypeCode::bf16: return "kiln_bf16";
    case TypeCode::f32: return "float";
    case TypeCode::f64: return "double";
    case TypeCode::c64: return "kiln_c64";
    case TypeCode::c128: return "kiln_c128";
  }
  throw InternalError("no such dtype");
}

namespace {

std::string float_literal(double x, bool is_f64) {
  if (!std::isfinite(x) || (x == 0 && std::signbit(x))) {
    if (is_f64) return text("__longlong_as_double(", std::bit_cast<std::int64_t>(x), "ll)");
    return text("__uint_as_float(", std::bit_cast<std::uint32_t>(static_cast<float>(x)), "u)");
  }
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, is_f64 ? "%.17g" : "%.9g", x);
  std::string out = buffer;
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  if (!is_f64) out += 'f';
  return x < 0 ? text("(", out, ")") : out;
}

}  // namespace

std::string literal(DType dtype, const detail::Number16& number) {
  if (dtype.is_bool()) return number.i != 0 ? "true" : "false";
  if (dtype.is_complex()) {
    const bool wide = dtype == c128;
    return text(register_type(dtype), "{", float_literal(number.re, wide), ", ", float_literal(number.im, wide), "}");
  }
  if (dtype.is_floating()) return float_literal(number.re, dtype == f64);
  if (dtype == i64)
    return number.i == INT64_MIN ? "(-9223372036854775807ll - 1)"
           : number.i < 0        ? text("(", number.i, "ll)")
                                 : text(number.i, "ll");
  if (dtype == u64) return text(static_cast<std::uint64_t>(number.i), "ull");
  return text("(", register_type(dtype), ")", number.i < 0 ? text("(", number.i, "ll)") : text(number.i, "ll"));
}

namespace {

std::string rounded(const std::string& x, DType dtype) {
  if (dtype == f16) return "kiln_round_f16(" + x + ")";
  if (dtype == bf16) return "kiln_round_bf16(" + x + ")";
  return x;
}

// Operations whose result is an operand, or has its digits.
bool is_exact(Op op) {
  switch (op) {
    case Op::select:
    case Op::minimum:
    case Op::maximum:
    case Op::fmin:
    case Op::fmax:
    case Op::abs:
    case Op::fabs:
    case Op::negative:
    case Op::sign:
    case Op::copysign:
    case Op::floor:
    case Op::ceil:
    case Op::trunc:
    case Op::round:
    case Op::rint: return true;
    default: return false;
  }
}

// The table's text with the operands in their places.
std::string filled(std::string_view row, DType operand, std::span<const std::string> x) {
  std::string out;
  for (std::size_t k = 0; k < row.size(); ++k) {
    if (row[k] == '$')
      out += x[static_cast<std::size_t>(row[++k] - '0')];
    else if (row[k] == 'F')
      out += operand == f64 ? "" : "f";
    else
      out += row[k];
  }
  return out;
}

std::string half_operation(Op op, DType dtype, std::span<const std::string> x) {
  const std::string next = text("kiln_next_half<", memory_type(dtype), ">(");
  if (op == Op::nextafter) return next + x[0] + ", " + x[1] + ")";
  const std::string away = text(x[0], " < 0 ? __uint_as_float(0xff800000u) : __uint_as_float(0x7f800000u)");
  return rounded(text(next, x[0], ", ", away, ") - ", x[0]), dtype);
}

}  // namespace

std::string cast(const std::string& x, DType from, DType to) {
  if (from == to) return x;
  if (to.is_complex()) {
    const DType part = part_dtype(to);
    if (from.is_complex())
      return text(register_type(to), "{(", register_type(part), ")", x, ".re, (", register_type(part), ")", x, ".im}");
    return text(register_type(to), "{", cast(x, from, part), ", 0}");
  }
  if (from.is_complex()) {
    if (to.is_bool()) return text(x, ".re != 0 || ", x, ".im != 0");
    return cast(x + ".re", part_dtype(from), to);
  }
  if (to.is_bool()) return text(x, " != 0");
  const bool from_float = from.is_floating();
  if (to.is_integer()) {
    if (from_float) return text("kiln_saturated<", register_type(to), ">(", x, ")");
    return text("(", register_type(to), ")", x);
  }
  if (!from_float) {
    const std::string number = from.is_bool() ? "(int)" + x : x;
    return to == f64 ? "(double)" + number : rounded("(float)" + number, to);
  }
  if (to == f64) return "(double)" + x;
  if (to == f32) return "(float)" + x;
  return rounded(x, to);
}

bool is_precise_in_f64(Op op) {
  switch (op) {
    case Op::exp:
    case Op::exp2:
    case Op::expm1:
    case Op::log:
    case Op::log2:
    case Op::log10:
    case Op::log1p:
    case Op::cosh:
    case Op::tanh:
    case Op::cbrt: return true;
    default: return ir::row(op).ulp == 0;
  }
}

std::string operation(Op op, DType operand, DType result, std::span<const std::string> x, Declarations& declarations) {
  const ir::OpRow& row = ir::row(op);
  if (declarations.precise() && operand == f32 && row.ulp != 0) {  // the f64 function, rounded
    std::string wide[3];
    for (std::size_t k = 0; k < x.size(); ++k) wide[k] = text("(double)", x[k]);
    return text("(float)(", operation(op, f64, f64, {wide, x.size()}, declarations), ")");
  }
  if (op == Op::select) return filled(row.cuda, operand, x);
  if (op == Op::complex) return text(register_type(result), "{", x[0], ", ", x[1], "}");
  if (operand.is_complex()) {
    if (row.rule == ir::Rule::part) return x[0] + (op == Op::real ? ".re" : ".im");
    std::string call = declarations.complex_function(op, operand) + "(" + x[0];
    return call + (row.arity == 2 ? ", " + x[1] + ")" : ")");
  }
  if (!operand.is_floating()) {
    switch (op) {
      case Op::floor:
      case Op::ceil:
      case Op::trunc:
      case Op::round:
      case Op::real:
      case Op::conj: return x[0];
      default: return filled(row.cuda, operand, x);
    }
  }
  if ((operand == f16 || operand == bf16) && (op == Op::nextafter || op == Op::spacing))
    return half_operation(op, operand, x);
  if (composed::is_composed(op)) {
    std::string call = declarations.complex_function(op, operand == f64 ? f64 : f32) + "(" + x[0];
    call += row.arity == 2 ? ", " + x[1] + ")" : ")";
    return rounded(call, result);
  }
  const std::string out = filled(row.cuda, operand, x);
  return result.is_bool() || is_exact(op) ? out : rounded(out, result);
}

std::string Declarations::step(Op op, DType dtype) {
  const DType folded = ir::accumulator_dtype(dtype);
  const std::string name = text("step_", ir::row(op).name, "_", folded);
  if (!made_.insert(name).second) return name;
  const std::string_view type = register_type(folded);
  std::string body;
  if (folded.is_complex()) {
    body = complex_body(op, folded, true);
  } else {
    const std::string operands[] = {"a", "b"};
    body = text("    return ", operation(op, folded, folded, operands, *this), ";\n");
  }
  source_ += text("struct ", name, " {\n  static __device__ __forceinline__ ", type, " fold(", type, " a, ", type,
                  " b) {\n", body, "  }\n  static __device__ __forceinline__ ", type, " identity() { return ",
                  literal(folded, identity(op, folded)), "; }\n};\n\n");
  return name;
}

std::string Declarations::complex_function(Op op, DType dtype) {
  const std::string name = text("kiln_", ir::row(op).name, "_", dtype);
  if (!made_.insert(name).second) return name;
  const DType result = dtype.is_complex() ? ir::result_dtype(op, dtype) : dtype;
  const std::string_view type = register_type(dtype);
  source_ += text("static __device__ ", register_type(result), " ", name, "(", type, " a",
                  ir::row(op).arity == 2 ? text(", ", type, " b") : std::string(), ") {\n",
                  dtype.is_complex() ? complex_body(op, dtype, false) : composed_body(op, dtype), "}\n\n");
  return name;
}

}  // namespace kiln::on_cuda
