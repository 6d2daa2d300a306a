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
  floating,          // integers become floats: 8 bits and bool f16, 16 bits f32, else f64
  rounding,          // integers and bool stay as they are
  true_division,     // integers become f64
  comparison,        // operands promote, result bool; not between a bool and a number
  logical,           // operands are compared with 0, result bool
  bitwise,           // integers, or all bool
  shift,             // integers; bool counts as i8
  predicate,         // result bool
  select,            // bool, then operands that promote
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

/// The dtype the operands are converted to and the dtype of the result.
struct OpTypes {
  Type operand;
  Type result;
};
/// Applies the operation's rule. Returns false (and a reason) for dtypes the operation does not take. For `select` the
/// first operand is the condition and `operand` the type of the other two.
bool infer(Op op, const Type* operands, int count, OpTypes& types, std::string_view& reason);

}  // namespace kiln::ir
