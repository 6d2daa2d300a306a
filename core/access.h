// The library's own view of Value, Var, Array, Element and View.
#pragma once

#include "core/storage.h"
#include "core/transfer.h"

#include <kiln/array.h>
#include <kiln/jit.h>

#include <span>

namespace kiln::detail {

struct Access {
  // ---- Value
  static Value make(Type type, const Number16& number) {
    Value v;
    v.type_ = type;
    v.number_ = number;
    return v;
  }
  static Value make_traced(Type type, std::uint32_t node, std::uint32_t scope, std::uint64_t trace) {
    Value v;
    v.type_ = type;
    v.traced_ = true;
    v.scope_ = scope;
    v.trace_ = trace;
    v.number_.i = node;
    return v;
  }
  static Type type(const Value& v) { return v.type_; }
  static bool traced(const Value& v) { return v.traced_; }
  static const Number16& number(const Value& v) { return v.number_; }
  static std::uint32_t node(const Value& v) { return static_cast<std::uint32_t>(v.number_.i); }
  static std::uint32_t scope(const Value& v) { return v.scope_; }
  static std::uint64_t trace(const Value& v) { return v.trace_; }
  /// Assignment, which users do not have.
  static void set(Value& v, const Value& x) {
    v.type_ = x.type_;
    v.traced_ = x.traced_;
    v.scope_ = x.scope_;
    v.trace_ = x.trace_;
    v.number_ = x.number_;
  }

  // ---- Var
  static Value& current(Var& v) { return v.current_; }
  static const Value& current(const Var& v) { return v.current_; }
  static bool& fixed(Var& v) { return v.fixed_; }
  static std::uint32_t& variable(Var& v) { return v.variable_; }
  static std::uint32_t variable(const Var& v) { return v.variable_; }

  // ---- Array
  using State = Array::State;
  static Layout& layout(Array& a) { return a.layout_; }
  static const Layout& layout(const Array& a) { return a.layout_; }
  /// Before the host reads, or writes, elements.
  static const Layout& readable(const Array& a, const Location& where = {}) {
    return valid(a, Storage::Use::read, where);
  }
  static const Layout& writable(const Array& a, const Location& where = {}) {
    return valid(a, Storage::Use::write, where);
  }
  static const Layout& valid(const Array& a, Storage::Use use, const Location& where) {
    if (!a.storage_->only_on_host()) make_valid_on_host(a, use, where);
    return a.layout_;
  }
  static Storage*& storage(Array& a) { return a.storage_; }
  static Storage* storage(const Array& a) { return a.storage_; }
  static State state(const Array& a) { return a.state_; }
  static bool concrete(const Array& a) { return a.state_ == State::concrete; }
  static bool traced(const Array& a) { return a.state_ == State::traced; }
  static std::uint64_t trace(const Array& a) { return a.trace_; }
  static std::uint32_t symbol(const Array& a) { return a.symbol_; }
  static std::uint32_t depth(const Array& a) { return a.depth_; }
  static int rank(const Array& a) { return a.rank_; }
  static bool read_only(const Array& a) { return a.read_only_; }
  static void set_read_only(Array& a) { a.read_only_ = true; }
  static std::span<const std::int64_t> extents(const Array& a) {
    return {a.layout_.extents, static_cast<std::size_t>(a.rank_)};
  }
  static std::span<const std::int64_t> strides(const Array& a) {
    return {a.layout_.strides, static_cast<std::size_t>(a.rank_)};
  }
  /// A C-contiguous array over `storage`, whose reference it takes.
  static Array make_array(Storage* storage, DType dtype, std::span<const std::int64_t> extents);
  /// Any view over `storage`, whose reference it takes.
  static Array make_array(Storage* storage, DType dtype, int rank, const Layout& layout, bool read_only);
  static Array make_array(Storage* storage, DType dtype, int rank, std::byte* data, const std::int64_t* extents,
                          const std::int64_t* strides, bool read_only);
  static Array make_traced(std::uint64_t trace, std::uint32_t symbol, DType dtype, int rank, bool read_only,
                           const Location& where);
  static View make_view(const Array& a) { return View(a); }
  /// Makes `a` another name for `b` without the check of traced scopes.
  static void rebind(Array& a, const Array& b);

  /// a(items…).
  static Array view(const Array& a, const IndexItem* const* items, int count) { return a.view(items, count); }
  static Array picked(const Array& a, std::span<const IndexItem> items) {
    const IndexItem* list[max_rank];
    for (std::size_t k = 0; k < items.size(); ++k) list[k] = &items[k];
    return a.select(list, static_cast<int>(items.size()));
  }

  // ---- Element
  static Element make_element(const Value& v, DType stored, bool read_only, std::byte* address, std::uint32_t element,
                              Storage* storage = nullptr) {
    Element e;
    set(e, v);
    e.stored_ = stored;
    e.read_only_ = read_only;
    e.address_ = address;
    e.storage_ = storage;
    e.element_ = element;
    return e;
  }
  static const std::byte* address(const Element& e) { return e.address_; }
  static std::byte* writable(const Element& e, const Location& where) {
    if (!e.storage_->only_on_host()) make_element_valid_on_host(*e.storage_, e.stored_, where);
    return e.address_;
  }
  static std::uint32_t element(const Element& e) { return e.element_; }
  static bool read_only(const Element& e) { return e.read_only_; }
  static DType stored(const Element& e) { return e.stored_; }

  // ---- Selection
  static const Array& base(const Selection& s) { return s.base_; }
  static const Array& index(const Selection& s, int k) { return s.indices_[k]; }
  static int axis(const Selection& s, int k) { return s.axes_[k]; }
  static int index_count(const Selection& s) { return s.count_; }
  static int first_axis(const Selection& s) { return s.first_axis_; }
  static Array& selected(Selection& s) { return s.value_; }

  // ---- Shape
  static Shape empty_shape(const Location& where) {
    Shape s;
    s.where_ = where;
    return s;
  }
  static void append(Shape& s, const Operand& extent) { s.append(extent); }
};

/// A new, C-contiguous, uninitialised array. Throws ShapeError for negative extents, RuntimeError for memory.
Array new_array(DType dtype, std::span<const std::int64_t> extents, const Location& where);
/// Number of elements.
std::int64_t element_count(std::span<const std::int64_t> extents);
bool is_contiguous(const Array& a);

// core/elements.cpp: eager work on elements, ordinary compiled C++.
/// to[…] = from[…], converted; extents are equal. The two may overlap: the result is as through a temporary.
void copy_elements(const Layout& to, DType to_dtype, const Layout& from, DType from_dtype, int rank);
/// Every element becomes x.
void fill_elements(const Layout& to, DType dtype, int rank, const Number16& x);

}  // namespace kiln::detail
