// Every row of the operation table, called by its C++ operator or function.
#include "tests/conformance/operations.h"

namespace kiln::conformance {
namespace {

// How a row is written in C++; the table's spelling decides for operators.
#define KILN_ROW_OPERATORS_1(row) row(negative, -) row(bit_not, ~) row(logical_not, !)
#define KILN_ROW_OPERATORS_2(row)                                                                               \
  row(add, +) row(subtract, -) row(multiply, *) row(divide, /) row(mod, %) row(bit_and, &) row(bit_or, |)       \
      row(bit_xor, ^) row(left_shift, <<) row(right_shift, >>) row(less, <) row(less_equal, <=) row(greater, >) \
          row(greater_equal, >=) row(equal, ==) row(not_equal, !=) row(logical_and, &&) row(logical_or, ||)

namespace written {
#define KILN_ROW(name, symbol)             \
  Array name(Array a) { return symbol a; } \
  Value name(Value a) { return symbol a; }
KILN_ROW_OPERATORS_1(KILN_ROW)
#undef KILN_ROW
#define KILN_ROW(name, symbol)                        \
  Array name(Array a, Array b) { return a symbol b; } \
  Value name(Value a, Value b) { return a symbol b; }
KILN_ROW_OPERATORS_2(KILN_ROW)
#undef KILN_ROW
Array select(Array c, Array a, Array b) { return where(c, a, b); }
Value select(Value c, Value a, Value b) { return where(c, a, b); }
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_FUNCTION_##arity(name)
#define KILN_FUNCTION_1(name)                   \
  Array name(Array a) { return kiln::name(a); } \
  Value name(Value a) { return kiln::name(a); }
#define KILN_FUNCTION_2(name)                               \
  Array name(Array a, Array b) { return kiln::name(a, b); } \
  Value name(Value a, Value b) { return kiln::name(a, b); }
#define KILN_FUNCTION_3(name)                                           \
  Array name(Array a, Array b, Array c) { return kiln::name(a, b, c); } \
  Value name(Value a, Value b, Value c) { return kiln::name(a, b, c); }
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
#undef KILN_FUNCTION_1
#undef KILN_FUNCTION_2
#undef KILN_FUNCTION_3
}  // namespace written

template <Array (*function)(Array), Value (*scalar)(Value)>
constexpr Operation make(const char* name, ir::Op op) {
  return {name,
          op,
          1,
          [](const JitOptions& o, const Array* x) { return jit<function>().with(o)(x[0]); },
          [](const Array* x) { return function(x[0]); },
          [](const Value* x) { return scalar(x[0]); }};
}
template <Array (*function)(Array, Array), Value (*scalar)(Value, Value)>
constexpr Operation make(const char* name, ir::Op op) {
  return {name,
          op,
          2,
          [](const JitOptions& o, const Array* x) { return jit<function>().with(o)(x[0], x[1]); },
          [](const Array* x) { return function(x[0], x[1]); },
          [](const Value* x) { return scalar(x[0], x[1]); }};
}
template <Array (*function)(Array, Array, Array), Value (*scalar)(Value, Value, Value)>
constexpr Operation make(const char* name, ir::Op op) {
  return {name,
          op,
          3,
          [](const JitOptions& o, const Array* x) { return jit<function>().with(o)(x[0], x[1], x[2]); },
          [](const Array* x) { return function(x[0], x[1], x[2]); },
          [](const Value* x) { return scalar(x[0], x[1], x[2]); }};
}

const Operation table[] = {
#define KILN_ROW(name, symbol) make<written::name, written::name>(#name, ir::Op::name),
    KILN_ROW_OPERATORS_1(KILN_ROW) KILN_ROW_OPERATORS_2(KILN_ROW) KILN_ROW(select, where)
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_ROW(name, name)
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
#undef KILN_ROW
};

constexpr DType dtypes[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, c64, c128};
constexpr std::size_t complex_dtypes = 2;

}  // namespace

std::span<const Operation> operations() { return table; }
std::span<const DType> numpy_dtypes() { return dtypes; }
std::span<const DType> real_dtypes() { return numpy_dtypes().first(std::size(dtypes) - complex_dtypes); }

}  // namespace kiln::conformance
