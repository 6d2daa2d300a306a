// One scalar operation, traced or computed now.
#pragma once

#include "core/ops.h"

#include <kiln/value.h>

namespace kiln::detail {

/// Applies the operation by the rules of its row: inside a trace a node, outside a number. Throws DTypeError.
Value apply(ir::Op op, const Operand* operands, int count);

}  // namespace kiln::detail
