// Value, one scalar that never changes, and Var, one scalar that can be assigned: numbers outside a trace, symbols
// inside.
#pragma once

#include <kiln/dtype.h>
#include <kiln/export.h>
#include <kiln/location.h>

#include <concepts>
#include <cstdint>

namespace kiln {

class Var;

namespace detail {
struct Access;  // the library's own view of the private parts below

/// A number of any dtype: bool and integers in `i` (u64 by its bits), floats of every width in `re`, complex in both.
struct Number16 {
  union {
    std::int64_t i = 0;
    double re;
  };
  double im = 0;
};
static_assert(sizeof(Number16) == 16);
}  // namespace detail

/// One scalar. Outside a traced function it is a number; inside it stands for one that will be computed. It has no
/// assignment: what changes is a Var.
class KILN_API Value {
 public:
  template <Number T>
  Value(T x) : type_(type_of_number<T>()) {
    if constexpr (ComplexNumber<T>) {
      number_.re = x.real();
      number_.im = x.imag();
    } else if constexpr (std::is_floating_point_v<T>)
      number_.re = static_cast<double>(x);
    else
      number_.i = static_cast<std::int64_t>(x);
  }
  Value(const Var& var, Location where = Location::current());
  Value(const Value&) = default;
  Value& operator=(const Value&) = delete;

  DType dtype() const { return type_.dtype; }

  /// The number, outside a traced function. Throws UsageError inside one, where there is no number yet, and DTypeError
  /// where a complex number becomes a real one.
  template <Number T>
    requires(!std::same_as<T, bool>)
  explicit operator T() const {
    // A conversion cannot take the caller's line: an error names the newest line known.
    if constexpr (ComplexNumber<T>) {
      const detail::Number16 z = as_complex(Location());
      return T(static_cast<typename T::value_type>(z.re), static_cast<typename T::value_type>(z.im));
    } else if constexpr (std::is_floating_point_v<T>)
      return static_cast<T>(as_double(Location()));
    else
      return static_cast<T>(as_integer(Location()));
  }
  double as_double(Location where = Location::current()) const;
  std::int64_t as_integer(Location where = Location::current()) const;
  bool as_bool(Location where = Location::current()) const;

 protected:
  friend detail::Access;
  Value() = default;
  detail::Number16 as_complex(Location where) const;

  Type type_{i64, Strength::weak};
  bool traced_ = false;
  std::uint32_t scope_ = 0;  // traced: the scope it was made in; it may not be used outside
  std::uint64_t trace_ = 0;  // traced: which trace it belongs to
  detail::Number16 number_;  // traced: the node's id in number_.i
};

/// What every scalar function takes: a value and the line of the user's code that wrote it.
struct Operand {
  Value value;
  Location where;

  Operand(const Value& x, Location l = Location::current()) : value(x), where(l) {}
  KILN_API Operand(const Var& x, Location l = Location::current());
  template <Number T>
  Operand(T x, Location l = Location::current()) : value(x), where(l) {}
};

/// One scalar that can be assigned, the only thing a traced loop can carry. A copy is a new variable, as with double.
/// Its dtype is the join of everything that is assigned to it, unless given: `Var s(0.0, f32)`. Outside a traced
/// function later assignments are not known yet: there it is the join of what has been assigned so far, and only
/// widens. What is read before an assignment that widens it has the narrower dtype (after `Var s = 0; y = s / 3; s =
/// f32(x)` y is f64, in a trace f32): start it with the widest, or give the dtype, where that matters.
class KILN_API Var {
 public:
  template <Number T>
  Var(T x, Location l = Location::current()) : Var(Operand(x, l)) {}
  template <Number T>
  Var(T x, DType dtype, Location l = Location::current()) : Var(Operand(x, l), dtype) {}
  template <std::derived_from<Value> V>
  Var(const V& x, Location l = Location::current()) : Var(Operand(static_cast<const Value&>(x), l)) {}
  explicit Var(const Operand& x);
  Var(const Operand& x, DType dtype);
  Var(const Var& other, Location l = Location::current()) : Var(Operand(other, l)) {}

  // `x = y` takes this one too, through Operand, which knows the line: the copy assignment is for rvalues alone.
  Var& operator=(const Operand& x) &;
  Var& operator=(const Var& x) && = delete;

  Var& operator+=(const Operand& x);
  Var& operator-=(const Operand& x);
  Var& operator*=(const Operand& x);
  Var& operator/=(const Operand& x);
  Var& operator%=(const Operand& x);
  Var& operator&=(const Operand& x);
  Var& operator|=(const Operand& x);
  Var& operator^=(const Operand& x);
  Var& operator<<=(const Operand& x);
  Var& operator>>=(const Operand& x);
  Var& operator++();
  Var& operator--();
  void operator++(int) { ++*this; }
  void operator--(int) { --*this; }
  void min(const Operand& x);
  void max(const Operand& x);

  DType dtype() const;
  template <Number T>
    requires(!std::same_as<T, bool>)
  explicit operator T() const {
    return static_cast<T>(Value(*this));
  }

 private:
  friend detail::Access;
  Value current_;               // outside a trace: the number
  bool fixed_ = false;          // outside: declared with a dtype
  std::uint32_t variable_ = 0;  // inside: which variable
};

#define KILN_SCALAR_BINARY(op) KILN_API Value operator op(const Operand& a, const Operand& b);
KILN_SCALAR_BINARY(+)
KILN_SCALAR_BINARY(-)
KILN_SCALAR_BINARY(*)
KILN_SCALAR_BINARY(/)
KILN_SCALAR_BINARY(%)
KILN_SCALAR_BINARY(&)
KILN_SCALAR_BINARY(|)
KILN_SCALAR_BINARY(^)
KILN_SCALAR_BINARY(<<)
KILN_SCALAR_BINARY(>>)
KILN_SCALAR_BINARY(<)
KILN_SCALAR_BINARY(<=)
KILN_SCALAR_BINARY(>)
KILN_SCALAR_BINARY(>=)
KILN_SCALAR_BINARY(==)
KILN_SCALAR_BINARY(!=)
/// The right side's loads happen only where the left side leaves the answer open.
KILN_SCALAR_BINARY(&&)
KILN_SCALAR_BINARY(||)
#undef KILN_SCALAR_BINARY
KILN_API Value operator-(const Operand& a);
KILN_API Value operator+(const Operand& a);
KILN_API Value operator~(const Operand& a);
KILN_API Value operator!(const Operand& a);

KILN_API std::ostream& operator<<(std::ostream& out, const Value& x);

}  // namespace kiln
