// The errors of arrays: concrete and traced ones say the same.
#pragma once

#include <kiln/array.h>
#include <kiln/error.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kiln::detail {

struct MixedOperand;

/// An array as messages name it: its dtype and its shape, of a traced one its rank.
std::string described(const Array& a);
/// The same of several operands: "f64 array of rank 1 and i64 scalar".
std::string described(const MixedOperand* operands, int count);
/// `what` is an index, an extent, …
DTypeError not_an_integer(std::string_view what, DType given, const Location& where);
ShapeError two_unknown_extents(const Array& a, const Location& where);
/// Operands of `operation` whose shapes do not broadcast.
ShapeError not_broadcast(std::string_view operation, const MixedOperand* operands, int count, const Location& where);
UsageError no_elements(std::string_view operation, const Location& where);
IndexError wrong_index_count(const Array& a, int count, const Location& where);
IndexError wrong_item_count(const Array& a, int count, const Location& where);
IndexError rest_twice(const Array& a, const Location& where);
IndexError too_many_index_arrays(const Array& a, const Location& where);
/// Throws where an array is undefined or has another rank than 2.
void check_matrix(std::string_view name, const ArrayOperand& a);
/// An axis as it is counted from the first. Throws no_such_axis.
int checked_axis(std::string_view operation, int axis, const Array& a, const Location& where);
UsageError step_of_zero(const Array& a, const Location& where);
IndexError no_such_axis(std::string_view operation, int axis, const Array& a, const Location& where);
ShapeError negative_extent(DType dtype, std::span<const std::int64_t> extents, const Location& where);
ShapeError too_many_axes(std::string_view what, const Location& where);

}  // namespace kiln::detail
