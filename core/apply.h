// One scalar operation, traced or computed now.
#pragma once

#include "core/ops.h"

#include <kiln/value.h>

namespace kiln::detail {

/// Applies the operation by the rules of its row: inside a trace a node, outside a number. Throws DTypeError.
Value apply(ir::Op op, const Operand* operands, int count);

/// The 1 of ++ and --, which take no operand and so know no line: the newest one is near.
Operand one();

/// A weak integer that is known and does not fit an integer dtype is a DTypeError, in a trace and outside.
void check_fits(const Value& v, DType dtype, const Location& where);
/// The number of a Value that is known, converted. Throws as check_fits, and UsageError for a traced Value.
Number16 number_as(const Value& v, DType dtype, const Location& where);
/// A Var declared with an integer dtype takes no floats.
void check_assignable(DType declared, DType given, const Location& where);
/// +x of a bool is a DTypeError, as -x is.
void check_positive(DType dtype, const Location& where);

/// Whether an integer is a number of this integer dtype.
bool fits(std::int64_t x, DType dtype);
/// The dtype in which a comparison of integers of this dtype with a number that does not fit it is right.
DType wide_comparison(DType dtype);

}  // namespace kiln::detail
