// Array, the one n-d array for every device, its elements and views, and what indexes them.
#pragma once

#include <kiln/value.h>

#include <initializer_list>
#include <span>
#include <type_traits>

namespace kiln {

inline constexpr int max_rank = 8;

class Array;
class View;
class Element;
class Selection;

// ---- What indexes an array ------------------------------------------------------------------------------------------

/// `_`: a whole axis, or an open end inside slice().
struct All {};
inline constexpr All _{};
/// `newaxis`: a new axis of extent 1.
struct NewAxis {};
inline constexpr NewAxis newaxis{};
/// `rest`: all axes that are not named.
struct Rest {};
inline constexpr Rest rest{};

/// One end of a slice: a number, negative ones counting from the end, or open.
struct Bound {
  Value value;
  bool open = false;

  Bound(All) : value(0), open(true) {}
  Bound(const Value& x) : value(x) {}
  Bound(const Var& x, Location l = Location::current()) : value(x, l) {}
  template <Number T>
  Bound(T x) : value(x) {}
};

/// The elements lo, lo + step, … before hi; as Python's lo:hi:step. A plain value: it may be named and used again.
struct Slice {
  Bound lo, hi, step;
};
inline Slice slice(const Bound& lo, const Bound& hi, const Bound& step = 1) { return {lo, hi, step}; }

/// One position of an index list that is not all scalars.
struct IndexItem {
  enum class Kind : std::uint8_t { scalar, all, slice, newaxis, rest, array };

  Kind kind;
  Location where;
  Slice item{_, _, 1};           // a scalar stands in item.lo
  const Array* array = nullptr;  // indices, or a mask

  IndexItem(All, Location l = Location::current()) : kind(Kind::all), where(l) {}
  IndexItem(NewAxis, Location l = Location::current()) : kind(Kind::newaxis), where(l) {}
  IndexItem(Rest, Location l = Location::current()) : kind(Kind::rest), where(l) {}
  IndexItem(const Slice& s, Location l = Location::current()) : kind(Kind::slice), where(l), item(s) {}
  IndexItem(const Value& x, Location l = Location::current()) : kind(Kind::scalar), where(l), item{x, _, 1} {}
  IndexItem(const Var& x, Location l = Location::current()) : kind(Kind::scalar), where(l), item{Value(x, l), _, 1} {}
  template <Number T>
  IndexItem(T x, Location l = Location::current()) : kind(Kind::scalar), where(l), item{Value(x), _, 1} {}
  IndexItem(const Array& a, Location l = Location::current()) : kind(Kind::array), where(l), array(&a) {}
};

template <class T>
concept IndexArray = std::derived_from<T, Array>;

/// The extents of an array: numbers and Values, `{n, m + 1, 3}`.
class KILN_API Shape {
 public:
  /// `{}`: the shape of an array of rank 0.
  Shape(Location l = Location::current()) : where_(l) {}
  Shape(std::initializer_list<Operand> extents);
  Shape(const Value& n, Location l = Location::current());
  Shape(const Var& n, Location l = Location::current());
  template <Number T>
  Shape(T n, Location l = Location::current()) : Shape(Value(n), l) {}
  explicit Shape(std::span<const std::int64_t> extents, Location l = Location::current());
  Shape(const Shape&) = default;

  int rank() const { return rank_; }
  const Value& operator[](int axis) const;
  Location where() const { return where_; }

 private:
  friend detail::Access;
  void append(const Operand& extent);

  int rank_ = 0;
  Location where_;
  alignas(Value) unsigned char extents_[max_rank * sizeof(Value)];
};

// ---- Array ----------------------------------------------------------------------------------------------------------

namespace detail {

/// Where an array's elements are: the part generated code reads. Strides count elements.
struct Layout {
  std::byte* data = nullptr;
  std::int64_t extents[max_rank] = {};
  std::int64_t strides[max_rank] = {};

  Layout() = default;
  /// The first `rank` axes; two of them number by number: a copy of vectors would wait for the numbers just stored, and
  /// a loop alone becomes a call of memmove.
  Layout(const Layout& other, int rank) : data(other.data) {
    if (rank > 0) copy_axis(other, 0);
    if (rank > 1) copy_axis(other, 1);
    for (int k = 2; k < rank; ++k) copy_axis(other, k);
  }

 private:
  void copy_axis(const Layout& other, int k) {
    extents[k] = other.extents[k];
    strides[k] = other.strides[k];
  }
};
static_assert(sizeof(Layout) == 8 + 2 * 8 * max_rank);

class Storage;  // the memory behind one or more arrays, reference counted
KILN_API void retain(Storage* storage) noexcept;
KILN_API void release(Storage* storage) noexcept;
KILN_API void begin_view(Storage* storage, bool writes) noexcept;
KILN_API void end_view(Storage* storage, bool writes) noexcept;

}  // namespace detail

/// The elements in the host's memory, what read() and write() give: a span that keeps them there. While it lives, a
/// call on a GPU that writes the array, or, where T is not const, reads it, is a UsageError.
template <class T>
class HostView : public std::span<T> {
 public:
  HostView(const HostView& other) : HostView(other.storage_, other) {}
  HostView& operator=(const HostView& other) {
    detail::begin_view(other.storage_, writes);
    detail::end_view(storage_, writes);
    std::span<T>::operator=(other);
    storage_ = other.storage_;
    return *this;
  }
  ~HostView() { detail::end_view(storage_, writes); }

 private:
  friend Array;
  static constexpr bool writes = !std::is_const_v<T>;
  HostView(detail::Storage* storage, std::span<T> elements) : std::span<T>(elements), storage_(storage) {
    detail::begin_view(storage, writes);
  }

  detail::Storage* storage_;
};

/// An n-d array: dtype and shape known at run time. A handle: copies share their elements, as in NumPy; copy() copies.
/// Inside a traced function it stands for an array; assigning to the name rebinds it, `x(rest) = e` stores into it.
class KILN_API Array {
 public:
  /// An array that is none yet; only assigning to it is allowed.
  Array(Location l = Location::current());
  /// A 1-d array of these numbers.
  template <Number T>
  Array(std::initializer_list<T> numbers, Location l = Location::current())
      : Array(numbers.begin(), dtype_of<T>(), static_cast<std::int64_t>(numbers.size()), l) {}
  Array(const Array& other);
  Array(Array&& other) noexcept;
  ~Array();

  /// Makes this name another one for that array. Inside a traced loop or branch that is deeper than the name's own
  /// scope this would happen once, while tracing, and is a UsageError: write x(rest) = e, or kiln::swap(a, b).
  Array& operator=(const Array& other) &;
  Array& operator=(Array&& other) &;

  DType dtype() const { return dtype_; }
  int rank() const;
  /// The extent of an axis (negative: from the end); a weak integer inside a traced function.
  Value shape(int axis, Location l = Location::current()) const;
  Shape shape(Location l = Location::current()) const;
  /// Number of elements.
  Value size(Location l = Location::current()) const;
  /// The extent of an axis for C++ code outside a traced function.
  std::int64_t extent(int axis, Location l = Location::current()) const;
  /// Distance between neighbours along an axis, in elements; outside a traced function.
  std::int64_t stride(int axis, Location l = Location::current()) const;
  bool defined() const { return state_ != State::undefined; }
  bool read_only() const { return read_only_; }

  /// An element: as many scalars as the rank. Negative literals count from the end.
  Element operator()(Location l = Location::current()) const;
  Element operator()(const Operand& i) const;
  Element operator()(const Operand& i, const Operand& j) const;
  Element operator()(const Operand& i, const Operand& j, const Operand& k) const;
  Element operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l) const;
  Element operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m) const;
  Element operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m,
                     const Operand& n) const;
  Element operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m,
                     const Operand& n, const Operand& o) const;
  Element operator()(const Operand& i, const Operand& j, const Operand& k, const Operand& l, const Operand& m,
                     const Operand& n, const Operand& o, const Operand& p) const;

  // Views. Templates only so that a list of scalars prefers the functions above.
  template <class = void>
  View operator()(const IndexItem& a) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d,
                  const IndexItem& e) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d, const IndexItem& e,
                  const IndexItem& f) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d, const IndexItem& e,
                  const IndexItem& f, const IndexItem& g) const;
  template <class = void>
  View operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d, const IndexItem& e,
                  const IndexItem& f, const IndexItem& g, const IndexItem& h) const;

  /// Elements picked by arrays of integers or by a mask (an array of bools): as a value a copy of them, to be stored
  /// to and updated as a temporary. `a(indices)` picks along the first axis, `a(_, indices)` along another; several
  /// index arrays broadcast together and pick one element of these axes each; axes not named stay whole. Negative
  /// indices count from the end; one outside its axis is an IndexError before anything is read or written. The shape
  /// is NumPy's: the index arrays' in place of the axes they index, in front where these are not neighbours.
  template <class A>
    requires(IndexArray<A>)
  Selection operator()(const A& a, Location l = Location::current()) const;
  template <class A, class B>
    requires(IndexArray<A> || IndexArray<B>)
  Selection operator()(const A& a, const B& b, Location l = Location::current()) const;
  template <class A, class B, class C>
    requires(IndexArray<A> || IndexArray<B> || IndexArray<C>)
  Selection operator()(const A& a, const B& b, const C& c, Location l = Location::current()) const;
  template <class A, class B, class C, class D>
    requires(IndexArray<A> || IndexArray<B> || IndexArray<C> || IndexArray<D>)
  Selection operator()(const A& a, const B& b, const C& c, const D& d, Location l = Location::current()) const;

  Array reshape(const Shape& shape, Location l = Location::current()) const;
  Array transpose(Location l = Location::current()) const;
  Array transpose(std::initializer_list<int> axes, Location l = Location::current()) const;
  Array T(Location l = Location::current()) const { return transpose(l); }
  Array broadcast_to(const Shape& shape, Location l = Location::current()) const;
  Array astype(DType dtype, Location l = Location::current()) const;
  Array copy(Location l = Location::current()) const;
  /// One axis of all elements, C order: a view where the array is contiguous, else a copy.
  Array ravel(Location l = Location::current()) const;
  /// The same, always a copy.
  Array flatten(Location l = Location::current()) const;
  /// Without axes of extent 1: these, or (outside a traced function) all there are. A view.
  Array squeeze(Location l = Location::current()) const;
  Array squeeze(std::initializer_list<int> axes, Location l = Location::current()) const;
  Array squeeze(int axis, Location l = Location::current()) const { return squeeze({axis}, l); }
  /// With new axes of extent 1 at these places of the result. A view.
  Array expand_dims(std::initializer_list<int> axes, Location l = Location::current()) const;
  Array expand_dims(int axis, Location l = Location::current()) const { return expand_dims({axis}, l); }
  /// This array, refusing writes.
  Array as_read_only() const;
  /// The only element of an array of size 1.
  Value item(Location l = Location::current()) const;

  /// The elements in memory, C order, for C++ code outside a traced function. T must match the dtype; throws ShapeError
  /// if the array is not contiguous (copy() is).
  template <class T>
  HostView<const T> read(Location l = Location::current()) const {
    const auto* const first = static_cast<const T*>(host_data(dtype_of<T>(), false, l));
    return {storage_, {first, static_cast<std::size_t>(host_size())}};
  }
  template <class T>
  HostView<T> write(Location l = Location::current()) const {
    auto* const first = static_cast<T*>(host_data(dtype_of<T>(), true, l));
    return {storage_, {first, static_cast<std::size_t>(host_size())}};
  }
  /// The bytes of the elements, of any dtype, f16 and bf16 among them; contiguous too.
  HostView<const std::byte> read_bytes(Location l = Location::current()) const {
    const auto* const first = static_cast<const std::byte*>(host_elements("read_bytes()", false, l));
    return {storage_, {first, host_bytes()}};
  }
  HostView<std::byte> write_bytes(Location l = Location::current()) const {
    auto* const first = static_cast<std::byte*>(host_elements("write_bytes()", true, l));
    return {storage_, {first, host_bytes()}};
  }

#define KILN_ARRAY_UPDATE(op)                  \
  Array& operator op(const ArrayOperand & x)&; \
  Array& operator op(const Operand & x)&;
  KILN_ARRAY_UPDATE(+=)
  KILN_ARRAY_UPDATE(-=)
  KILN_ARRAY_UPDATE(*=)
  KILN_ARRAY_UPDATE(/=)
  KILN_ARRAY_UPDATE(%=)
  KILN_ARRAY_UPDATE(&=)
  KILN_ARRAY_UPDATE(|=)
  KILN_ARRAY_UPDATE(^=)
#undef KILN_ARRAY_UPDATE

 protected:
  friend detail::Access;
  enum class State : std::uint8_t { undefined, concrete, traced };

  Array(const void* numbers, DType dtype, std::int64_t count, Location l);
  View view(const IndexItem* const* items, int count) const;
  Selection select(const IndexItem* const* items, int count) const;
  Element element(const Operand* const* indices, int count, Location l) const;
  void* host_data(DType dtype, bool write, Location l) const;
  void* host_elements(const char* operation, bool write, Location l) const;
  std::int64_t host_size() const;
  std::size_t host_bytes() const { return static_cast<std::size_t>(host_size()) * dtype_.size(); }

  detail::Layout layout_;               // concrete
  detail::Storage* storage_ = nullptr;  // concrete
  std::uint64_t trace_ = 0;             // traced: which trace …
  std::uint32_t symbol_ = 0;            // … and which array of it
  std::uint32_t scope_ = 0;             // the traced scope this name was declared in
  std::uint16_t depth_ = 0;             // and its depth
  State state_ = State::undefined;
  DType dtype_;
  std::uint8_t rank_ = 0;
  bool read_only_ = false;
};

/// What every array function takes: an array and the line of the user's code that wrote it.
struct ArrayOperand {
  const Array& array;
  Location where;

  ArrayOperand(const Array& a, Location l = Location::current()) : array(a), where(l) {}
  KILN_API ArrayOperand(Selection&& a, Location l = Location::current());
};

/// a(i, j): the Value that was there when it was written and, while a temporary, a place to store to.
class KILN_API Element : public Value {
 public:
  Element(const Element&) = default;
  void operator=(const Operand& x) &&;          // a(i) = a(j) too: an Element is a Value
  void operator=(const Operand& x) & = delete;  // `auto x = a(i); x = 1;`: write a(i) = 1, or Var x = a(i)
  void operator=(const Element& x) & = delete;
  void operator+=(const Operand& x) &&;
  void operator-=(const Operand& x) &&;
  void operator*=(const Operand& x) &&;
  void operator/=(const Operand& x) &&;
  void operator%=(const Operand& x) &&;
  void operator&=(const Operand& x) &&;
  void operator|=(const Operand& x) &&;
  void operator^=(const Operand& x) &&;
  void operator<<=(const Operand& x) &&;
  void operator>>=(const Operand& x) &&;
  void operator++() &&;
  void operator--() &&;
  void operator++(int) && { ++static_cast<Element&&>(*this); }
  void operator--(int) && { --static_cast<Element&&>(*this); }
  void min(const Operand& x) &&;
  void max(const Operand& x) &&;

 private:
  friend detail::Access;
  friend Array;
  Element() = default;

  std::byte* address_ = nullptr;  // outside a trace
  detail::Storage* storage_ = nullptr;
  std::uint32_t element_ = 0;  // inside: which element access of the trace
  bool read_only_ = false;
  DType stored_;
};

/// a(slice(1, -1), _): an Array that shares elements and, while a temporary, a place to store to.
class KILN_API View : public Array {
 public:
  View(const View&) = default;
  void operator=(const ArrayOperand& x) &&;  // a(_, 0) = b(_, 1) too: a View is an Array
  void operator=(const Operand& x) &&;
  void operator=(const ArrayOperand& x) & = delete;  // `auto v = a(_, 0); v = x;`: write Array v, or v(rest) = x
  void operator=(const Operand& x) & = delete;
  void operator=(const View& x) & = delete;

#define KILN_VIEW_UPDATE(op)               \
  void operator op(const ArrayOperand& x); \
  void operator op(const Operand& x);
  KILN_VIEW_UPDATE(+=)
  KILN_VIEW_UPDATE(-=)
  KILN_VIEW_UPDATE(*=)
  KILN_VIEW_UPDATE(/=)
  KILN_VIEW_UPDATE(%=)
  KILN_VIEW_UPDATE(&=)
  KILN_VIEW_UPDATE(|=)
  KILN_VIEW_UPDATE(^=)
#undef KILN_VIEW_UPDATE

 private:
  friend detail::Access;
  friend Array;
  explicit View(const Array& a) : Array(a) {}
};

/// a(indices), a(mask): as a value an Array, a copy; while a temporary, a place to store to. It has no other life:
/// `Array picked = a(indices)`.
class KILN_API Selection {
 public:
  Selection(const Selection&) = delete;

  /// Of a mask: one axis of the elements where it is true, C order, in front of the axes it does not cover; outside a
  /// traced function only, for their number is not known before.
  operator Array() &&;

  /// x broadcasts to the shape of a(indices); where an index comes twice the last one (in C order) stays. With a mask
  /// it broadcasts to the shape of a, and what is stored are the elements where the mask is true.
  void operator=(const ArrayOperand& x) &&;
  void operator=(const Operand& x) &&;
  void operator=(Selection&& x) &&;
  void operator=(const ArrayOperand& x) & = delete;
  void operator=(const Operand& x) & = delete;

  // a(indices) = a(indices) + x: an index that comes twice is updated once, as in NumPy. What is to be counted is
  // counted in a loop: for (Value i : prange(n)) h(at(i)) += 1.
#define KILN_SELECTION_UPDATE(op)            \
  void operator op(const ArrayOperand& x)&&; \
  void operator op(const Operand& x)&&;
  KILN_SELECTION_UPDATE(+=)
  KILN_SELECTION_UPDATE(-=)
  KILN_SELECTION_UPDATE(*=)
  KILN_SELECTION_UPDATE(/=)
  KILN_SELECTION_UPDATE(%=)
  KILN_SELECTION_UPDATE(&=)
  KILN_SELECTION_UPDATE(|=)
  KILN_SELECTION_UPDATE(^=)
#undef KILN_SELECTION_UPDATE

 private:
  friend detail::Access;
  friend Array;
  Selection(Selection&&) = default;
  static constexpr int most_indices = 4;
  explicit Selection(const Array& base) : base_(base) {}

  Array base_;                   // the array, slices and new axes of the index list applied
  Array indices_[most_indices];  // or one mask
  std::int8_t axes_[most_indices] = {};
  std::int8_t count_ = 0, first_axis_ = 0;  // where the indices' axes are in the result
  Location where_;
  Array value_;  // what it stands for, once asked
};

template <class A>
  requires(IndexArray<A>)
Selection Array::operator()(const A& a, Location l) const {
  const IndexItem x(a, l);
  const IndexItem* items[] = {&x};
  return select(items, 1);
}
template <class A, class B>
  requires(IndexArray<A> || IndexArray<B>)
Selection Array::operator()(const A& a, const B& b, Location l) const {
  const IndexItem x(a, l), y(b, l);
  const IndexItem* items[] = {&x, &y};
  return select(items, 2);
}
template <class A, class B, class C>
  requires(IndexArray<A> || IndexArray<B> || IndexArray<C>)
Selection Array::operator()(const A& a, const B& b, const C& c, Location l) const {
  const IndexItem x(a, l), y(b, l), z(c, l);
  const IndexItem* items[] = {&x, &y, &z};
  return select(items, 3);
}
template <class A, class B, class C, class D>
  requires(IndexArray<A> || IndexArray<B> || IndexArray<C> || IndexArray<D>)
Selection Array::operator()(const A& a, const B& b, const C& c, const D& d, Location l) const {
  const IndexItem x(a, l), y(b, l), z(c, l), w(d, l);
  const IndexItem* items[] = {&x, &y, &z, &w};
  return select(items, 4);
}

template <class>
View Array::operator()(const IndexItem& a) const {
  const IndexItem* items[] = {&a};
  return view(items, 1);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b) const {
  const IndexItem* items[] = {&a, &b};
  return view(items, 2);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c) const {
  const IndexItem* items[] = {&a, &b, &c};
  return view(items, 3);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d) const {
  const IndexItem* items[] = {&a, &b, &c, &d};
  return view(items, 4);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d,
                       const IndexItem& e) const {
  const IndexItem* items[] = {&a, &b, &c, &d, &e};
  return view(items, 5);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d,
                       const IndexItem& e, const IndexItem& f) const {
  const IndexItem* items[] = {&a, &b, &c, &d, &e, &f};
  return view(items, 6);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d,
                       const IndexItem& e, const IndexItem& f, const IndexItem& g) const {
  const IndexItem* items[] = {&a, &b, &c, &d, &e, &f, &g};
  return view(items, 7);
}
template <class>
View Array::operator()(const IndexItem& a, const IndexItem& b, const IndexItem& c, const IndexItem& d,
                       const IndexItem& e, const IndexItem& f, const IndexItem& g, const IndexItem& h) const {
  const IndexItem* items[] = {&a, &b, &c, &d, &e, &f, &g, &h};
  return view(items, 8);
}

KILN_API std::ostream& operator<<(std::ostream& out, const Array& a);

/// The traced exchange of two arrays of one dtype and shape, for double-buffered time loops: afterwards each name means
/// the other's elements. Outside a traced function it exchanges the handles.
KILN_API void swap(Array& a, Array& b, Location l = Location::current());

}  // namespace kiln
