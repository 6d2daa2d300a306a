// Other shapes of arrays: views where the elements may stay where they are, copies elsewhere.
#include "core/access.h"
#include "core/array_errors.h"
#include "core/eager.h"
#include "core/error_text.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <vector>

namespace kiln {

using detail::Access;
using detail::Tracing;

// ---- Shape ----------------------------------------------------------------------------------------------------------

Array Array::reshape(const Shape& shape, Location l) const {
  if (state_ == State::undefined) throw detail::no_elements("reshape", l);
  if (Tracing* t = Tracing::checked()) return t->reshape(*this, shape, l);
  const std::int64_t count = host_size();
  std::int64_t extents[max_rank], product = 1;
  int unknown = -1;
  for (int k = 0; k < shape.rank(); ++k) {
    extents[k] = shape[k].as_integer();
    if (extents[k] != -1) {
      product *= extents[k];
      continue;
    }
    if (unknown >= 0) throw detail::two_unknown_extents(*this, l);
    unknown = k;
  }
  if (unknown >= 0) extents[unknown] = product > 0 ? count / product : 0;
  const std::span<const std::int64_t> all{extents, static_cast<std::size_t>(shape.rank())};
  bool is_shape = true;  // (-2, -5) would be ten elements too
  for (std::int64_t extent : all) is_shape = is_shape && extent >= 0;
  if (!is_shape || detail::element_count(all) != count) {
    if (unknown >= 0) extents[unknown] = -1;
    throw ShapeError(text("reshape of ", detail::described(*this), " to ", all, detail::elements_must_stay), l);
  }
  const Array source = detail::is_contiguous(*this) ? *this : copy(l);
  detail::Layout layout;
  layout.data = Access::layout(source).data;
  std::int64_t stride = 1;
  for (int k = shape.rank(); k-- > 0;) {
    layout.extents[k] = extents[k];
    layout.strides[k] = stride;
    stride *= extents[k];
  }
  detail::retain(Access::storage(source));
  return Access::make_array(Access::storage(source), dtype_, shape.rank(), layout, read_only_);
}

Array Array::ravel(Location l) const {
  Shape s = Access::empty_shape(l);
  Access::append(s, Operand(size(l), l));
  return reshape(s, l);
}

namespace {

Array permuted(const Array& a, const int* axes, const Location& where) {
  if (Access::state(a) == Access::State::undefined) throw detail::no_elements("transpose", where);
  if (Tracing* t = Tracing::checked()) return t->transpose(a, axes, where);
  detail::Layout l = Access::layout(a);
  for (int k = 0; k < Access::rank(a); ++k) {
    l.extents[k] = Access::layout(a).extents[axes[k]];
    l.strides[k] = Access::layout(a).strides[axes[k]];
  }
  detail::retain(Access::storage(a));
  return Access::make_array(Access::storage(a), a.dtype(), Access::rank(a), l, Access::read_only(a));
}

}  // namespace

Array Array::transpose(Location l) const {
  int axes[max_rank];
  for (int k = 0; k < rank_; ++k) axes[k] = rank_ - 1 - k;
  return permuted(*this, axes, l);
}

Array Array::transpose(std::initializer_list<int> list, Location l) const {
  const auto wrong_axes = [&] {
    std::string axes, reversed;
    for (int axis : list) axes += text(axes.empty() ? "" : ", ", axis);
    for (int axis = rank_; axis-- > 0;) reversed += text(reversed.empty() ? "" : ", ", axis);
    return IndexError(text("transpose of ", detail::described(*this), " to the axes {", axes,
                           "}: give each of its axes once, as in a.transpose({", reversed, "})"),
                      l);
  };
  int axes[max_rank];
  unsigned seen = 0;
  int n = 0;
  for (int given : list) {
    const int axis = given < 0 ? given + rank_ : given;
    if (axis < 0 || axis >= rank_ || (seen >> axis & 1) || n >= rank_) throw wrong_axes();
    seen |= 1u << axis;
    axes[n++] = axis;
  }
  if (n != rank_) throw wrong_axes();
  return permuted(*this, axes, l);
}

Array Array::broadcast_to(const Shape& shape, Location l) const {
  if (state_ == State::undefined) throw detail::no_elements("broadcast_to", l);
  if (shape.rank() < rank_) throw detail::would_drop_axes(*this, shape.rank(), l);
  if (Tracing* t = Tracing::checked()) {
    ir::NodeId extents[max_rank];
    for (int k = 0; k < shape.rank(); ++k) extents[k] = t->integer_of(shape[k], "an extent", l);
    return t->broadcast(*this, extents, shape.rank(), l);
  }
  detail::Layout to;
  to.data = layout_.data;
  const int shift = shape.rank() - rank_;
  for (int k = 0; k < shape.rank(); ++k) {
    to.extents[k] = shape[k].as_integer();
    const int own = k - shift;
    const bool repeats = own < 0 || (layout_.extents[own] == 1 && to.extents[k] != 1);
    if (to.extents[k] < 0 || (!repeats && layout_.extents[own] != to.extents[k])) {
      std::int64_t wanted[max_rank];
      for (int j = 0; j < shape.rank(); ++j) wanted[j] = shape[j].as_integer();
      throw ShapeError(
          text("broadcast_to of ", detail::described(*this), " to ",
               std::span<const std::int64_t>(wanted, static_cast<std::size_t>(shape.rank())),
               ": extents must be equal, or 1 in the array, counted from the last axis, and none negative"),
          l);
    }
    to.strides[k] = repeats ? 0 : layout_.strides[own];
  }
  detail::retain(storage_);
  return Access::make_array(storage_, dtype_, shape.rank(), to, true);
}

Array diagonal(const ArrayOperand& a) {
  detail::check_matrix("diagonal", a);
  if (Tracing* t = Tracing::checked()) return t->diagonal(a.array, a.where);
  const detail::Layout& from = Access::layout(a.array);
  detail::Layout l;
  l.data = from.data;
  l.extents[0] = std::min(from.extents[0], from.extents[1]);
  l.strides[0] = from.strides[0] + from.strides[1];
  detail::retain(Access::storage(a.array));
  return Access::make_array(Access::storage(a.array), a.array.dtype(), 1, l, Access::read_only(a.array));
}

Array transpose(const ArrayOperand& a) { return a.array.transpose(a.where); }
Array reshape(const ArrayOperand& a, const Shape& shape) { return a.array.reshape(shape, a.where); }
Array broadcast_to(const ArrayOperand& a, const Shape& shape) { return a.array.broadcast_to(shape, a.where); }

Array Array::flatten(Location l) const {
  const Array flat = ravel(l);
  // A ravel of what is not contiguous is a copy already.
  if (state_ == State::concrete && Access::storage(flat) != storage_) return flat;
  return flat.copy(l);
}

// ---- Views of other axes --------------------------------------------------------------------------------------------

namespace {

using detail::checked_axis;

void check_array(const Array& a, const char* name, const Location& where) {
  if (Access::state(a) == Access::State::undefined) throw detail::no_elements(name, where);
}

// The axes as bits; throws for one that is not there or is named twice.
unsigned axes_of(const char* name, const Axes& axes, int rank, const Array& a, const Location& where) {
  unsigned bits = 0;
  for (int k = 0; k < axes.count; ++k) {
    const int given = axes.values[k], axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank)
      throw IndexError(text(name, " of ", detail::described(a), ": there is no axis ", given, "; ",
                            rank == 0 ? "it has none" : text("axes are ", -rank, " to ", rank - 1)),
                       where);
    if (bits >> axis & 1)
      throw IndexError(text(name, " of ", detail::described(a), " names axis ", given, " twice; name each axis once"),
                       where);
    bits |= 1u << axis;
  }
  return bits;
}

// a(items).
Array viewed(const Array& a, const std::vector<IndexItem>& items) {
  if (items.empty()) return a;
  const IndexItem* list[2 * max_rank];
  for (std::size_t k = 0; k < items.size(); ++k) list[k] = &items[k];
  if (Tracing* t = Tracing::checked()) return t->view(a, list, static_cast<int>(items.size()));
  return Access::view(a, list, static_cast<int>(items.size()));
}

// All of an array but one axis, of which it is `item`.
Array along(const Array& a, int axis, const IndexItem& item) {
  std::vector<IndexItem> items;
  for (int k = 0; k < Access::rank(a); ++k) {
    if (k == axis)
      items.push_back(item);
    else
      items.emplace_back(kiln::_, item.where);
  }
  return viewed(a, items);
}

Array part(const Array& a, int axis, const Bound& lo, const Bound& hi, const Location& where) {
  return along(a, axis, IndexItem(slice(lo, hi), where));
}

Axes to_axes(std::initializer_list<int> list) { return Axes(list); }

}  // namespace

Array squeeze(const ArrayOperand& a, const Axes& axes) {
  check_array(a.array, "squeeze", a.where);
  const unsigned dropped = axes_of("squeeze", axes, Access::rank(a.array), a.array, a.where);
  std::vector<IndexItem> items;
  for (int k = 0; k < Access::rank(a.array); ++k) {
    if (!(dropped >> k & 1)) {
      items.emplace_back(kiln::_, a.where);
      continue;
    }
    if (Tracing* t = Tracing::checked()) {
      t->check_one(a.array, k, a.where);
    } else if (a.array.extent(k, a.where) != 1) {
      throw ShapeError(
          text("squeeze of ", detail::described(a.array), ": axis ", k, " has ", a.array.extent(k, a.where),
               " elements; only an axis of extent 1 can be dropped, index it instead"),
          a.where);
    }
    items.emplace_back(0, a.where);
  }
  return viewed(a.array, items);
}

Array squeeze(const ArrayOperand& a) {
  check_array(a.array, "squeeze", a.where);
  if (Tracing::checked())
    throw UsageError(text("squeeze of ", detail::described(a.array),
                          " inside a traced function, where its extents are not known yet: name the axes, as in "
                          "a.squeeze(0)"),
                     a.where);
  Axes axes;
  for (int k = 0; k < Access::rank(a.array); ++k)
    if (a.array.extent(k, a.where) == 1) axes.values[axes.count++] = static_cast<std::int8_t>(k);
  return squeeze(a, axes);
}

Array expand_dims(const ArrayOperand& a, const Axes& axes) {
  check_array(a.array, "expand_dims", a.where);
  const int rank = Access::rank(a.array) + axes.count;
  if (rank > max_rank) throw detail::too_many_axes(text("expand_dims of ", detail::described(a.array)), a.where);
  const unsigned added = axes_of("expand_dims", axes, rank, a.array, a.where);
  std::vector<IndexItem> items;
  for (int k = 0; k < rank; ++k) {
    if (added >> k & 1)
      items.emplace_back(newaxis, a.where);
    else
      items.emplace_back(kiln::_, a.where);
  }
  return viewed(a.array, items);
}

Array Array::squeeze(Location l) const { return kiln::squeeze(ArrayOperand(*this, l)); }
Array Array::squeeze(std::initializer_list<int> axes, Location l) const {
  return kiln::squeeze(ArrayOperand(*this, l), to_axes(axes));
}
Array Array::expand_dims(std::initializer_list<int> axes, Location l) const {
  return kiln::expand_dims(ArrayOperand(*this, l), to_axes(axes));
}

Array moveaxis(const ArrayOperand& a, const Axes& from, const Axes& to) {
  check_array(a.array, "moveaxis", a.where);
  const int rank = Access::rank(a.array);
  if (from.count != to.count)
    throw UsageError(text("moveaxis of ", detail::described(a.array), " moves ", int{from.count}, " axes to ",
                          int{to.count}, " places; give as many of both"),
                     a.where);
  const unsigned moved = axes_of("moveaxis", from, rank, a.array, a.where);
  const unsigned taken = axes_of("moveaxis", to, rank, a.array, a.where);
  int axes[max_rank];
  for (int k = 0, next = 0; k < rank; ++k) {
    if (taken >> k & 1) continue;
    while (moved >> next & 1) ++next;
    axes[k] = next++;
  }
  for (int k = 0; k < from.count; ++k)
    axes[to.values[k] < 0 ? to.values[k] + rank : to.values[k]] =
        from.values[k] < 0 ? from.values[k] + rank : from.values[k];
  return permuted(a.array, axes, a.where);
}

Array swapaxes(const ArrayOperand& a, int first, int second) {
  check_array(a.array, "swapaxes", a.where);
  const int i = checked_axis("swapaxes", first, a.array, a.where),
            j = checked_axis("swapaxes", second, a.array, a.where);
  int axes[max_rank];
  for (int k = 0; k < Access::rank(a.array); ++k) axes[k] = k == i ? j : k == j ? i : k;
  return permuted(a.array, axes, a.where);
}

Array flip(const ArrayOperand& a, const Axes& axes) {
  check_array(a.array, "flip", a.where);
  const unsigned flipped = axes_of("flip", axes, Access::rank(a.array), a.array, a.where);
  std::vector<IndexItem> items;
  for (int k = 0; k < Access::rank(a.array); ++k) {
    if (flipped >> k & 1)
      items.emplace_back(slice(kiln::_, kiln::_, -1), a.where);
    else
      items.emplace_back(kiln::_, a.where);
  }
  return viewed(a.array, items);
}

Array flip(const ArrayOperand& a) {
  check_array(a.array, "flip", a.where);
  Axes all;
  for (int k = 0; k < Access::rank(a.array); ++k) all.values[all.count++] = static_cast<std::int8_t>(k);
  return flip(a, all);
}

std::vector<Array> split(const ArrayOperand& a, int parts, int axis) {
  check_array(a.array, "split", a.where);
  const int k = checked_axis("split", axis, a.array, a.where);
  if (parts < 1)
    throw UsageError(text("split of ", detail::described(a.array), " into ", parts, " parts; one at least"), a.where);
  if (Tracing* t = Tracing::checked()) {
    t->check_parts(a.array, k, parts, a.where);
  } else if (a.array.extent(k, a.where) % parts != 0) {
    throw ShapeError(text("split of ", detail::described(a.array), " along axis ", k, " into ", parts,
                          " parts: they would not be equal; say where to cut, as in split(a, {2, 5})"),
                     a.where);
  }
  const Value extent = a.array.shape(k, a.where), size = floordiv(Operand(extent, a.where), Operand(parts, a.where));
  std::vector<Array> result;
  for (int p = 0; p < parts; ++p) {
    const Operand one(size, a.where);
    result.push_back(part(a.array, k, one * Operand(p, a.where), one * Operand(p + 1, a.where), a.where));
  }
  return result;
}

std::vector<Array> split(const ArrayOperand& a, std::initializer_list<std::int64_t> before, int axis) {
  check_array(a.array, "split", a.where);
  const int k = checked_axis("split", axis, a.array, a.where);
  std::vector<Bound> cuts{kiln::_};
  for (const std::int64_t each : before) cuts.emplace_back(each);
  cuts.emplace_back(kiln::_);
  std::vector<Array> result;
  for (std::size_t p = 0; p + 1 < cuts.size(); ++p) result.push_back(part(a.array, k, cuts[p], cuts[p + 1], a.where));
  return result;
}

// ---- Copies ---------------------------------------------------------------------------------------------------------

namespace {

// Both have one extent along an axis.
void check_same(const char* name, const Array& a, const Array& b, int axis, const Location& where) {
  if (Tracing* t = Tracing::checked()) return t->check_same_extent(name, a, b, axis, where);
  if (a.extent(axis, where) == b.extent(axis, where)) return;
  throw ShapeError(text(name, " of ", detail::described(a), " and ", detail::described(b), ": along axis ", axis,
                        " both must have as many elements; slice the longer one"),
                   where);
}

Array concatenated(const char* name, const std::vector<ArrayOperand>& arrays, int axis, const Location& where) {
  if (arrays.empty()) throw UsageError(text(name, " of no arrays: give one at least"), where);
  for (const ArrayOperand& a : arrays) check_array(a.array, name, where);
  const Array& first = arrays[0].array;
  const int rank = Access::rank(first);
  if (rank == 0)
    throw ShapeError(text(name, " of ", detail::described(first), ", which has no axis; stack makes one"), where);
  const int along_axis = checked_axis(name, axis, first, where);
  DType dtype = first.dtype();
  Value total = 0;
  for (const ArrayOperand& a : arrays) {
    if (Access::rank(a.array) != rank)
      throw ShapeError(text(name, " of ", detail::described(first), " and ", detail::described(a.array),
                            ": all must have one rank; add an axis with newaxis, as in a(newaxis, rest)"),
                       where);
    for (int k = 0; k < rank; ++k)
      if (k != along_axis) check_same(name, first, a.array, k, where);
    dtype = promote(dtype, a.array.dtype());
    Access::set(total, Operand(total, where) + Operand(a.array.shape(along_axis, where), where));
  }
  Shape shape = Access::empty_shape(where);
  for (int k = 0; k < rank; ++k) Access::append(shape, Operand(k == along_axis ? total : first.shape(k, where), where));
  Array result = empty(shape, dtype, where);
  Value from = 0;
  for (const ArrayOperand& a : arrays) {
    const Value to = Operand(from, where) + Operand(a.array.shape(along_axis, where), where);
    Access::make_view(part(result, along_axis, from, to, where)) = ArrayOperand(a.array, where);
    Access::set(from, to);
  }
  return result;
}

Array stacked(const std::vector<ArrayOperand>& arrays, int axis, const Location& where) {
  if (arrays.empty()) throw UsageError("stack of no arrays: give one at least", where);
  std::vector<Array> with_axis;
  for (const ArrayOperand& a : arrays) {
    check_array(a.array, "stack", where);
    const Array& first = arrays[0].array;
    if (Access::rank(a.array) != Access::rank(first))
      throw ShapeError(
          text("stack of ", detail::described(first), " and ", detail::described(a.array), ": all must have one shape"),
          where);
    for (int k = 0; k < Access::rank(first); ++k) check_same("stack", first, a.array, k, where);
    with_axis.push_back(expand_dims(ArrayOperand(a.array, where), axis));
  }
  std::vector<ArrayOperand> operands;
  for (const Array& a : with_axis) operands.emplace_back(a, where);
  return concatenated("stack", operands, axis, where);
}

std::vector<ArrayOperand> operands_of(std::span<const Array> arrays, const Location& where) {
  std::vector<ArrayOperand> operands;
  for (const Array& a : arrays) operands.emplace_back(a, where);
  return operands;
}

Location line_of(std::initializer_list<ArrayOperand> arrays) {
  return arrays.size() == 0 ? Location() : arrays.begin()->where;
}

}  // namespace

Array concatenate(std::initializer_list<ArrayOperand> arrays, int axis) {
  return concatenated("concatenate", arrays, axis, line_of(arrays));
}
Array concatenate(std::span<const Array> arrays, int axis, Location l) {
  return concatenated("concatenate", operands_of(arrays, l), axis, l);
}
Array stack(std::initializer_list<ArrayOperand> arrays, int axis) { return stacked(arrays, axis, line_of(arrays)); }
Array stack(std::span<const Array> arrays, int axis, Location l) { return stacked(operands_of(arrays, l), axis, l); }

Array roll(const ArrayOperand& a, const Operand& shift, int axis) {
  check_array(a.array, "roll", a.where);
  const int k = checked_axis("roll", axis, a.array, a.where);
  if (!shift.value.dtype().is_integer())
    throw detail::not_an_integer(text("the shift of a roll of ", detail::described(a.array)), shift.value.dtype(),
                                 shift.where);
  const Location& l = a.where;
  const Operand n(a.array.shape(k, l), l);
  const Operand by(i64(shift) % Operand(maximum(n, Operand(1, l)), l), l), rest_of(n - by, l);
  Array result = empty_like(a);
  Access::make_view(part(result, k, by.value, kiln::_, l)) = ArrayOperand(part(a.array, k, 0, rest_of.value, l), l);
  Access::make_view(part(result, k, 0, by.value, l)) = ArrayOperand(part(a.array, k, rest_of.value, kiln::_, l), l);
  return result;
}

Array roll(const ArrayOperand& a, const Operand& shift) {
  check_array(a.array, "roll", a.where);
  const Array flat = a.array.ravel(a.where), rolled = roll(ArrayOperand(flat, a.where), shift, 0);
  return rolled.reshape(a.array.shape(a.where), a.where);
}

Array take(const ArrayOperand& a, const ArrayOperand& indices, int axis) {
  check_array(a.array, "take", a.where);
  const int k = checked_axis("take", axis, a.array, a.where);
  std::vector<IndexItem> items;
  for (int j = 0; j < k; ++j) items.emplace_back(kiln::_, a.where);
  items.emplace_back(indices.array, a.where);
  return Access::picked(a.array, items);
}

Array take(const ArrayOperand& a, const ArrayOperand& indices) {
  check_array(a.array, "take", a.where);
  const Array flat = a.array.ravel(a.where);
  return take(ArrayOperand(flat, a.where), indices, 0);
}

namespace {

// With an axis of extent `times` put before `axis` (or behind it), repeated and joined with it.
Array repeated(const char* name, const ArrayOperand& a, const Operand& times, int axis, bool behind) {
  check_array(a.array, name, a.where);
  const int k = checked_axis(name, axis, a.array, a.where), rank = Access::rank(a.array);
  if (!times.value.dtype().is_integer())
    throw detail::not_an_integer(text("how often ", name, " repeats ", detail::described(a.array)), times.value.dtype(),
                                 times.where);
  const Location& l = a.where;
  const Array with_axis = expand_dims(a, behind ? k + 1 : k);
  Shape wide = Access::empty_shape(l), joined = Access::empty_shape(l);
  for (int j = 0; j < rank; ++j) {
    const Operand extent(a.array.shape(j, l), l);
    if (j == k && !behind) Access::append(wide, times);
    Access::append(wide, extent);
    if (j == k && behind) Access::append(wide, times);
    Access::append(joined, j == k ? Operand(extent * times, l) : extent);
  }
  return with_axis.broadcast_to(wide, l).copy(l).reshape(joined, l);
}

}  // namespace

Array repeat(const ArrayOperand& a, const Operand& times, int axis) { return repeated("repeat", a, times, axis, true); }
Array tile(const ArrayOperand& a, const Operand& times, int axis) { return repeated("tile", a, times, axis, false); }

Array diff(const ArrayOperand& a, int axis) {
  check_array(a.array, "diff", a.where);
  const int k = checked_axis("diff", axis, a.array, a.where);
  const Array later = part(a.array, k, 1, kiln::_, a.where), earlier = part(a.array, k, kiln::_, -1, a.where);
  const ArrayOperand x(later, a.where), y(earlier, a.where);
  return a.array.dtype().is_bool() ? x != y : x - y;
}

Array outer(const ArrayOperand& a, const ArrayOperand& b) {
  check_array(a.array, "outer", a.where);
  check_array(b.array, "outer", b.where);
  const Array x = expand_dims(ArrayOperand(a.array.ravel(a.where), a.where), 1), y = b.array.ravel(b.where);
  return ArrayOperand(x, a.where) * ArrayOperand(y, a.where);
}

namespace {

// Where the column's number less the row's is at least k, or else; 0 elsewhere.
Array triangle(const char* name, const ArrayOperand& a, const Operand& k, bool upper) {
  check_array(a.array, name, a.where);
  const int rank = Access::rank(a.array);
  if (rank < 2)
    throw ShapeError(text(name, " of ", detail::described(a.array), ": it needs two axes at least"), a.where);
  const Location& l = a.where;
  const Array rows = arange(Operand(a.array.shape(rank - 2, l), l)),
              columns = arange(Operand(a.array.shape(rank - 1, l), l));
  const Array down = expand_dims(ArrayOperand(rows, l), 1);
  const Array distance = ArrayOperand(columns, l) - ArrayOperand(down, l);
  const ArrayOperand d(distance, l);
  const Array kept = upper ? d >= k : d <= k;
  const Operand nothing(a.array.dtype().is_bool() ? Value(false) : Value(0), l);
  return where(ArrayOperand(kept, l), a, nothing);
}

}  // namespace

Array triu(const ArrayOperand& a, const Operand& k) { return triangle("triu", a, k, true); }
Array tril(const ArrayOperand& a, const Operand& k) { return triangle("tril", a, k, false); }

}  // namespace kiln
