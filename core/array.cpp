// Array: the handle, its concrete views and elements; what is traced goes to the trace.
#include "core/access.h"
#include "core/apply.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>
#include <kiln/functions.h>

#include <cstring>
#include <limits>
#include <new>

namespace kiln {

using detail::Access;
using detail::Layout;
using detail::Storage;
using detail::Tracing;

// ---- Making arrays --------------------------------------------------------------------------------------------------

namespace detail {

std::int64_t element_count(std::span<const std::int64_t> extents) {
  std::int64_t n = 1;
  for (std::int64_t extent : extents) n *= extent;
  return n;
}

bool is_contiguous(const Array& a) {
  std::int64_t expected = 1;
  const auto extents = Access::extents(a), strides = Access::strides(a);
  for (std::size_t k = extents.size(); k-- > 0;) {
    if (extents[k] == 0) return true;
    if (extents[k] != 1 && strides[k] != expected) return false;
    expected *= extents[k];
  }
  return true;
}

namespace {

void contiguous_strides(Layout& l, int rank) {
  std::int64_t stride = 1;
  for (int k = rank; k-- > 0;) {
    l.strides[k] = stride;
    stride *= l.extents[k];
  }
}

}  // namespace

Array Access::make_array(Storage* storage, DType dtype, int rank, const Layout& layout, bool read_only) {
  Array a{Location()};
  a.storage_ = storage;
  a.dtype_ = dtype;
  a.rank_ = static_cast<std::uint8_t>(rank);
  a.layout_ = layout;
  a.read_only_ = read_only;
  a.state_ = State::concrete;
  return a;
}

Array Access::make_array(Storage* storage, DType dtype, int rank, std::byte* data, const std::int64_t* extents,
                         const std::int64_t* strides, bool read_only) {
  Array a{Location()};
  a.storage_ = storage;
  a.dtype_ = dtype;
  a.rank_ = static_cast<std::uint8_t>(rank);
  a.layout_.data = data;
  for (int k = 0; k < rank; ++k) {
    a.layout_.extents[k] = extents[k];
    a.layout_.strides[k] = strides[k];
  }
  a.read_only_ = read_only;
  a.state_ = State::concrete;
  return a;
}

Array Access::make_array(Storage* storage, DType dtype, std::span<const std::int64_t> extents) {
  Layout l;
  l.data = storage->data();
  for (std::size_t k = 0; k < extents.size(); ++k) l.extents[k] = extents[k];
  contiguous_strides(l, static_cast<int>(extents.size()));
  return make_array(storage, dtype, static_cast<int>(extents.size()), l, false);
}

Array Access::make_traced(std::uint64_t trace, std::uint32_t symbol, DType dtype, int rank, bool read_only,
                          const Location& where) {
  Array a(where);
  a.trace_ = trace;
  a.symbol_ = symbol;
  a.dtype_ = dtype;
  a.rank_ = static_cast<std::uint8_t>(rank);
  a.read_only_ = read_only;
  a.state_ = State::traced;
  return a;
}

void Access::rebind(Array& a, const Array& b) {
  Storage* const old = a.storage_;
  detail::retain(b.storage_);
  a.layout_ = b.layout_;
  a.storage_ = b.storage_;
  a.trace_ = b.trace_;
  a.symbol_ = b.symbol_;
  a.state_ = b.state_;
  a.dtype_ = b.dtype_;
  a.rank_ = b.rank_;
  a.read_only_ = b.read_only_;
  detail::release(old);
}

Array new_array(DType dtype, std::span<const std::int64_t> extents, const Location& where) {
  if (extents.size() > max_rank) throw too_many_axes(text(dtype, " array of shape ", extents), where);
  std::int64_t bytes = static_cast<std::int64_t>(dtype.size());
  for (std::int64_t extent : extents) {
    if (extent < 0) throw negative_extent("a new ", dtype, extents, where);
    if (__builtin_mul_overflow(bytes, extent, &bytes) || bytes > (std::int64_t{1} << 62))
      throw no_memory(text(dtype, " array of shape ", extents), unknown_bytes, where);
  }
  try {
    return Access::make_array(Storage::allocate(static_cast<std::size_t>(bytes)), dtype, extents);
  } catch (const RuntimeError&) {
    throw no_memory(text(dtype, " array of shape ", extents), bytes, where);
  }
}

Array array_of(const void* numbers, DType dtype, std::int64_t count, const Location& where) {
  const std::int64_t extents[1] = {count};
  Array a = new_array(dtype, extents, where);
  if (count > 0) std::memcpy(Access::layout(a).data, numbers, static_cast<std::size_t>(count) * dtype.size());
  return a;
}

}  // namespace detail

Array borrow(void* data, DType dtype, std::span<const std::int64_t> extents, Location l) {
  if (extents.size() > max_rank) throw detail::too_many_axes(text(dtype, " array of shape ", extents), l);
  for (std::int64_t extent : extents)
    if (extent < 0) throw detail::negative_extent("borrow as ", dtype, extents, l);
  const std::size_t alignment = dtype.is_complex() ? dtype.size() / 2 : dtype.size();
  if (!data && detail::element_count(extents) > 0)
    throw UsageError(text("borrow of a null pointer as ", dtype, " array of shape ", extents,
                          ": give the address of its first element"),
                     l);
  if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0)
    throw UsageError(
        text("borrow as ", dtype, " array of shape ", extents, " of memory at an address that is no multiple of ",
             alignment, "; copy the bytes into an array of ", dtype),
        l);
  const auto bytes = static_cast<std::size_t>(detail::element_count(extents)) * dtype.size();
  return Access::make_array(Storage::borrow(static_cast<std::byte*>(data), bytes), dtype, extents);
}

namespace {

std::uint16_t current_depth() {
  const Tracing* t = Tracing::current();
  return t ? static_cast<std::uint16_t>(t->depth()) : 0;
}

}  // namespace

Array::Array(Location) : depth_(current_depth()) {}

Array::Array(const void* numbers, DType dtype, std::int64_t count, Location l)
    : Array(detail::array_of(numbers, dtype, count, l)) {}

Array::Array(const Array& other)
    : layout_(other.layout_, other.rank_),
      storage_(other.storage_),
      trace_(other.trace_),
      symbol_(other.symbol_),
      scope_(other.scope_),
      depth_(current_depth()),
      state_(other.state_),
      dtype_(other.dtype_),
      rank_(other.rank_),
      read_only_(other.read_only_) {
  detail::retain(storage_);
}

Array::Array(Array&& other) noexcept
    : layout_(other.layout_, other.rank_),
      storage_(other.storage_),
      trace_(other.trace_),
      symbol_(other.symbol_),
      scope_(other.scope_),
      depth_(current_depth()),
      state_(other.state_),
      dtype_(other.dtype_),
      rank_(other.rank_),
      read_only_(other.read_only_) {
  other.storage_ = nullptr;
  other.state_ = State::undefined;
}

Array::~Array() { detail::release(storage_); }

// An assignment cannot take the caller's line: an error names the newest one, which the right side has just set in x =
// x + 1.
Array& Array::operator=(const Array& other) & {
  const Tracing* t = Tracing::checked();
  if (t && t->depth() > depth_)
    throw UsageError(
        text("'='", other.state_ == State::undefined ? std::string() : text(" of ", detail::described(other)),
             ": an Array declared outside a traced loop or branch is rebound inside it, which happens once, while "
             "tracing: "
             "write x(rest) = … to store into it, or kiln::swap(a, b) to exchange two"),
        t->last_location());
  Access::rebind(*this, other);
  return *this;
}

// NOLINTNEXTLINE(bugprone-exception-escape): rebinding inside a traced loop is an error
Array& Array::operator=(Array&& other) & { return *this = static_cast<const Array&>(other); }

// ---- Questions ------------------------------------------------------------------------------------------------------

namespace {

// The array as numbers in memory; throws what is wrong with it otherwise, such as a trace that would freeze them.
const Array& concrete(const Array& a, const char* what, const Location& l,
                      const char* way_out = "read it after the call") {
  if (Access::state(a) == Access::State::undefined) throw detail::no_elements(what, l);
  if (Access::traced(a))
    throw UsageError(text(what, " of ", detail::described(a),
                          " inside a traced function, where it is a symbol without numbers; ", way_out),
                     l);
  if (Tracing::checked())
    throw UsageError(
        text(what, " of a concrete array (", detail::described(a),
             ") inside a traced function, which would freeze it at the first call: pass it as a parameter"),
        l);
  return a;
}

}  // namespace

int Array::rank() const { return rank_; }

Value Array::shape(int axis, Location l) const {
  if (state_ == State::undefined) throw detail::no_elements("shape()", l);
  const int k = detail::checked_axis("shape()", axis, *this, l);
  if (state_ == State::traced) {
    Tracing& t = Tracing::required("a traced Array", l);
    return t.value_of(t.symbol_of(*this, l).extents[k]);
  }
  return Value(concrete(*this, "shape()", l).layout_.extents[k]);
}

Shape Array::shape(Location l) const {
  Shape s = Access::empty_shape(l);
  for (int k = 0; k < rank_; ++k) Access::append(s, Operand(shape(k, l), l));
  return s;
}

Value Array::size(Location l) const {
  if (state_ == State::traced) {
    Tracing& t = Tracing::required("a traced Array", l);
    return t.value_of(t.element_count(t.symbol_of(*this, l)));
  }
  concrete(*this, "size()", l);
  if (Tracing* t = Tracing::checked()) t->symbol_of(*this, l);
  return Value(host_size());
}

std::int64_t Array::extent(int axis, Location l) const {
  return concrete(*this, "extent()", l, "write shape(axis), a Value")
      .layout_.extents[detail::checked_axis("extent()", axis, *this, l)];
}

std::int64_t Array::stride(int axis, Location l) const {
  return concrete(*this, "stride()", l).layout_.strides[detail::checked_axis("stride()", axis, *this, l)];
}

std::int64_t Array::host_size() const { return detail::element_count(Access::extents(*this)); }

void* Array::host_data(DType dtype, bool write, Location l) const {
  const char* const operation = write ? "write()" : "read()";
  concrete(*this, operation, l);
  if (dtype != dtype_)
    throw DTypeError(
        text(operation, " of ", detail::described(*this), " as ", dtype, "; astype(", dtype, ") converts it"), l);
  return host_elements(operation, write, l);
}

void* Array::host_elements(const char* operation, bool write, Location l) const {
  concrete(*this, operation, l);
  if (write && read_only_)
    throw UsageError(text(operation, " of ", detail::described(*this), ", which is read-only; copy() it first"), l);
  if (!detail::is_contiguous(*this))
    throw ShapeError(text(operation, " of ", detail::described(*this),
                          ", a view whose elements do not lie side by side; copy() it first"),
                     l);
  return Access::valid(*this, write ? Storage::Use::write : Storage::Use::read, l).data;
}

namespace {

// The index along an axis, from the start; throws where there is no such element.
std::int64_t checked_index(const Value& v, int axis, const Array& a, const Location& where) {
  if (!v.dtype().is_integer())
    throw detail::not_an_integer(text("an index of ", detail::described(a)), v.dtype(), where);
  const std::int64_t given = v.as_integer(), extent = Access::layout(a).extents[axis];
  const std::int64_t index = given < 0 ? given + extent : given;
  if (index < 0 || index >= extent)
    throw IndexError(
        text("index ", given, " is out of bounds for axis ", axis, " of ", detail::described(a), ", ",
             extent == 0 ? "which is empty; test size() first"
                         : text("which has ", extent, " elements there; valid are ", -extent, " to ", extent - 1)),
        where);
  return index;
}

}  // namespace

// ---- Elements and views ---------------------------------------------------------------------------------------------

Element Array::element(const Operand* const* indices, int count, Location l) const {
  if (state_ == State::traced) return Tracing::required("a traced Array", l).element(*this, indices, count, l);
  concrete(*this, "an element", l);
  if (Tracing* t = Tracing::checked()) t->symbol_of(*this, l);  // throws: a concrete array in a trace
  if (count != rank_) throw detail::wrong_index_count(*this, count, l);
  std::byte* address = Access::readable(*this, l).data;
  for (int k = 0; k < count; ++k) {
    const std::int64_t index = checked_index(indices[k]->value, k, *this, indices[k]->where);
    address += index * layout_.strides[k] * static_cast<std::int64_t>(dtype_.size());
  }
  const Value v = Access::make({dtype_, Strength::strong}, read_element(address, dtype_));
  return Access::make_element(v, dtype_, read_only_, address, 0, storage_);
}

Element Array::operator()(Location l) const { return element(nullptr, 0, l); }
Element Array::operator()(const Operand& i) const {
  const Operand* list[] = {&i};
  return element(list, 1, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j) const {
  const Operand* list[] = {&i, &j};
  return element(list, 2, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j, const Operand& k) const {
  const Operand* list[] = {&i, &j, &k};
  return element(list, 3, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l) const {
  const Operand* list[] = {&i, &j, &k, &l};
  return element(list, 4, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l,
                          const Operand& m) const {
  const Operand* list[] = {&i, &j, &k, &l, &m};
  return element(list, 5, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m,
                          const Operand& n) const {
  const Operand* list[] = {&i, &j, &k, &l, &m, &n};
  return element(list, 6, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m,
                          const Operand& n, const Operand& o) const {
  const Operand* list[] = {&i, &j, &k, &l, &m, &n, &o};
  return element(list, 7, i.where);
}
Element Array::operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m,
                          const Operand& n, const Operand& o, const Operand& p) const {
  const Operand* list[] = {&i, &j, &k, &l, &m, &n, &o, &p};
  return element(list, 8, i.where);
}

namespace {

// Applies one slice to an axis of extent n: first element, new extent, step; clamped as Python's.
struct Range3 {
  std::int64_t first, extent, step;
};
Range3 slice_axis(const Slice& s, int axis, const Array& a, const Location& where) {
  for (const Bound* b : {&s.lo, &s.hi, &s.step})
    if (!b->open && !b->value.dtype().is_integer())
      throw detail::not_an_integer(text(b == &s.step ? "the step" : "a bound", " of a slice of ", detail::described(a)),
                                   b->value.dtype(), where);
  const std::int64_t n = Access::layout(a).extents[axis], step = s.step.value.as_integer();
  if (step == 0 || s.step.open) throw detail::step_of_zero(a, where);
  const auto clamp = [](std::int64_t x, std::int64_t lo, std::int64_t hi) { return x < lo ? lo : x > hi ? hi : x; };
  const auto from_end = [n](std::int64_t x) { return x < 0 ? x + n : x; };
  const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  const std::int64_t lo = s.lo.open ? (step > 0 ? 0 : n - 1) : clamp(from_end(s.lo.value.as_integer()), low, high);
  const std::int64_t hi = s.hi.open ? (step > 0 ? n : -1) : clamp(from_end(s.hi.value.as_integer()), low, high);
  const std::int64_t span = step > 0 ? hi - lo : lo - hi, width = step > 0 ? step : -step;
  return {lo, span <= 0 ? 0 : (span + width - 1) / width, step};
}

}  // namespace

View Array::view(const IndexItem* const* items, int count) const {
  const Location where = items[0]->where;
  if (state_ == State::traced)
    return Access::make_view(Tracing::required("a traced Array", where).view(*this, items, count));
  concrete(*this, "a view", where);
  if (Tracing* t = Tracing::checked()) t->symbol_of(*this, where);
  int named = 0, rests = 0;
  for (int k = 0; k < count; ++k) {
    named += items[k]->kind != IndexItem::Kind::newaxis && items[k]->kind != IndexItem::Kind::rest;
    rests += items[k]->kind == IndexItem::Kind::rest;
  }
  if (rests > 1) throw detail::rest_twice(*this, where);
  if (named > rank_ || (rests == 0 && named < rank_)) throw detail::wrong_item_count(*this, named, where);
  Layout l;
  l.data = layout_.data;
  int rank = 0, axis = 0;
  const auto keep = [&](std::int64_t extent, std::int64_t stride) {
    if (rank == max_rank) throw detail::too_many_axes(text("a view of ", detail::described(*this)), where);
    l.extents[rank] = extent;
    l.strides[rank++] = stride;
  };
  const auto advance = [&](std::int64_t elements) { l.data += elements * static_cast<std::int64_t>(dtype_.size()); };
  for (int k = 0; k < count; ++k) {
    const IndexItem& item = *items[k];
    switch (item.kind) {
      case IndexItem::Kind::all:
        keep(layout_.extents[axis], layout_.strides[axis]);
        ++axis;
        break;
      case IndexItem::Kind::newaxis: keep(1, 0); break;
      case IndexItem::Kind::rest:
        for (int n = rank_ - named; n > 0; --n, ++axis) keep(layout_.extents[axis], layout_.strides[axis]);
        break;
      case IndexItem::Kind::array: throw detail::too_many_index_arrays(*this, item.where);
      case IndexItem::Kind::slice: {
        const Range3 r = slice_axis(item.item, axis, *this, item.where);
        if (r.extent > 0) advance(r.first * layout_.strides[axis]);
        keep(r.extent, r.step * layout_.strides[axis]);
        ++axis;
        break;
      }
      case IndexItem::Kind::scalar: {
        const std::int64_t index = checked_index(item.item.lo.value, axis, *this, item.where);
        advance(index * layout_.strides[axis]);
        ++axis;
        break;
      }
    }
  }
  detail::retain(storage_);
  return Access::make_view(Access::make_array(storage_, dtype_, rank, l, read_only_));
}

// ---- The whole array
// -------------------------------------------------------------------------------------------------

Value Array::item(Location l) const {
  if (state_ == State::traced) {
    if (rank_ != 0)
      throw ShapeError(text("item() of ", detail::described(*this),
                            " inside a traced function, where its size is not known yet; write the element's indices, "
                            "as in a(0, 0)"),
                       l);
    return element(nullptr, 0, l);
  }
  concrete(*this, "item()", l);
  if (host_size() != 1)
    throw ShapeError(text("item() of ", detail::described(*this),
                          ": it needs exactly one element; write the element's indices, as in a(0, 0)"),
                     l);
  return Access::make({dtype_, Strength::strong}, read_element(Access::readable(*this, l).data, dtype_));
}

Array Array::as_read_only() const {
  Array a = *this;
  Access::set_read_only(a);
  return a;
}

// ---- Shape ----------------------------------------------------------------------------------------------------------

Shape::Shape(std::initializer_list<Operand> extents) {
  if (extents.size() > max_rank) {
    std::string list;
    for (const Operand& e : extents)
      list += text(list.empty() ? "(" : ", ", Access::traced(e.value) ? "n" : text(e.value.as_integer()));
    throw detail::too_many_axes(text("an array of shape ", list, ")"), extents.begin()->where);
  }
  for (const Operand& e : extents) {
    if (rank_ == 0) where_ = e.where;
    append(e);
  }
}
Shape::Shape(const Value& n, Location l) : where_(l) { append(Operand(n, l)); }
Shape::Shape(const Var& n, Location l) : where_(l) { append(Operand(n, l)); }
Shape::Shape(std::span<const std::int64_t> extents, Location l) : where_(l) {
  for (std::int64_t e : extents) append(Operand(e, l));
}
void Shape::append(const Operand& extent) {
  if (rank_ == max_rank) throw detail::too_many_axes("a shape", extent.where);
  if (!extent.value.dtype().is_integer())
    throw detail::not_an_integer("an extent of a shape", extent.value.dtype(), extent.where);
  new (extents_ + static_cast<std::size_t>(rank_++) * sizeof(Value)) Value(extent.value);
}
const Value& Shape::operator[](int axis) const { return reinterpret_cast<const Value*>(extents_)[axis]; }

}  // namespace kiln
