// The errors of arrays: concrete and traced ones say the same.
#pragma once

#include <kiln/array.h>
#include <kiln/error.h>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace kiln::detail {

struct MixedOperand;

/// An array as errors name it: its dtype and its shape, of a traced one the shape it has in this call, or where no
/// argument tells that its rank.
std::string described(const Array& a);
/// The same of several operands: "f64 array of rank 1 and i64 scalar".
std::string described(const MixedOperand* operands, int count);
/// `what` is an index, an extent, …
DTypeError not_an_integer(std::string_view what, DType given, const Location& where);
ShapeError two_unknown_extents(const Array& a, const Location& where);
/// What is stored or added has more axes than the array it goes to.
ShapeError too_many_to_store(std::string_view operation, std::string_view to, std::string_view from,
                             const Location& where);
ShapeError would_drop_axes(const Array& a, int rank, const Location& where);
/// Ends the message of a reshape.
inline constexpr std::string_view elements_must_stay =
    ": the number of elements must stay; give extents of 0 or more with that product, of which one may be -1";
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
/// `what` is "a new ", "borrow as ".
ShapeError negative_extent(std::string_view what, DType dtype, std::span<const std::int64_t> extents,
                           const Location& where);
/// More bytes than a number can tell.
inline constexpr std::int64_t unknown_bytes = std::numeric_limits<std::int64_t>::max();
RuntimeError no_memory(std::string_view array, std::int64_t bytes, const Location& where);
ShapeError too_many_axes(std::string_view what, const Location& where);

}  // namespace kiln::detail
