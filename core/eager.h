// Array operations outside a trace: each is a small traced function of its own, compiled once for its dtypes.
#pragma once

#include <kiln/functions.h>
#include <kiln/jit.h>

#include <cstdint>
#include <span>

namespace kiln::detail {

enum class Builtin : std::int64_t {
  elementwise,
  sum,
  prod,
  min,
  max,
  mean,
  any,
  all,
  trace,
  dot,
  allclose,
  array_equal
};

/// Runs a builtin on arrays and scalars: `constants` are part of its key (the operation, axes …).
Array eager_array(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where);
Value eager_value(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where);

// Options of a reduction as one constant: the axes as bits, keepdims above them, 0 for "all, a scalar".
inline constexpr std::int64_t keepdims_bit = 1 << 16;
inline constexpr std::int64_t has_options_bit = 1 << 17;

/// Traces a reduction. `options` as above.
Array traced_reduction(Builtin which, const Array& a, std::int64_t options, const Location& where);
Value traced_reduction(Builtin which, const Array& a, const Location& where);

Value traced_allclose(const ArrayOperand& a, const ArrayOperand& b, const Operand& rtol, const Operand& atol);
Value traced_array_equal(const ArrayOperand& a, const ArrayOperand& b);
/// The same of arrays whose shapes are equal.
Value traced_all_equal(const ArrayOperand& a, const ArrayOperand& b);

}  // namespace kiln::detail
