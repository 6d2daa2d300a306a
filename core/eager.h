// Array operations outside a trace: each is a small traced function of its own, compiled once for its dtypes.
#pragma once

#include "core/reduction.h"

#include <kiln/functions.h>
#include <kiln/jit.h>

#include <cstdint>
#include <span>

namespace kiln::detail {

struct Picked;

enum class Builtin : std::int64_t {
  elementwise,
  reduction,
  scan,
  trace,
  dot,
  allclose,
  array_equal,
  gather,
  scatter,
  store_masked,
  matmul
};

/// Runs a builtin on arrays and scalars: `constants` are part of its key (the operation, axes …).
Array eager_array(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where);
Value eager_value(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                  const Location& where);

/// Runs a reduction: what kind of options it has is part of the key; the mask and the numbers among them are arguments.
Array eager_array(const Reduction& reduction, const Array& a, const Location& where);
Value eager_value(const Reduction& reduction, const Array& a, const Location& where);
Array eager_array(const Scan& scan, const Array& a, const Location& where);

/// A builtin without a result.
void eager_call(Builtin which, std::span<const std::int64_t> constants, std::span<const Argument> operands,
                const Location& where);

/// The picking that a selection stands for; its numbers as one constant, and back.
Picked picked(const Selection& s);
std::int64_t packed(const Picked& picked);
void unpack(std::int64_t bits, Picked& picked);

Value traced_allclose(const ArrayOperand& a, const ArrayOperand& b, const Operand& rtol, const Operand& atol);
Value traced_array_equal(const ArrayOperand& a, const ArrayOperand& b);
/// The same of arrays whose shapes are equal.
Value traced_all_equal(const ArrayOperand& a, const ArrayOperand& b);

}  // namespace kiln::detail
