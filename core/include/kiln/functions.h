// The functions of the language: elementwise ones for scalars and arrays, reductions, and what makes arrays.
#pragma once

#include <kiln/array.h>

#include <cstdlib>
#include <new>
#include <span>
#include <tuple>
#include <vector>

namespace kiln {

// ---- Array operators ------------------------------------------------------------------------------------------------

#define KILN_ARRAY_BINARY(name)                                      \
  KILN_API Array name(const ArrayOperand& a, const ArrayOperand& b); \
  KILN_API Array name(const ArrayOperand& a, const Operand& b);      \
  KILN_API Array name(const Operand& a, const ArrayOperand& b);
#define KILN_ARRAY_TERNARY(name)                                                            \
  KILN_API Array name(const ArrayOperand& a, const ArrayOperand& b, const ArrayOperand& c); \
  KILN_API Array name(const ArrayOperand& a, const ArrayOperand& b, const Operand& c);      \
  KILN_API Array name(const ArrayOperand& a, const Operand& b, const ArrayOperand& c);      \
  KILN_API Array name(const ArrayOperand& a, const Operand& b, const Operand& c);           \
  KILN_API Array name(const Operand& a, const ArrayOperand& b, const ArrayOperand& c);      \
  KILN_API Array name(const Operand& a, const ArrayOperand& b, const Operand& c);           \
  KILN_API Array name(const Operand& a, const Operand& b, const ArrayOperand& c);
KILN_ARRAY_BINARY(operator+)
KILN_ARRAY_BINARY(operator-)
KILN_ARRAY_BINARY(operator*)
KILN_ARRAY_BINARY(operator/)
KILN_ARRAY_BINARY(operator%)
KILN_ARRAY_BINARY(operator&)
KILN_ARRAY_BINARY(operator|)
KILN_ARRAY_BINARY(operator^)
KILN_ARRAY_BINARY(operator<<)
KILN_ARRAY_BINARY(operator>>)
KILN_ARRAY_BINARY(operator<)
KILN_ARRAY_BINARY(operator<=)
KILN_ARRAY_BINARY(operator>)
KILN_ARRAY_BINARY(operator>=)
KILN_ARRAY_BINARY(operator==)
KILN_ARRAY_BINARY(operator!=)
KILN_ARRAY_BINARY(operator&&)
KILN_ARRAY_BINARY(operator||)
KILN_API Array operator-(const ArrayOperand& a);
/// A copy; of bools an error, as in NumPy.
KILN_API Array operator+(const ArrayOperand& a);
KILN_API Array operator~(const ArrayOperand& a);
KILN_API Array operator!(const ArrayOperand& a);

// ---- Elementwise functions, from the table --------------------------------------------------------------------------
//
// complex(re, im) makes complex numbers, c64 of floats up to 32 bits, else c128; real, imag, angle and abs of them are
// real; conj is the conjugate. Of real numbers real and conj are x itself, imag is 0. Complex numbers compare as
// NumPy's, by their real parts first. Their functions give the infinities and zeros of C's Annex G; with n = |w -
// exact| / |exact| the error is below 1.0e-7 for c64, which computes in f64, and 4e-15 for c128 (pow: times 1 + |b log
// a|).

#define KILN_DECLARE_1(name)             \
  KILN_API Value name(const Operand& x); \
  KILN_API Array name(const ArrayOperand& x);
#define KILN_DECLARE_2(name)                               \
  KILN_API Value name(const Operand& a, const Operand& b); \
  KILN_ARRAY_BINARY(name)
#define KILN_DECLARE_3(name)                                                 \
  KILN_API Value name(const Operand& a, const Operand& b, const Operand& c); \
  KILN_ARRAY_TERNARY(name)
#define KILN_OPERATOR(name, spelling, arity, rule, cuda, ulp, cost)
#define KILN_FUNCTION(name, spelling, arity, rule, cuda, ulp, cost) KILN_DECLARE_##arity(name)
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
#undef KILN_DECLARE_1
#undef KILN_DECLARE_2
#undef KILN_DECLARE_3

// abs(double) of a plain number must not find only ::abs(int).
using std::abs;

KILN_API Value min(const Operand& a, const Operand& b);
KILN_API Value max(const Operand& a, const Operand& b);
/// minimum(maximum(x, lo), hi).
KILN_API Value clip(const Operand& x, const Operand& lo, const Operand& hi);
KILN_ARRAY_TERNARY(clip)

/// x · 2^n, rounded once, in the dtype of a floating function of x; n is a signed integer.
KILN_API Value ldexp(const Operand& x, const Operand& n);
KILN_ARRAY_BINARY(ldexp)
/// A significand of magnitude in [½, 1) and the exponent of two as i32: x = significand · 2^exponent. Zeros, infinities
/// and NaNs give themselves and 0.
KILN_API std::tuple<Value, Value> frexp(const Operand& x);
KILN_API std::tuple<Array, Array> frexp(const ArrayOperand& x);
/// The fraction and the whole part, rounded towards zero, both with the sign of x.
KILN_API std::tuple<Value, Value> modf(const Operand& x);
KILN_API std::tuple<Array, Array> modf(const ArrayOperand& x);

/// floordiv(a, b) and a % b.
KILN_API std::tuple<Value, Value> divmod(const Operand& a, const Operand& b);
KILN_API std::tuple<Array, Array> divmod(const ArrayOperand& a, const ArrayOperand& b);
KILN_API std::tuple<Array, Array> divmod(const ArrayOperand& a, const Operand& b);
KILN_API std::tuple<Array, Array> divmod(const Operand& a, const ArrayOperand& b);
/// pow in f64, or c128 where an operand is complex.
KILN_API Value float_power(const Operand& a, const Operand& b);
KILN_ARRAY_BINARY(float_power)
/// Other names of deg2rad and rad2deg.
KILN_API Value radians(const Operand& x);
KILN_API Array radians(const ArrayOperand& x);
KILN_API Value degrees(const Operand& x);
KILN_API Array degrees(const ArrayOperand& x);

/// x where c holds, y elsewhere. Loads in the side that is not chosen are not performed.
KILN_API Value where(const Operand& c, const Operand& x, const Operand& y);
KILN_ARRAY_TERNARY(where)
#undef KILN_ARRAY_BINARY
#undef KILN_ARRAY_TERNARY

// ---- Updates that tell what was there -------------------------------------------------------------------------------

/// a(i) + x, the smaller, the larger or x itself takes the place of a(i), in one step that no other iteration of a
/// prange comes between; the result is what was there. The order in which iterations come is not defined. For bool,
/// integers and floats; x must be of a dtype that the array's can hold, as for `a(i) += x`. Where nobody asks what was
/// there, `a(i) += x`, `.min(x)` and `.max(x)` do the same and may be faster.
KILN_API Value atomic_add(Element&& element, const Operand& x);
KILN_API Value atomic_min(Element&& element, const Operand& x);
KILN_API Value atomic_max(Element&& element, const Operand& x);
KILN_API Value atomic_exchange(Element&& element, const Operand& x);
/// `desired` takes the element's place if it equals `expected` (as == compares: a NaN equals nothing); the result is
/// what was there, so that it equals `expected` exactly if the exchange happened.
KILN_API Value atomic_cas(Element&& element, const Operand& expected, const Operand& desired);

// ---- Reductions -----------------------------------------------------------------------------------------------------

/// The axes of a reduction; negative ones count from the end. None given: all of them.
struct Axes {
  std::int8_t values[max_rank] = {};
  std::int8_t count = 0;

  Axes() = default;
  Axes(int axis) : values{static_cast<std::int8_t>(axis)}, count(1) {}
  Axes(std::initializer_list<int> axes) {
    for (int axis : axes)
      if (count < max_rank) values[count++] = static_cast<std::int8_t>(axis);
  }
};

/// An option that may be left out. (std::optional would bring its header into every program.)
template <class T>
class Optional {
 public:
  Optional() = default;
  template <class U>
    requires std::convertible_to<const U&, T>
  Optional(const U& x) : value_(x), given_(true) {}
  template <class U>
    requires std::convertible_to<const U&, T>
  void emplace(const U& x) {
    value_.~T();
    new (&value_) T(x);
    given_ = true;
  }
  bool has_value() const { return given_; }
  explicit operator bool() const { return given_; }
  const T& operator*() const { return value_; }

 private:
  static T none() {
    if constexpr (std::is_default_constructible_v<T>)
      return T();
    else
      return T(0);
  }
  T value_ = none();
  bool given_ = false;
};

/// Options of a reduction, `sum(x, {.axis = 1, .keepdims = true})`. A reduction takes those that NumPy's function of
/// its name takes; another is a UsageError.
struct Reduce {
  /// The axes that are reduced; the others stay. argmin, argmax and their kin take one, or all by taking none.
  Axes axis{};
  /// The reduced axes stay, of extent 1.
  bool keepdims = false;
  /// The dtype that elements are cast to before they are added, multiplied or averaged, and that the result has.
  Optional<DType> dtype{};
  /// A bool array that broadcasts to the reduced one: where it is false the element is left out.
  Array where{};
  /// A number that takes part as if it were one more element; then an empty array has a min and a max too.
  Optional<Value> initial{};
  /// variance and stddev divide by the number of elements less this one; 0 without it.
  Optional<int> ddof{};
};

/// Reductions: without options over everything, a Value; with them an Array, of rank 0 where no axis is left. Each has
/// one order, the same for any number of threads and any vector width. Throws IndexError for an axis that is not there,
/// UsageError for an option that the function does not take, DTypeError and ShapeError for one that does not fit.
///
/// sum, prod: bools and small integers are added in i64 or u64, f16 and bf16 in f32 and rounded once; 0 and 1 of
/// nothing. min, max: NaN where there is one. Of nothing a ShapeError, unless `initial` is given; `where` asks for
/// `initial`. mean, variance, stddev: of integers f64. The mean of nothing is NaN; the variance is the mean of the
/// squared distances from the mean, in two passes, divided by max(n - ddof, 0) in place of n. any, all: whether
/// elements other than 0 are there, whether all are. argmin, argmax: the index, i64, of the first smallest or largest
/// element; of the first NaN where there is one. Over everything it counts in C order. Of nothing a ShapeError.
/// count_nonzero: how many elements are not 0, i64.
/// ptp: max - min.
///
/// nansum, nanprod, nanmin, nanmax, nanmean, nanvariance, nanstddev, nanargmin, nanargmax: as if NaNs were not there.
/// Where nothing but NaN is, nansum is 0, nanprod 1, nanargmin and nanargmax are -1, which is no element's index (NumPy
/// raises an error: a loop in flight has none), the others NaN; nanvariance is NaN too where n - ddof is not positive.
#define KILN_REDUCTION(name, of, nan, taken)                         \
  KILN_API Value name(const ArrayOperand& x);                        \
  KILN_API Array name(const ArrayOperand& x, const Reduce& options); \
  template <std::integral I>                                         \
  Array name(const ArrayOperand&, I) = delete; /* an axis or a number? {.axis = 1}, or maximum(x, 1) */
#include <kiln/reductions.def>
#undef KILN_REDUCTION

/// Cumulative sums and products: element k is the sum of the first k + 1, added one after the other. Along the option
/// axis, or, without it, over everything in C order, of rank 1. The dtypes are those of sum and prod; the option dtype
/// is taken too. Throws as the reductions do.
KILN_API Array cumsum(const ArrayOperand& x, const Reduce& options = {});
KILN_API Array cumprod(const ArrayOperand& x, const Reduce& options = {});
template <std::integral I>
Array cumsum(const ArrayOperand&, I) = delete; /* {.axis = 1} */
template <std::integral I>
Array cumprod(const ArrayOperand&, I) = delete;

/// Sum of the diagonal of a matrix.
KILN_API Value trace(const ArrayOperand& a);
/// Sum of the products of two 1-d arrays; each product is rounded, then added.
KILN_API Value dot(const ArrayOperand& a, const ArrayOperand& b);
/// The matrix product of arrays of rank 2 and 1 (a row on the left, a column on the right): each product is rounded,
/// then added. Of two arrays of rank 1 it is an array of rank 0; dot gives the Value.
KILN_API Array matmul(const ArrayOperand& a, const ArrayOperand& b);
/// Whether |a - b| <= atol + rtol * |b| everywhere (NumPy's definition and defaults); NaN is close to nothing.
KILN_API Value allclose(const ArrayOperand& a, const ArrayOperand& b, double rtol = 1e-5, double atol = 1e-8);
KILN_API Value array_equal(const ArrayOperand& a, const ArrayOperand& b);

// ---- Shape ----------------------------------------------------------------------------------------------------------

/// The diagonal of the first two axes, as a view.
KILN_API Array diagonal(const ArrayOperand& a);
KILN_API Array transpose(const ArrayOperand& a);
KILN_API Array reshape(const ArrayOperand& a, const Shape& shape);
KILN_API Array broadcast_to(const ArrayOperand& a, const Shape& shape);
/// Views, as NumPy's: axes of extent 1 dropped (without axes outside a traced function only), added, moved, exchanged,
/// and axes run backwards (all, or these). A negative axis counts from the end.
KILN_API Array squeeze(const ArrayOperand& a);
KILN_API Array squeeze(const ArrayOperand& a, const Axes& axes);
KILN_API Array expand_dims(const ArrayOperand& a, const Axes& axes);
KILN_API Array moveaxis(const ArrayOperand& a, const Axes& from, const Axes& to);
KILN_API Array swapaxes(const ArrayOperand& a, int first, int second);
KILN_API Array flip(const ArrayOperand& a);
KILN_API Array flip(const ArrayOperand& a, const Axes& axes);
/// Copies: with the elements of an axis moved on by `shift` places, those that leave the end coming in at the start
/// (without an axis: of all elements in C order); arrays one after the other along an axis they have, and side by side
/// along a new one. Their dtypes promote; other extents must be equal, else a ShapeError.
KILN_API Array roll(const ArrayOperand& a, const Operand& shift);
KILN_API Array roll(const ArrayOperand& a, const Operand& shift, int axis);
KILN_API Array concatenate(std::initializer_list<ArrayOperand> arrays, int axis = 0);
KILN_API Array concatenate(std::span<const Array> arrays, int axis = 0, Location l = Location::current());
KILN_API Array stack(std::initializer_list<ArrayOperand> arrays, int axis = 0);
KILN_API Array stack(std::span<const Array> arrays, int axis = 0, Location l = Location::current());
/// Views of an axis cut in so many equal parts (ShapeError if it cannot be), or before these indices, which are clamped
/// as the bounds of a slice.
KILN_API std::vector<Array> split(const ArrayOperand& a, int parts, int axis = 0);
KILN_API std::vector<Array> split(const ArrayOperand& a, std::initializer_list<std::int64_t> before, int axis = 0);
/// The elements of an axis (without one: of all elements in C order) at these indices, as a(indices).
KILN_API Array take(const ArrayOperand& a, const ArrayOperand& indices);
KILN_API Array take(const ArrayOperand& a, const ArrayOperand& indices, int axis);
/// Copies: each element `times` times, and the array `times` times, along an axis.
KILN_API Array repeat(const ArrayOperand& a, const Operand& times, int axis);
KILN_API Array tile(const ArrayOperand& a, const Operand& times, int axis);
/// Each element less the one before it along an axis (of bools whether they differ).
KILN_API Array diff(const ArrayOperand& a, int axis = -1);
/// The products of all pairs of elements, rank 2.
KILN_API Array outer(const ArrayOperand& a, const ArrayOperand& b);
/// The last two axes with 0 below (above) the k-th diagonal.
KILN_API Array triu(const ArrayOperand& a, const Operand& k = 0);
KILN_API Array tril(const ArrayOperand& a, const Operand& k = 0);

// ---- Creation -------------------------------------------------------------------------------------------------------

KILN_API Array empty(const Shape& shape, DType dtype = f64, Location l = Location::current());
KILN_API Array zeros(const Shape& shape, DType dtype = f64, Location l = Location::current());
KILN_API Array ones(const Shape& shape, DType dtype = f64, Location l = Location::current());
KILN_API Array full(const Shape& shape, const Operand& x);
KILN_API Array full(const Shape& shape, const Operand& x, DType dtype);
KILN_API Array empty_like(const ArrayOperand& a);
KILN_API Array zeros_like(const ArrayOperand& a);
KILN_API Array ones_like(const ArrayOperand& a);
KILN_API Array full_like(const ArrayOperand& a, const Operand& x);
/// 0, 1, … n - 1: i64, or the float dtype of a float n.
KILN_API Array arange(const Operand& n);
KILN_API Array arange(const Operand& begin, const Operand& end);
KILN_API Array arange(const Operand& begin, const Operand& end, const Operand& step);
/// count numbers from first to last, both included, f64.
KILN_API Array linspace(const Operand& first, const Operand& last, const Operand& count);
KILN_API Array eye(const Operand& n, DType dtype = f64);

namespace detail {
KILN_API Array array_of(const void* numbers, DType dtype, std::int64_t count, const Location& where);
}
/// A 1-d array that copies these numbers.
template <Number T>
Array array(std::span<const T> numbers, Location l = Location::current()) {
  return detail::array_of(numbers.data(), dtype_of<T>(), static_cast<std::int64_t>(numbers.size()), l);
}
template <Number T>
Array array(const std::vector<T>& numbers, Location l = Location::current()) {
  return detail::array_of(numbers.data(), dtype_of<T>(), static_cast<std::int64_t>(numbers.size()), l);
}
/// An array over memory of the caller's, C order and aligned, which must outlive it. Nothing is copied or freed.
KILN_API Array borrow(void* data, DType dtype, std::span<const std::int64_t> extents, Location l = Location::current());
inline Array borrow(void* data, DType dtype, std::initializer_list<std::int64_t> extents,
                    Location l = Location::current()) {
  return borrow(data, dtype, std::span<const std::int64_t>(extents.begin(), extents.size()), l);
}

// ---- Files ----------------------------------------------------------------------------------------------------------

/// An array from a .npy file (format 1 to 3, C or Fortran order, either byte order). Throws RuntimeError naming the
/// file and what is wrong with it.
KILN_API Array load(const char* path, Location l = Location::current());
/// Writes a .npy file, C order.
KILN_API void save(const char* path, const ArrayOperand& a);

}  // namespace kiln
