// The errors of arrays: concrete and traced ones say the same.
#include "core/array_errors.h"

#include "core/access.h"
#include "core/error_text.h"
#include "core/trace.h"

namespace kiln::detail {

std::string described(const Array& a) {
  if (Access::concrete(a)) return text(a.dtype(), " array of shape ", Access::extents(a));
  const Tracing* t = Tracing::current();
  if (t && t->id() == Access::trace(a)) return t->described(t->symbol(Access::symbol(a)));
  return text(a.dtype(), " array of rank ", Access::rank(a));
}

std::string described(const MixedOperand* operands, int count) {
  std::string out;
  for (int k = 0; k < count; ++k)
    out += text(k ? " and " : "",
                operands[k].array ? described(*operands[k].array) : text(operands[k].scalar->dtype(), " scalar"));
  return out;
}

DTypeError not_an_integer(std::string_view what, DType given, const Location& where) {
  return {text(what, " must be an integer, not ", with_article(given), " scalar",
               given.is_floating()
                   ? ": integer / integer is a float, as u64 + i64 is; write floordiv(a, b), or cast with i64(x)"
                   : "; cast it with i64(x)"),
          where};
}

ShapeError two_unknown_extents(const Array& a, const Location& where) {
  return {
      text("reshape of ", described(a), " to a shape with -1 twice: one extent can be inferred; write out the other"),
      where};
}

ShapeError too_many_to_store(std::string_view operation, std::string_view to, std::string_view from,
                             const Location& where) {
  return {text("'", operation, "' of ", to, " and ", from,
               ", which the left one cannot hold; reduce or index the axes that are too many"),
          where};
}

ShapeError would_drop_axes(const Array& a, int rank, const Location& where) {
  return {text("broadcast_to of ", described(a), " to rank ", rank, " would drop axes; index them, as in a(0, rest)"),
          where};
}

ShapeError not_broadcast(std::string_view operation, const MixedOperand* operands, int count, const Location& where) {
  return {
      text("'", operation, "' of ", described(operands, count),
           ": extents must be equal or 1, counted from the last axis; a newaxis may be missing, as in a(_, newaxis)"),
      where};
}

UsageError no_elements(std::string_view operation, const Location& where) {
  return {text(operation, ": this Array has no elements yet: assign an array to it first"), where};
}

IndexError wrong_index_count(const Array& a, int count, const Location& where) {
  const int rank = Access::rank(a);
  return {text("an element of ", described(a), " needs ", rank, rank == 1 ? " index" : " indices", ", not ", count,
               count < rank ? "; for a part of it write a(i, _) or a(i, rest)" : "; leave out the others"),
          where};
}

IndexError wrong_item_count(const Array& a, int count, const Location& where) {
  const int rank = Access::rank(a);
  return {text("a view of ", described(a), " is indexed with ", count, count == 1 ? " position" : " positions",
               ", but has ", rank, rank == 1 ? " axis; " : " axes; ",
               count < rank ? "add rest for the axes not named, as in a(i, rest)"
                            : "leave some out, or make one more axis with newaxis"),
          where};
}

IndexError rest_twice(const Array& a, const Location& where) {
  return {text("a view of ", described(a), " names rest twice in one index list; write it once"), where};
}

IndexError too_many_index_arrays(const Array& a, const Location& where) {
  return {
      text("indexing ", described(a),
           " with an array in a list of more than four positions; index some axes first, as in a(2, rest)(indices)"),
      where};
}

UsageError step_of_zero(const Array& a, const Location& where) {
  return {text("a slice of ", described(a), ": the step must be a C++ integer other than 0"), where};
}

IndexError no_such_axis(std::string_view operation, int axis, const Array& a, const Location& where) {
  const int rank = Access::rank(a);
  return {text(operation, " of ", described(a), ": there is no axis ", axis, "; ",
               rank == 0 ? "it is one number, leave the axis out" : text("axes are ", -rank, " to ", rank - 1)),
          where};
}

void check_matrix(std::string_view name, const ArrayOperand& a) {
  if (Access::state(a.array) == Access::State::undefined) throw no_elements(name, a.where);
  if (Access::rank(a.array) == 2) return;
  throw ShapeError(text(name, " of ", described(a.array), ": it needs rank 2; index the other axes, as in a(i, _, _)"),
                   a.where);
}

int checked_axis(std::string_view operation, int axis, const Array& a, const Location& where) {
  const int rank = Access::rank(a), k = axis < 0 ? axis + rank : axis;
  if (k < 0 || k >= rank) throw no_such_axis(operation, axis, a, where);
  return k;
}

ShapeError negative_extent(std::string_view what, DType dtype, std::span<const std::int64_t> extents,
                           const Location& where) {
  return {text(what, dtype, " array of shape ", extents, ": an extent is negative; extents are 0 or more"), where};
}

RuntimeError no_memory(std::string_view array, std::int64_t bytes, const Location& where) {
  return {text("no memory for a new ", array, ", ", bytes, bytes == unknown_bytes ? " bytes or more" : " bytes",
               "; work on fewer elements at a time"),
          where};
}

ShapeError too_many_axes(std::string_view what, const Location& where) {
  return {text(what, ": arrays have at most ", max_rank, " axes; join axes with reshape, or index some"), where};
}

}  // namespace kiln::detail
