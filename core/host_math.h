// The operations on floating numbers, in float and in double, for host_ops.
#pragma once

#include "core/ops.h"

namespace kiln {

/// An operation whose result is a number of the same type. f16 and bf16 go through float.
float floating_operation(ir::Op op, const float* operands, bool precise = false);
double floating_operation(ir::Op op, const double* operands, bool precise = false);
/// A comparison or predicate.
bool floating_test(ir::Op op, const double* operands);

}  // namespace kiln
