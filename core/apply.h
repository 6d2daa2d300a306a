// One scalar operation, traced or computed now.
#pragma once

#include "core/ops.h"

#include <kiln/error.h>
#include <kiln/value.h>

#include <string>
#include <string_view>

namespace kiln::detail {

/// Applies the operation by the rules of its row: inside a trace a node, outside a number. Throws DTypeError, which
/// speaks of `name` if there is one: what the user wrote, where that is another operation made of this one.
Value apply(ir::Op op, const Operand* operands, int count, std::string_view name = {});

/// An update by `op` as the user writes it: "+=", ".min".
std::string update_name(ir::Op op);

/// The 1 of ++ and --, which take no operand and so know no line: the newest one is near.
Operand one();

/// A weak integer that is known and does not fit an integer dtype is a DTypeError, in a trace and outside; so is a
/// complex number for a real dtype.
void check_fits(const Value& v, DType dtype, const Location& where);
/// Whether a conversion drops an imaginary part: of complex numbers to real ones, bool excepted; and the error it is.
inline bool drops_imaginary(DType from, DType to) { return from.is_complex() && !to.is_complex() && !to.is_bool(); }
DTypeError no_imaginary(std::string_view operand, DType to, const Location& where);
/// The number of a Value that is known, converted. Throws as check_fits, and UsageError for a traced Value.
Number16 number_as(const Value& v, DType dtype, const Location& where);
/// A Var declared with an integer dtype takes no floats.
void check_assignable(DType declared, DType given, std::string_view operation, const Location& where);
/// +x of a bool is a DTypeError, as -x is.
void check_positive(DType dtype, std::string_view operand, const Location& where);

/// Whether an integer is a number of this integer dtype.
bool fits(std::int64_t x, DType dtype);
/// Whether a conversion to `dtype` loses what `x` is: an integer of the program's text that is no number of this
/// integer dtype; and the error it is, where `operand` is what it meets.
bool does_not_fit(const Value& x, DType dtype);
DTypeError number_does_not_fit(const Value& x, DType dtype, std::string_view operation, std::string_view operand,
                               const Location& where);
/// Throws it; `operand` makes the text.
template <class Text>
void check_fits(const Value& x, DType dtype, std::string_view operation, const Text& operand, const Location& where) {
  if (does_not_fit(x, dtype)) throw number_does_not_fit(x, dtype, operation, operand(), where);
}
/// The dtype in which a comparison of integers of this dtype with a number that does not fit it is right.
DType wide_comparison(DType dtype);

}  // namespace kiln::detail
