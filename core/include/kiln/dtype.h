// Element types: fifteen dtypes as objects that also cast, and how they promote (NumPy 2's rules).
#pragma once

#include <kiln/export.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <type_traits>

namespace kiln {

class Value;
class Array;
struct Operand;
struct ArrayOperand;

enum class TypeCode : std::uint8_t { bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64, c64, c128 };
inline constexpr int type_code_count = 15;

enum class TypeKind : std::uint8_t { boolean, signed_integer, unsigned_integer, floating, complex };

/// The type of an array's elements. Calling one casts: `f32(x)`, `i64(array)`. A complex number has no cast to a real
/// dtype but bool, which would drop its imaginary part: a DTypeError; real(z) takes the part.
class DType {
 public:
  constexpr DType() = default;
  constexpr explicit DType(TypeCode code) : code_(code) {}

  constexpr TypeCode code() const { return code_; }
  constexpr std::size_t size() const {
    constexpr std::uint8_t sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
    return sizes[static_cast<int>(code_)];
  }
  constexpr TypeKind kind() const {
    if (code_ == TypeCode::bool_) return TypeKind::boolean;
    if (code_ <= TypeCode::i64) return TypeKind::signed_integer;
    if (code_ <= TypeCode::u64) return TypeKind::unsigned_integer;
    return code_ <= TypeCode::f64 ? TypeKind::floating : TypeKind::complex;
  }
  constexpr bool is_bool() const { return code_ == TypeCode::bool_; }
  constexpr bool is_integer() const { return code_ >= TypeCode::i8 && code_ <= TypeCode::u64; }
  constexpr bool is_floating() const { return code_ >= TypeCode::f16 && code_ <= TypeCode::f64; }
  constexpr bool is_complex() const { return code_ >= TypeCode::c64; }
  /// "bool", "i8", … "c128"
  KILN_API const char* name() const;

  KILN_API Value operator()(const Operand& x) const;
  KILN_API Array operator()(const ArrayOperand& x) const;

  friend constexpr bool operator==(DType, DType) = default;

 private:
  TypeCode code_ = TypeCode::f64;
};
static_assert(sizeof(DType) == 1);

KILN_API std::ostream& operator<<(std::ostream& out, DType dtype);

inline constexpr DType bool_{TypeCode::bool_};
inline constexpr DType i8{TypeCode::i8}, i16{TypeCode::i16}, i32{TypeCode::i32}, i64{TypeCode::i64};
inline constexpr DType u8{TypeCode::u8}, u16{TypeCode::u16}, u32{TypeCode::u32}, u64{TypeCode::u64};
inline constexpr DType f16{TypeCode::f16}, bf16{TypeCode::bf16}, f32{TypeCode::f32}, f64{TypeCode::f64};
inline constexpr DType c64{TypeCode::c64}, c128{TypeCode::c128};

/// How much a scalar's dtype counts when it meets another (NEP 50): C++ integer, double and std::complex<double>
/// literals and arguments, loop indices and shapes are weak; array elements, casts and C++ floats are strong.
enum class Strength : std::uint8_t { strong, weak };

struct Type {
  DType dtype;
  Strength strength = Strength::strong;
  constexpr bool weak() const { return strength == Strength::weak; }
  friend constexpr bool operator==(Type, Type) = default;
};

/// NumPy's result_type of two strong dtypes.
KILN_API DType promote(DType a, DType b);
/// The same with weak scalars: a weak one takes the other's dtype where the kinds allow it, else i64, f64 or c128; a
/// weak complex number with a float of up to 32 bits is c64.
KILN_API Type promote(Type a, Type b);
/// The type a Var has that is assigned values of both types: as promote, but a weak int joined with any integer is i64.
KILN_API Type join(Type a, Type b);

/// std::complex<float> and std::complex<double>, told by their members: <complex> costs as much as all of Kiln's
/// headers.
template <class T>
concept ComplexNumber = requires(const T& x, typename T::value_type part) {
  requires std::same_as<typename T::value_type, float> || std::same_as<typename T::value_type, double>;
  requires sizeof(T) == 2 * sizeof(part);
  requires std::same_as<decltype(x.real()), decltype(part)> && std::same_as<decltype(x.imag()), decltype(part)>;
  T(part, part);
};

/// C++ numbers that Kiln takes as scalars (char is text, not a number).
template <class T>
concept Number =
    (std::is_arithmetic_v<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
     !std::same_as<T, char16_t> && !std::same_as<T, char32_t> && !std::same_as<T, long double>) ||
    ComplexNumber<T>;

/// The type of a C++ number as an operand: bool, float and std::complex<float> are strong, integers, double and
/// std::complex<double> are weak.
template <Number T>
constexpr Type type_of_number() {
  if constexpr (ComplexNumber<T>)
    return sizeof(T) == 8 ? Type{c64, Strength::strong} : Type{c128, Strength::weak};
  else if constexpr (std::same_as<T, bool>)
    return {bool_, Strength::strong};
  else if constexpr (std::same_as<T, float>)
    return {f32, Strength::strong};
  else if constexpr (std::is_floating_point_v<T>)
    return {f64, Strength::weak};
  else
    return {i64, Strength::weak};
}

/// The dtype an array of T has.
template <class T>
constexpr DType dtype_of() {
  if constexpr (ComplexNumber<T>)
    return sizeof(T) == 8 ? c64 : c128;
  else if constexpr (std::same_as<T, bool>)
    return bool_;
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? f32 : f64;
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1 ? i8 : sizeof(T) == 2 ? i16 : sizeof(T) == 4 ? i32 : i64;
  else
    return sizeof(T) == 1 ? u8 : sizeof(T) == 2 ? u16 : sizeof(T) == 4 ? u32 : u64;
}

}  // namespace kiln
