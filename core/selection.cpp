// a(indices) and a(mask): elements picked by arrays, read, stored to and updated; in a trace recorded, outside run now.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/eager.h"
#include "core/error_text.h"
#include "core/ops.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <cstring>
#include <memory>
#include <vector>

namespace kiln {

using detail::Access;
using detail::Argument;
using detail::Builtin;
using detail::MixedOperand;
using detail::Picked;
using detail::Tracing;

// ---- What is picked -------------------------------------------------------------------------------------------------

namespace {

std::string picked_from(const Array& a) { return text("indexing ", detail::described(a), " with an array"); }

// A mask stands first and covers the leading axes; nothing else of the list picks.
void check_mask(const Array& a, const IndexItem* const* items, int count) {
  const Array& mask = *items[0]->array;
  const Location& where = items[0]->where;
  for (int k = 1; k < count; ++k)
    if (items[k]->kind != IndexItem::Kind::all && items[k]->kind != IndexItem::Kind::rest)
      throw UsageError(text("a mask (", detail::described(mask), ") of ", detail::described(a),
                            " stands beside other indices: it picks alone, from the leading axes; index the others "
                            "first, as in a(_, 2)(mask)"),
                       items[k]->where);
  if (Access::rank(mask) == 0 || Access::rank(mask) > Access::rank(a))
    throw IndexError(text("a mask (", detail::described(mask), ") of ", detail::described(a),
                          " must cover one of its axes at least, and none more than it has; reduce or index the mask"),
                     where);
}

// The kind of picking array: a mask, or indices.
bool is_mask(const IndexItem& item) { return item.kind == IndexItem::Kind::array && item.array->dtype().is_bool(); }

void check_array(const Array& a, const IndexItem& item) {
  if (Access::state(*item.array) == Access::State::undefined) throw detail::no_elements("an index array", item.where);
  const DType dtype = item.array->dtype();
  if (dtype.is_integer() || dtype.is_bool()) return;
  throw DTypeError(text(picked_from(a), " of ", dtype,
                        ": an index array must be of integers, a mask of bools; cast it, "
                        "as in i64(x)"),
                   item.where);
}

}  // namespace

Selection Array::select(const IndexItem* const* items, int count) const {
  const Location where = items[0]->where;
  if (state_ == State::undefined) throw detail::no_elements("an index", where);
  bool masked = false, rests = false;
  int arrays = 0, named = 0;
  for (int k = 0; k < count; ++k) {
    const IndexItem& item = *items[k];
    rests = rests || item.kind == IndexItem::Kind::rest;
    named += item.kind != IndexItem::Kind::rest && item.kind != IndexItem::Kind::newaxis;
    if (item.kind == IndexItem::Kind::scalar)
      throw IndexError(
          text(picked_from(*this), " and a number at once: index the numbers first, as in a(2, _)(indices)"),
          item.where);
    if (item.kind != IndexItem::Kind::array) continue;
    check_array(*this, item);
    masked = masked || is_mask(item);
    ++arrays;
  }
  if (masked) {
    if (arrays > 1 || !is_mask(*items[0]))
      throw UsageError(text(picked_from(*this), ": a mask stands beside other arrays; it picks alone and first"),
                       where);
    check_mask(*this, items, count);
    Selection s(*this);
    s.indices_[0] = *items[0]->array;
    s.count_ = 1;
    s.where_ = where;
    return s;
  }
  if (named > rank_) throw detail::wrong_item_count(*this, named, where);
  // The slices and new axes first: the arrays then pick from whole axes.
  const IndexItem whole(kiln::_, where), others(rest, where);
  const IndexItem* of_view[Selection::most_indices + 1];
  int n = 0;
  for (int k = 0; k < count; ++k) of_view[n++] = items[k]->kind == IndexItem::Kind::array ? &whole : items[k];
  if (!rests) of_view[n++] = &others;
  Selection s(view(of_view, n));
  s.where_ = where;
  bool neighbours = true;
  for (int k = 0, axis = 0; k < count; ++k) {
    if (items[k]->kind == IndexItem::Kind::rest) {
      axis += rank_ - named;
      continue;
    }
    if (items[k]->kind == IndexItem::Kind::array) {
      neighbours = neighbours && (s.count_ == 0 || s.axes_[s.count_ - 1] == axis - 1);
      s.indices_[s.count_] = *items[k]->array;
      s.axes_[s.count_++] = static_cast<std::int8_t>(axis);
    }
    ++axis;
  }
  s.first_axis_ = neighbours ? s.axes_[0] : std::int8_t{0};
  return s;
}

// ---- Reading --------------------------------------------------------------------------------------------------------

namespace detail {

Picked picked(const Selection& s) {
  Picked p{&Access::base(s), {}, {}, Access::index_count(s), Access::first_axis(s)};
  for (int k = 0; k < p.count; ++k) {
    p.indices[k] = &Access::index(s, k);
    p.axes[k] = Access::axis(s, k);
  }
  return p;
}

// A picking's numbers as a constant of the builtin that does it.
std::int64_t packed(const Picked& p) {
  std::int64_t bits = p.count | p.first_axis << 4;
  for (int k = 0; k < p.count; ++k) bits |= std::int64_t{p.axes[k]} << (8 + 4 * k);
  return bits;
}

void unpack(std::int64_t bits, Picked& p) {
  p.count = static_cast<int>(bits & 15);
  p.first_axis = static_cast<int>(bits >> 4 & 15);
  for (int k = 0; k < p.count; ++k) p.axes[k] = static_cast<int>(bits >> (8 + 4 * k) & 15);
}

}  // namespace detail

namespace {

bool is_masked(const Selection& s) { return Access::index(s, 0).dtype().is_bool(); }

// The extents of a mask are those of the axes it covers.
void check_mask_shape(const Array& a, const Array& mask, const Location& where) {
  for (int k = 0; k < Access::rank(mask); ++k) {
    const std::int64_t wanted = Access::layout(a).extents[k], given = Access::layout(mask).extents[k];
    if (wanted != given)
      throw IndexError(text("a mask (", detail::described(mask), ") of ", detail::described(a),
                            " has another number of elements along axis ", k,
                            ": it covers the leading axes, extent by extent; make it of the array itself, as in a > 0"),
                       where);
  }
}

// Calls f(offset in elements of the array) where the mask is true, C order.
template <class F>
void for_each_true(const Array& a, const Array& mask, F&& f) {
  const detail::Layout &to = Access::layout(a), &of = Access::readable(mask);
  const int rank = Access::rank(mask);
  std::int64_t position[max_rank] = {}, count = detail::element_count(Access::extents(mask));
  const std::byte* at = of.data;
  std::int64_t offset = 0;
  for (; count > 0; --count) {
    if (*at != std::byte{0}) f(offset);
    for (int k = rank; k-- > 0;) {
      at += of.strides[k];
      offset += to.strides[k];
      if (++position[k] < of.extents[k]) break;
      at -= of.strides[k] * of.extents[k];
      offset -= to.strides[k] * of.extents[k];
      position[k] = 0;
    }
  }
}

// The elements of `a` where the mask is true.
Array compressed(const Array& a, const Array& mask, const Location& where) {
  check_mask_shape(a, mask, where);
  std::int64_t count = 0;
  for_each_true(a, mask, [&](std::int64_t) { ++count; });
  const int covered = Access::rank(mask), rank = 1 + Access::rank(a) - covered;
  std::int64_t extents[max_rank] = {count};
  detail::Layout from, to;
  for (int k = 1; k < rank; ++k) {
    extents[k] = to.extents[k - 1] = from.extents[k - 1] = Access::layout(a).extents[covered + k - 1];
    from.strides[k - 1] = Access::layout(a).strides[covered + k - 1];
  }
  Array result = detail::new_array(a.dtype(), {extents, static_cast<std::size_t>(rank)}, where);
  for (int k = 1; k < rank; ++k) to.strides[k - 1] = Access::layout(result).strides[k];
  const auto size = static_cast<std::int64_t>(a.dtype().size());
  const std::int64_t block = rank > 1 ? Access::layout(result).strides[0] * size : size;
  to.data = Access::layout(result).data;
  for_each_true(a, mask, [&](std::int64_t offset) {
    from.data = Access::readable(a, where).data + offset * size;
    if (rank == 1)
      std::memcpy(to.data, from.data, static_cast<std::size_t>(size));
    else
      detail::copy_elements(to, a.dtype(), from, a.dtype(), rank - 1);
    to.data += block;
  });
  return result;
}

// Outside a trace all arrays are numbers; inside the trace itself finds those that are not of it.
bool in_trace(const Selection& s, const Location& where) {
  if (Tracing* t = Tracing::checked()) {
    t->symbol_of(Access::base(s), where);
    for (int k = 0; k < Access::index_count(s); ++k) t->symbol_of(Access::index(s, k), where);
    return true;
  }
  for (int k = -1; k < Access::index_count(s); ++k)
    if (const Array& a = k < 0 ? Access::base(s) : Access::index(s, k); Access::traced(a))
      throw UsageError(text(picked_from(a), " after its trace has ended: return it instead"), where);
  return false;
}

Array value_of(const Selection& s, const Location& where) {
  const bool traced = in_trace(s, where);
  if (is_masked(s)) {
    if (traced)
      throw UsageError(text("the elements of ", detail::described(Access::base(s)),
                            " under a mask, as a value in a traced function: how many they are is not known before it "
                            "runs; write where(mask, a, x), store with a(mask) = x, or pick outside"),
                       where);
    return compressed(Access::base(s), Access::index(s, 0), where);
  }
  const Picked p = detail::picked(s);
  if (traced) return Tracing::checked()->gather(p, where);
  std::vector<Argument> operands{detail::argument(*p.base)};
  for (int k = 0; k < p.count; ++k) operands.push_back(detail::argument(*p.indices[k]));
  const std::int64_t constant = detail::packed(p);
  return detail::eager_array(Builtin::gather, {&constant, 1}, operands, where);
}

}  // namespace

Selection::operator Array() && { return value_of(*this, where_); }

ArrayOperand::ArrayOperand(Selection&& a, Location l) : array(Access::selected(a)), where(l) {
  Access::rebind(Access::selected(a), static_cast<Selection&&>(a));
}

// ---- Storing --------------------------------------------------------------------------------------------------------

namespace {

void check_writable(const Selection& s, std::string_view name, const Location& where) {
  const Array& base = Access::base(s);
  if (Access::read_only(base))
    throw UsageError(
        text("'", name, "' writes into a read-only array (", detail::described(base), "); copy() it first"), where);
}

void store(const Selection& s, const MixedOperand& x, std::string_view name, const Location& where) {
  check_writable(s, name, where);
  if (x.array && Access::state(*x.array) == Access::State::undefined) throw detail::no_elements("'='", where);
  const Picked p = detail::picked(s);
  const bool masked = is_masked(s);
  if (in_trace(s, where)) {
    Tracing& t = *Tracing::checked();
    return masked ? t.store_masked(*p.base, *p.indices[0], x, name, where) : t.scatter(p, x, name, where);
  }
  if (masked) check_mask_shape(*p.base, *p.indices[0], where);
  if (x.scalar) {
    if (Access::traced(*x.scalar))
      throw UsageError(text("'", name, "' stores a traced ", x.scalar->dtype(), " scalar into a concrete array (",
                            detail::described(*p.base), "): pass the array as a parameter"),
                       where);
    detail::check_fits(*x.scalar, p.base->dtype(), name, [&] { return detail::described(*p.base); }, where);
  }
  std::vector<Argument> operands{detail::argument(*p.base)};
  for (int k = 0; k < p.count; ++k) operands.push_back(detail::argument(*p.indices[k]));
  operands.push_back(x.array ? detail::argument(*x.array) : detail::argument(*x.scalar));
  const std::int64_t constant = masked ? 0 : detail::packed(p);
  detail::eager_call(masked ? Builtin::store_masked : Builtin::scatter, {&constant, 1}, operands, where);
}

// What is picked becomes `op` of itself and x: of an index that comes twice once.
void update(const Selection& s, ir::Op op, const MixedOperand& x, const Location& where) {
  const std::string name = detail::update_name(op);
  check_writable(s, name, where);
  const Array& base = Access::base(s);
  const bool masked = is_masked(s);
  if (masked && !in_trace(s, where)) check_mask_shape(base, Access::index(s, 0), where);
  const Array old = masked ? base : value_of(s, where);
  const MixedOperand both[] = {{&old, nullptr}, x};
  const Array result = detail::elementwise(op, both, name, where);
  if (promote(base.dtype(), result.dtype()) != base.dtype())
    throw DTypeError(
        text("'", name, "' of ", detail::described(both, 2), " gives ", result.dtype(), ", which ",
             with_article(base.dtype()), " array cannot hold; cast the right side, as in ", base.dtype(), "(x)"),
        where);
  store(s, {&result, nullptr}, name, where);
}

MixedOperand mixed(const ArrayOperand& a) { return {&a.array, nullptr}; }
MixedOperand mixed(const Operand& a) { return {nullptr, &a.value}; }

}  // namespace

void Selection::operator=(const ArrayOperand& x) && { store(*this, mixed(x), "=", x.where); }
void Selection::operator=(const Operand& x) && { store(*this, mixed(x), "=", x.where); }
void Selection::operator=(Selection&& x) && {
  const Array value = static_cast<Selection&&>(x);
  store(*this, {&value, nullptr}, "=", x.where_);
}

#define KILN_UPDATE(symbol, op)                                                                               \
  void Selection::operator symbol(const ArrayOperand & x)&& { update(*this, ir::Op::op, mixed(x), x.where); } \
  void Selection::operator symbol(const Operand & x)&& { update(*this, ir::Op::op, mixed(x), x.where); }
KILN_UPDATE(+=, add)
KILN_UPDATE(-=, subtract)
KILN_UPDATE(*=, multiply)
KILN_UPDATE(/=, divide)
KILN_UPDATE(%=, mod)
KILN_UPDATE(&=, bit_and)
KILN_UPDATE(|=, bit_or)
KILN_UPDATE(^=, bit_xor)
#undef KILN_UPDATE

}  // namespace kiln
