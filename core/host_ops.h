// Every operation of the table on two or three numbers, for the interpreter, the constant folder and eager scalars.
#pragma once

#include "core/ops.h"

#include <kiln/value.h>

namespace kiln {

using detail::Number16;

/// The result of `op` on operands that already have the operation's operand dtype (Rule in ops.h); rounded to `result`
/// as generated code rounds it. Total: integer division by 0 is 0, MIN / -1 is MIN, shifts and casts as NumPy or
/// saturating. `precise`: functions within 1 ulp (JitOptions::precise).
Number16 evaluate(ir::Op op, DType operand, DType result, const Number16* operands, bool precise = false);
/// A cast: float to integer saturates and NaN becomes 0; to bool is x != 0; complex to real drops the imaginary part.
Number16 convert(const Number16& x, DType from, DType to);
/// Element access in memory.
Number16 read_element(const void* address, DType dtype);
void write_element(void* address, DType dtype, const Number16& x);
/// The value that leaves any x unchanged under `op` (add: -0.0, multiply: 1, minimum: the largest …).
Number16 identity(ir::Op op, DType dtype);
/// a op b as a reduction folds them: evaluate, but that the identity of a complex product changes no number at all.
Number16 reduction_step(ir::Op op, DType dtype, const Number16& a, const Number16& b);

/// exp, pow and the other functions of the table from `pow` on, in f32 or f64, with the very bits generated code gets.
/// Defined with the CPU's vector mathematics (cpu/vector_math_host.cpp); `y` is ignored by functions of one argument.
double vector_math(ir::Op op, bool is_f64, double x, double y, bool precise);

/// f16 and bf16 bits to and from float, rounding to nearest even.
float f16_to_float(std::uint16_t bits);
std::uint16_t float_to_f16(float x);
std::uint16_t double_to_f16(double x);
float bf16_to_float(std::uint16_t bits);
std::uint16_t float_to_bf16(float x);
std::uint16_t double_to_bf16(double x);

}  // namespace kiln
