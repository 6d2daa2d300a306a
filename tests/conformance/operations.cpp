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
#define KILN_ROW(name, symbol) \
  Array name(Array a) { return symbol a; }
KILN_ROW_OPERATORS_1(KILN_ROW)
#undef KILN_ROW
#define KILN_ROW(name, symbol) \
  Array name(Array a, Array b) { return a symbol b; }
KILN_ROW_OPERATORS_2(KILN_ROW)
#undef KILN_ROW
Array select(Array c, Array a, Array b) { return where(c, a, b); }
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_FUNCTION_##arity(name)
#define KILN_FUNCTION_1(name) \
  Array name(Array a) { return kiln::name(a); }
#define KILN_FUNCTION_2(name) \
  Array name(Array a, Array b) { return kiln::name(a, b); }
#define KILN_FUNCTION_3(name)
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
#undef KILN_FUNCTION_1
#undef KILN_FUNCTION_2
#undef KILN_FUNCTION_3
}  // namespace written

template <Array (*function)(Array)>
constexpr Operation make(const char* name, ir::Op op) {
  return {name, op, 1, [](const JitOptions& o, const Array* x) { return jit<function>().with(o)(x[0]); },
          [](const Array* x) { return function(x[0]); }};
}
template <Array (*function)(Array, Array)>
constexpr Operation make(const char* name, ir::Op op) {
  return {name, op, 2, [](const JitOptions& o, const Array* x) { return jit<function>().with(o)(x[0], x[1]); },
          [](const Array* x) { return function(x[0], x[1]); }};
}
template <Array (*function)(Array, Array, Array)>
constexpr Operation make(const char* name, ir::Op op) {
  return {name, op, 3, [](const JitOptions& o, const Array* x) { return jit<function>().with(o)(x[0], x[1], x[2]); },
          [](const Array* x) { return function(x[0], x[1], x[2]); }};
}

// The only row that takes scalars alone.
const auto fused = vectorize([](Value a, Value b, Value c) { return fma(a, b, c); });

Operation make_fma() {
  return {"fma", ir::Op::fma, 3,
          [](const JitOptions& o, const Array* x) -> Array { return fused.with(o)(x[0], x[1], x[2]); },
          [](const Array* x) -> Array { return fused(x[0], x[1], x[2]); }};
}

const Operation table[] = {
#define KILN_ROW(name, symbol) make<written::name>(#name, ir::Op::name),
    KILN_ROW_OPERATORS_1(KILN_ROW) KILN_ROW_OPERATORS_2(KILN_ROW)
#undef KILN_ROW
        make<written::select>("select", ir::Op::select),
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_ROW_##arity(name)
#define KILN_ROW_1(name) make<written::name>(#name, ir::Op::name),
#define KILN_ROW_2(name) make<written::name>(#name, ir::Op::name),
#define KILN_ROW_3(name) make_fma(),
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
};

constexpr DType dtypes[] = {bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64};

}  // namespace

std::span<const Operation> operations() { return table; }
std::span<const DType> real_dtypes() { return dtypes; }

}  // namespace kiln::conformance
