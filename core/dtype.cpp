// Names of the dtypes and how they promote: NumPy 2's result_type, and the same with weak scalars.
#include <kiln/dtype.h>

#include <algorithm>
#include <ostream>

namespace kiln {
namespace {

bool is_signed(DType dtype) { return dtype.kind() == TypeKind::signed_integer; }

// The smallest floating dtype that takes an integer or bool: NumPy's choice, by size.
DType floating_for(DType dtype) {
  if (dtype.is_floating()) return dtype;
  return dtype.size() == 1 ? f16 : dtype.size() == 2 ? f32 : f64;
}

DType promote_integers(DType a, DType b) {
  if (is_signed(a) == is_signed(b)) return a.size() >= b.size() ? a : b;
  const DType with_sign = is_signed(a) ? a : b;
  const DType without = is_signed(a) ? b : a;
  if (with_sign.size() > without.size()) return with_sign;
  switch (without.size()) {
    case 1: return i16;
    case 2: return i32;
    case 4: return i64;
    default: return f64;  // no integer holds both u64 and a negative number
  }
}

DType promote_floating(DType a, DType b) {
  // bf16 has f32's range, so bytes and bool fit as well as they do f16; neither of bf16 and f16 holds the other.
  if (a == bf16 || b == bf16) {
    const DType other = a == bf16 ? b : a;
    if (other == bf16 || (!other.is_floating() && other.size() == 1)) return bf16;
    if (other == f16) return f32;
    return floating_for(other);
  }
  const DType x = floating_for(a);
  const DType y = floating_for(b);
  return x.size() >= y.size() ? x : y;
}

DType promote_complex(DType a, DType b) {
  const auto needs_128 = [](DType dtype) {
    return dtype.is_complex() ? dtype == c128 : !dtype.is_bool() && floating_for(dtype) == f64;
  };
  return needs_128(a) || needs_128(b) ? c128 : c64;
}

// Kinds as NEP 50 compares them: bool, integer, floating, complex.
int kind_rank(DType dtype) {
  switch (dtype.kind()) {
    case TypeKind::boolean: return 0;
    case TypeKind::signed_integer:
    case TypeKind::unsigned_integer: return 1;
    case TypeKind::floating: return 2;
    default: return 3;
  }
}

}  // namespace

const char* DType::name() const {
  static constexpr const char* names[type_code_count] = {"bool", "i8",  "i16",  "i32", "i64", "u8",  "u16", "u32",
                                                         "u64",  "f16", "bf16", "f32", "f64", "c64", "c128"};
  return names[static_cast<int>(code_)];
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << dtype.name(); }

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a.is_complex() || b.is_complex()) return promote_complex(a, b);
  if (a.is_bool()) return b;
  if (b.is_bool()) return a;
  if (a.is_floating() || b.is_floating()) return promote_floating(a, b);
  return promote_integers(a, b);
}

Type promote(Type a, Type b) {
  if (a.strength == b.strength) return {promote(a.dtype, b.dtype), a.strength};
  const DType weak = a.weak() ? a.dtype : b.dtype;
  const DType strong = a.weak() ? b.dtype : a.dtype;
  // A weak scalar of no higher kind takes the strong dtype; of a higher kind it brings i64, f64 or c128 along, but c64
  // for a float that is no wider.
  if (kind_rank(weak) <= kind_rank(strong)) return {strong, Strength::strong};
  if (weak.is_complex() && strong.is_floating()) return {promote(strong, c64), Strength::strong};
  return {promote(strong, weak), Strength::strong};
}

Type join(Type a, Type b) {
  const bool one_weak = a.weak() != b.weak();
  if (one_weak && a.dtype.is_integer() && b.dtype.is_integer()) return {i64, Strength::strong};
  return promote(a, b);
}

}  // namespace kiln
