// The operations on floating numbers, in float and in double, for host_ops.
#pragma once

#include "core/ops.h"

#include <kiln/value.h>

namespace kiln {

/// An operation whose result is a number of the same type. f16 and bf16 go through float.
float floating_operation(ir::Op op, const float* operands, bool precise = false);
double floating_operation(ir::Op op, const double* operands, bool precise = false);
/// A comparison or predicate.
bool floating_test(ir::Op op, const double* operands);
/// One of core/composed.h on real numbers.
float composed_operation(ir::Op op, float x, float y, bool precise);
double composed_operation(ir::Op op, double x, double y, bool precise);

/// An operation on complex numbers of this dtype.
detail::Number16 complex_operation(ir::Op op, DType operand, const detail::Number16* operands, bool precise);

}  // namespace kiln
