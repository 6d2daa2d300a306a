// One scalar operation, traced or computed now.
#pragma once

#include "core/ops.h"

#include <kiln/value.h>

namespace kiln::detail {

/// Applies the operation by the rules of its row: inside a trace a node, outside a number. Throws DTypeError.
Value apply(ir::Op op, const Operand* operands, int count);

/// Whether an integer is a number of this integer dtype.
bool fits(std::int64_t x, DType dtype);
/// The dtype in which a comparison of integers of this dtype with a number that does not fit it is right.
DType wide_comparison(DType dtype);

}  // namespace kiln::detail
