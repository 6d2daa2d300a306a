// The operation table as an enum and as rows, and the dtype rules of its operations.
#pragma once

#include <kiln/dtype.h>

#include <cstdint>
#include <string_view>

namespace kiln::ir {

/// What a node computes: first the leaves and casts, then the table's operations in its order.
enum class Op : std::uint8_t {
  constant,
  scalar_argument,  // run-time scalar parameter
  extent,           // extent of a root's axis
  stride,           // stride of a root's axis, in elements
  index,            // index of a loop's dimension
  read_variable,
  load,
  convert,  // cast to the node's dtype
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost) name,
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) name,
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
};

/// How an operation's operand and result dtypes follow from its arguments'.
enum class Rule : std::uint8_t {
  leaf,
  numeric,           // operands and result promote
  numeric_no_bool,   // bool is an error
  numeric_not_bool,  // bool counts as i8
  real_not_bool,     // the same, complex is an error
  magnitude,         // numeric; of complex the result is real
  floating,          // integers become floats: 8 bits and bool f16, 16 bits f32, else f64
  real_floating,     // the same, complex is an error
  rounding,          // integers and bool stay as they are
  real_rounding,     // the same, complex is an error
  true_division,     // integers become f64
  comparison,        // operands promote, result bool; not between a bool and a number
  logical,           // operands are compared with 0, result bool
  bitwise,           // integers, or all bool
  shift,             // integers; bool counts as i8
  integer,           // the same, all bool is an error
  bit_count,         // as shift, result u8
  predicate,         // floating, result bool
  real_predicate,    // the same, complex is an error
  select,            // bool, then operands that promote
  from_parts,        // two real numbers, at least f32; result complex
  part,              // of complex the result is real, of others it is the operand's
  phase,             // floating, but bool becomes f64; of complex the result is real
};

struct OpRow {
  const char* name;
  const char* spelling;
  int arity;
  Rule rule;
  const char* cuda;
  double ulp;
  int cost;
  bool is_function;
};

const OpRow& row(Op op);
/// Number of operations, leaves included.
int op_count();
inline constexpr Op first_table_op = Op::add;

/// The dtype of a complex dtype's parts; another dtype itself.
constexpr DType part_dtype(DType dtype) { return dtype == c64 ? f32 : dtype == c128 ? f64 : dtype; }
/// The complex dtype whose parts hold the floats of `dtype`.
constexpr DType complex_dtype(DType dtype) { return dtype == f64 || dtype == c128 ? c128 : c64; }
/// The dtype in which a reduction into `dtype` folds.
constexpr DType accumulator_dtype(DType dtype) { return dtype == f16 || dtype == bf16 ? f32 : dtype; }
/// Accumulators side by side of a reduction into `dtype` in the wide order; a block is 32 rows of them.
constexpr int lanes_of(DType dtype) { return dtype.size() < 4 ? 64 : 256 / static_cast<int>(dtype.size()); }
/// The dtype of the result of an operation whose operands have been converted to `operand`.
DType result_dtype(Op op, DType operand);

/// The dtype the operands are converted to and the dtype of the result.
struct OpTypes {
  Type operand;
  Type result;
};
/// Applies the operation's rule. Returns false (and a reason) for dtypes the operation does not take. For `select` the
/// first operand is the condition and `operand` the type of the other two.
bool infer(Op op, const Type* operands, int count, OpTypes& types, std::string_view& reason);

}  // namespace kiln::ir
