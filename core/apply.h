// One scalar operation, traced or computed now.
#pragma once

#include "core/ops.h"

#include <kiln/value.h>

#include <string>
#include <string_view>

namespace kiln::detail {

/// Applies the operation by the rules of its row: inside a trace a node, outside a number. Throws DTypeError, which
/// speaks of `name` if there is one: what the user wrote, where that is another operation made of this one.
Value apply(ir::Op op, const Operand* operands, int count, std::string_view name = {});

/// An update by `op` as the user writes it: "+=", ".min".
std::string update_name(ir::Op op);

/// Whether an integer is a number of this integer dtype.
bool fits(std::int64_t x, DType dtype);
/// Throws DTypeError where `x` is an integer of the program's text that is no number of this integer dtype; `operand`
/// is what it meets.
void check_fits(const Value& x, DType dtype, std::string_view operation, std::string_view operand,
                const Location& where);
/// The dtype in which a comparison of integers of this dtype with a number that does not fit it is right.
DType wide_comparison(DType dtype);

}  // namespace kiln::detail
