// The rows of the operation table and the dtype rules of its operations.
#include "core/ops.h"

#include <iterator>

namespace kiln::ir {
namespace {

constexpr OpRow leaf(const char* name, int arity = 0) { return {name, name, arity, Rule::leaf, "", 0, 0, false}; }

constexpr OpRow rows[] = {
    leaf("constant"), leaf("scalar_argument"), leaf("extent"), leaf("stride"),
    leaf("index"),    leaf("read_variable"),   leaf("load"),   leaf("convert", 1),
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost) \
  {#name, spelling, arity, Rule::rule, cuda, ulp, cost, false},
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) \
  {#name, spelling, arity, Rule::rule, cuda, ulp, cost, true},
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
};

// The common type of some operands: the strong ones first, so that the order of the operands does not matter.
Type promote_all(const Type* operands, int count) {
  Type strong, weak;
  bool any_strong = false, any_weak = false;
  for (int i = 0; i < count; ++i) {
    const Type& x = operands[i];
    Type& sum = x.weak() ? weak : strong;
    bool& any = x.weak() ? any_weak : any_strong;
    sum = any ? promote(sum, x) : x;
    any = true;
  }
  if (!any_weak) return strong;
  return any_strong ? promote(strong, weak) : weak;
}

// Beside a bf16, bytes and bools become bf16 rather than f16.
DType floating_of(DType dtype, bool beside_bf16) {
  if (dtype.is_floating() || dtype.is_complex()) return dtype;
  if (dtype.size() == 1) return beside_bf16 ? bf16 : f16;
  return dtype.size() == 2 ? f32 : f64;
}

// The type in which a floating function computes: every operand becomes a float by itself before they promote, as NumPy
// chooses its loops (atan2 of i8 and u8 is f16 although both promote to i16).
Type promote_floating(const Type* operands, int count) {
  const Type common = promote_all(operands, count);
  if (common.dtype.is_complex()) return common;
  if (common.weak()) return {f64, Strength::weak};
  DType integers = bool_, result = f16;
  bool first = true, any_bf16 = false;
  for (int i = 0; i < count; ++i) any_bf16 |= operands[i].dtype == bf16;
  for (int i = 0; i < count; ++i) {
    if (operands[i].weak()) continue;
    const DType x = operands[i].dtype, floating = floating_of(x, any_bf16);
    integers = first ? x : promote(integers, x);
    result = first ? floating : promote(result, floating);
    first = false;
  }
  for (int i = 0; i < count; ++i) {
    if (!operands[i].weak()) continue;
    const DType with = promote(Type{integers}, operands[i]).dtype;
    if (with != integers) result = promote(result, floating_of(with, any_bf16));
  }
  return {result, Strength::strong};
}

std::string_view reason_for_bool(Op op) {
  if (op == Op::subtract) return "bools have no difference: use != or ^, or cast one, as in i64(x)";
  if (op == Op::negative) return "bools have no negative: use !, or cast, as in i64(x)";
  return "it takes numbers, not bools: cast, as in i64(x)";
}

std::string_view reason_for_bits(Op op, bool any_bool) {
  if (any_bool && op != Op::bit_not)
    return "it takes two integers or two bools: put the comparison in parentheses, as in a & (b == c)";
  if (op == Op::bit_xor) return "it takes integers or bools: write pow for a power, or cast, as in i64(x)";
  if (op == Op::bit_and) return "it takes integers or bools: write && for a condition, or cast, as in i64(x)";
  if (op == Op::bit_or) return "it takes integers or bools: write || for a condition, or cast, as in i64(x)";
  return "it takes integers or bools: write ! for a condition, or cast, as in i64(x)";
}

constexpr std::string_view no_common_integer =
    "u64 and a signed integer have no common integer dtype: cast one, as u64(x) or i64(x)";

std::string_view reason_for_complex(Op op) {
  switch (op) {
    case Op::floor:
    case Op::ceil:
    case Op::trunc: return "it does not take complex numbers: round rounds both parts; or apply it to real(z), imag(z)";
    case Op::atan2: return "it does not take complex numbers: angle(z) is the angle of one; or use real(z), imag(z)";
    case Op::hypot:
    case Op::fabs: return "it does not take complex numbers: abs(z) is the magnitude of one; or use real(z), imag(z)";
    case Op::complex: return "it makes a complex number of two real ones: use real(z), imag(z) or abs(z)";
    default: return "it does not take complex numbers: apply it to real(z), imag(z) or abs(z)";
  }
}

bool takes_complex(Rule rule) {
  switch (rule) {
    case Rule::real_not_bool:
    case Rule::real_floating:
    case Rule::real_rounding:
    case Rule::real_predicate:
    case Rule::bitwise:
    case Rule::shift:
    case Rule::integer:
    case Rule::bit_count:
    case Rule::from_parts: return false;
    default: return true;
  }
}

bool infer_bitwise(Op op, const Type* operands, int count, Type common, std::string_view& reason) {
  bool any_bool = false, all_bool = true, any_floating = false;
  for (int i = 0; i < count; ++i) {
    any_bool |= operands[i].dtype.is_bool();
    all_bool &= operands[i].dtype.is_bool();
    any_floating |= operands[i].dtype.is_floating();
  }
  if (any_floating || any_bool != all_bool) {
    reason = reason_for_bits(op, any_bool);
    return false;
  }
  if (common.dtype.is_floating()) {
    reason = no_common_integer;
    return false;
  }
  return true;
}

// Of shifts and of other functions of integers.
bool infer_integer(Rule rule, const Type* operands, int count, Type& common, std::string_view& reason) {
  for (int i = 0; i < count; ++i) {
    if (!operands[i].dtype.is_floating()) continue;
    reason = rule == Rule::shift ? "shifts take integers: cast, as in i64(x), or multiply by a power of 2"
                                 : "it takes integers: cast, as in i64(x)";
    return false;
  }
  if (common.dtype.is_floating()) {
    reason = no_common_integer;
    return false;
  }
  if (common.dtype.is_bool() && rule == Rule::integer) {
    reason = "it takes integers, not bools: cast, as in i64(x)";
    return false;
  }
  if (common.dtype.is_bool()) common.dtype = i8;
  return true;
}

bool infer_comparison(const Type* operands, int count, std::string_view& reason) {
  if (count == 2 && operands[0].dtype.is_bool() != operands[1].dtype.is_bool()) {
    reason = "a bool is compared with a number (a < b < c?): write a < b && b < c, or cast the bool, as in i64(x)";
    return false;
  }
  return true;
}

bool infer_select(const Type* operands, int count, OpTypes& types, std::string_view& reason) {
  if (!operands[0].dtype.is_bool()) {
    reason = "the condition must be bool: compare it, as in where(x != 0, a, b)";
    return false;
  }
  types.operand = types.result = promote_all(operands + 1, count - 1);
  return true;
}

Type at_least_f32(Type type) { return type.dtype == f64 ? type : Type{f32, type.strength}; }

}  // namespace

const OpRow& row(Op op) { return rows[static_cast<int>(op)]; }

int op_count() { return static_cast<int>(std::size(rows)); }

DType result_dtype(Op op, DType operand) {
  switch (row(op).rule) {
    case Rule::comparison:
    case Rule::logical:
    case Rule::predicate:
    case Rule::real_predicate: return bool_;
    case Rule::magnitude:
    case Rule::part:
    case Rule::phase: return part_dtype(operand);
    case Rule::bit_count: return u8;
    case Rule::from_parts: return complex_dtype(operand);
    default: return operand;
  }
}

bool infer(Op op, const Type* operands, int count, OpTypes& types, std::string_view& reason) {
  const Rule rule = row(op).rule;
  if (rule == Rule::select) return infer_select(operands, count, types, reason);
  Type common = promote_all(operands, count);
  if (common.dtype.is_complex() && !takes_complex(rule)) {
    reason = reason_for_complex(op);
    return false;
  }
  switch (rule) {
    case Rule::leaf: reason = "it is not an operation of the table"; return false;
    case Rule::numeric:
    case Rule::magnitude:
    case Rule::rounding:
    case Rule::real_rounding:
    case Rule::part: break;
    case Rule::numeric_no_bool:
      if (common.dtype.is_bool()) {
        reason = reason_for_bool(op);
        return false;
      }
      break;
    case Rule::numeric_not_bool:
    case Rule::real_not_bool:
      if (common.dtype.is_bool()) common.dtype = i8;
      break;
    case Rule::phase: common = common.dtype.is_bool() ? Type{f64} : promote_floating(operands, count); break;
    case Rule::floating:
    case Rule::real_floating:
    case Rule::predicate:
    case Rule::real_predicate: common = promote_floating(operands, count); break;
    case Rule::from_parts: common = at_least_f32(promote_floating(operands, count)); break;
    case Rule::true_division:
      if (!common.dtype.is_floating() && !common.dtype.is_complex()) common.dtype = f64;
      break;
    case Rule::comparison:
      if (!infer_comparison(operands, count, reason)) return false;
      break;
    case Rule::logical: common = {bool_}; break;
    case Rule::bitwise:
      if (!infer_bitwise(op, operands, count, common, reason)) return false;
      break;
    case Rule::shift:
    case Rule::integer:
    case Rule::bit_count:
      if (!infer_integer(rule, operands, count, common, reason)) return false;
      break;
    case Rule::select: break;
  }
  const DType result = result_dtype(op, common.dtype);
  const bool own_dtype = result.is_bool() || rule == Rule::bit_count;
  types = {common, {result, own_dtype ? Strength::strong : common.strength}};
  return true;
}

}  // namespace kiln::ir
