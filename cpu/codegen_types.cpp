// How dtypes are represented, in registers and in memory, and casts between them, for numbers and for vectors alike.
//
// In registers f16 and bf16 are floats that hold an exactly representable number, a bool is an i1 or, across lanes, an
// integer as wide as the widest computed type that is all ones or zero: masks that pass through memory or phis as i1
// vectors would be packed and unpacked each time. A complex number is a struct of its parts, numbers or vectors; in
// memory the parts alternate.
#include "cpu/codegen.h"

#include <bit>

#include <kiln/error.h>

namespace kiln::on_cpu {

using ir::part_dtype;
using llvm::Intrinsic::ID;

llvm::Type* Generator::memory_type(DType dtype) const {
  switch (dtype.code()) {
    case TypeCode::bool_:
    case TypeCode::i8:
    case TypeCode::u8: return i8_;
    case TypeCode::i16:
    case TypeCode::u16:
    case TypeCode::f16:
    case TypeCode::bf16: return i16_;
    case TypeCode::i32:
    case TypeCode::u32: return i32_;
    case TypeCode::i64:
    case TypeCode::u64: return i64_;
    case TypeCode::f32: return f32_;
    case TypeCode::f64: return f64_;
    case TypeCode::c64:
    case TypeCode::c128: return llvm::StructType::get(memory_type(part_dtype(dtype)), memory_type(part_dtype(dtype)));
  }
  throw InternalError("no such dtype");
}

llvm::Type* Generator::register_type(DType dtype) const {
  if (dtype.is_bool()) return bit_;
  if (dtype == f16 || dtype == bf16) return f32_;
  return memory_type(dtype);
}

llvm::FixedVectorType* Generator::mask_type() const {
  return llvm::FixedVectorType::get(llvm::IntegerType::get(context_, static_cast<unsigned>(lanes_->bits)),
                                    static_cast<unsigned>(lanes_->width));
}

llvm::Type* Generator::lane_type(DType dtype, bool is_narrow) const {
  if (dtype.is_bool()) return mask_type();
  if (dtype.is_complex()) {
    Type* part = lane_type(part_dtype(dtype), false);
    return llvm::StructType::get(part, part);
  }
  return llvm::FixedVectorType::get(is_narrow ? i32_ : register_type(dtype), static_cast<unsigned>(lanes_->width));
}

llvm::Type* Generator::shaped(Value* shape, Type* element) const {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(shape->getType());
  return vector != nullptr ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

llvm::Value* Generator::like(Value* shape, Type* element, double number) {
  return llvm::ConstantFP::get(shaped(shape, element), number);
}

llvm::Value* Generator::like(Value* shape, Type* element, std::uint64_t number) {
  const unsigned bits = element->getIntegerBitWidth();
  return llvm::ConstantInt::get(shaped(shape, element), bits < 64 ? number & ((std::uint64_t{1} << bits) - 1) : number);
}

llvm::Value* Generator::constant(DType dtype, const detail::Number16& number) {
  if (dtype.is_complex()) {
    Type* part = register_type(part_dtype(dtype));
    return llvm::ConstantStruct::getAnon(
        {llvm::ConstantFP::get(part, number.re), llvm::ConstantFP::get(part, number.im)});
  }
  if (dtype.is_floating()) return llvm::ConstantFP::get(register_type(dtype), number.re);
  if (dtype.is_bool()) return builder_.getInt1(number.i != 0);
  const auto bits = static_cast<unsigned>(dtype.size() * 8);
  return llvm::ConstantInt::get(context_, llvm::APInt(64, static_cast<std::uint64_t>(number.i)).trunc(bits));
}

// The value that changes nothing: x op identity is x, bit for bit.
llvm::Value* Generator::identity(ir::Op op, DType dtype) {
  if (dtype.is_complex()) {
    Value* re = identity(op, part_dtype(dtype));
    return pair(re, op == ir::Op::multiply ? llvm::Constant::getNullValue(re->getType()) : re);
  }
  Type* type = register_type(dtype);
  const auto bits = static_cast<unsigned>(dtype.size() * 8);
  switch (op) {
    case ir::Op::add:
      return dtype.is_floating() ? llvm::ConstantFP::getNegativeZero(type) : llvm::Constant::getNullValue(type);
    case ir::Op::multiply:
      return dtype.is_floating() ? llvm::ConstantFP::get(type, 1.0) : llvm::ConstantInt::get(type, 1);
    case ir::Op::bit_and: return llvm::Constant::getAllOnesValue(type);
    case ir::Op::bit_or:
    case ir::Op::bit_xor: return llvm::Constant::getNullValue(type);
    case ir::Op::minimum:
    case ir::Op::maximum: {
      const bool low = op == ir::Op::maximum;
      if (dtype.is_floating()) return llvm::ConstantFP::getInfinity(type, low);
      if (dtype.is_bool()) return builder_.getInt1(!low);
      if (dtype.kind() == TypeKind::signed_integer)
        return llvm::ConstantInt::get(
            context_, low ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getSignedMaxValue(bits));
      return llvm::ConstantInt::get(context_, low ? llvm::APInt(bits, 0) : llvm::APInt::getAllOnes(bits));
    }
    case ir::Op::fmin:
    case ir::Op::fmax:
      if (dtype.is_floating()) return llvm::ConstantFP::getNaN(type);
      return identity(op == ir::Op::fmin ? ir::Op::minimum : ir::Op::maximum, dtype);
    default: throw InternalError("a reduction with an operation that has no identity");
  }
}

// A condition as what select and branches take.
llvm::Value* Generator::truth(Value* condition) {
  if (!condition->getType()->isVectorTy() || condition->getType()->isIntOrIntVectorTy(1)) return condition;
  return builder_.CreateICmpSLT(condition, llvm::Constant::getNullValue(condition->getType()));
}

llvm::Value* Generator::as_bool(Value* bits) {
  return bits->getType()->isVectorTy() ? builder_.CreateSExt(bits, mask_type()) : bits;
}

llvm::Value* Generator::from_memory(Value* value, DType dtype) {
  if (dtype.is_bool()) return as_bool(builder_.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType())));
  if (dtype == f16 || dtype == bf16) return half_value(value, dtype);
  if (dtype.is_complex() && value->getType()->isVectorTy()) return parts_of_pairs(value);
  return value;
}

llvm::Value* Generator::to_memory(Value* value, DType dtype) {
  if (dtype.is_bool()) {
    if (!value->getType()->isVectorTy()) return builder_.CreateZExt(value, i8_);
    return builder_.CreateAnd(builder_.CreateZExtOrTrunc(value, shaped(value, i8_)),
                              like(value, i8_, std::uint64_t{1}));
  }
  if (dtype == f16 || dtype == bf16) return half_bits(value, dtype);
  return value;
}

// ---- half precision -------------------------------------------------------------------------------------------------

llvm::Value* Generator::round_half(Value* value, DType dtype, NaNs nans) {
  return half_value(half_bits(value, dtype, nans), dtype);
}

// Rounds to nearest even. LLVM's own conversions would call functions that are not there for bf16 and for processors
// without F16C.
llvm::Value* Generator::half_bits(Value* value, DType dtype, NaNs nans) {
  const auto known = half_bits_of_.find({value, dtype.code()});
  if (known != half_bits_of_.end()) return known->second;
  Type* wide = shaped(value, i32_);
  Type* narrow_type = shaped(value, i16_);
  const auto number = [&](std::uint64_t x) { return like(value, i32_, x); };
  if (dtype == f16 && target_.features.find("+f16c") != std::string::npos)
    return builder_.CreateBitCast(builder_.CreateFPTrunc(value, shaped(value, builder_.getHalfTy())), narrow_type);
  Value* bits = builder_.CreateBitCast(value, wide);
  if (dtype == bf16) {
    Value* odd = builder_.CreateAnd(builder_.CreateLShr(bits, number(16)), number(1));
    Value* rounded = builder_.CreateLShr(builder_.CreateAdd(bits, builder_.CreateAdd(odd, number(0x7fff))), number(16));
    // A NaN whose last bits are 0 rounds to itself (`chain6` bf16: 0.7 of the time).
    if (nans == NaNs::of_arithmetic) return builder_.CreateTrunc(rounded, narrow_type);
    Value* quiet = builder_.CreateOr(builder_.CreateLShr(bits, number(16)), number(0x40));
    return builder_.CreateTrunc(builder_.CreateSelect(builder_.CreateFCmpUNO(value, value), quiet, rounded),
                                narrow_type);
  }
  Value* sign = builder_.CreateAnd(builder_.CreateLShr(bits, number(16)), number(0x8000));
  Value* magnitude = builder_.CreateAnd(bits, number(0x7fffffff));
  Value* odd = builder_.CreateAnd(builder_.CreateLShr(magnitude, number(13)), number(1));
  Value* normal = builder_.CreateLShr(
      builder_.CreateAdd(builder_.CreateSub(magnitude, number(112u << 23)), builder_.CreateAdd(odd, number(0xfff))),
      number(13));
  // Below the smallest normal number adding 0.5 leaves the bits of a denormal one, rounded.
  Value* shifted = builder_.CreateFAdd(builder_.CreateBitCast(magnitude, value->getType()), like(value, f32_, 0.5));
  Value* denormal = builder_.CreateSub(builder_.CreateBitCast(shifted, wide), number(0x3f000000));
  Value* finite = builder_.CreateSelect(builder_.CreateICmpULT(magnitude, number(0x38800000)), denormal, normal);
  Value* special =
      builder_.CreateSelect(builder_.CreateICmpUGT(magnitude, number(0x7f800000)), number(0x7e00), number(0x7c00));
  Value* result = builder_.CreateSelect(builder_.CreateICmpUGE(magnitude, number(0x477ff000)), special, finite);
  return builder_.CreateTrunc(builder_.CreateOr(result, sign), narrow_type);
}

llvm::Value* Generator::half_value(Value* bits, DType dtype) {
  Type* wide = shaped(bits, i32_);
  Type* result_type = shaped(bits, f32_);
  Value* result = nullptr;
  const auto number = [&](std::uint64_t x) { return like(bits, i32_, x); };
  if (dtype == bf16) {
    result = builder_.CreateBitCast(builder_.CreateShl(builder_.CreateZExt(bits, wide), number(16)), result_type);
  } else if (target_.features.find("+f16c") != std::string::npos) {
    result = builder_.CreateFPExt(builder_.CreateBitCast(bits, shaped(bits, builder_.getHalfTy())), result_type);
  } else {
    Value* all = builder_.CreateZExt(bits, wide);
    Value* sign = builder_.CreateShl(builder_.CreateAnd(all, number(0x8000)), number(16));
    Value* magnitude = builder_.CreateAnd(all, number(0x7fff));
    Value* shifted = builder_.CreateShl(magnitude, number(13));
    Value* normal = builder_.CreateAdd(shifted, number(112u << 23));
    Value* special = builder_.CreateOr(shifted, number(0x7f800000));
    Value* small = builder_.CreateFMul(builder_.CreateUIToFP(magnitude, result_type), like(bits, f32_, 0x1p-24));
    Value* denormal = builder_.CreateBitCast(small, wide);
    Value* finite = builder_.CreateSelect(builder_.CreateICmpULT(magnitude, number(0x400)), denormal, normal);
    Value* any = builder_.CreateSelect(builder_.CreateICmpUGE(magnitude, number(0x7c00)), special, finite);
    result = builder_.CreateBitCast(builder_.CreateOr(any, sign), result_type);
  }
  if (!llvm::isa<llvm::Constant>(result)) half_bits_of_[{result, dtype.code()}] = bits;
  return result;
}

// A double as a float whose last bit says whether anything was lost: rounding that again to a half gives what rounding
// the double at once would.
llvm::Value* Generator::round_to_odd(Value* value) {
  Type* result_type = shaped(value, f32_);
  Value* near = builder_.CreateFPTrunc(value, result_type);
  Value* back = builder_.CreateFPExt(near, value->getType());
  Value* bits = builder_.CreateBitCast(near, shaped(value, i32_));
  Value* away = builder_.CreateFCmpOGT(builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, back),
                                       builder_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, value));
  Value* one = like(value, i32_, std::uint64_t{1});
  Value* odd = builder_.CreateOr(builder_.CreateSelect(away, builder_.CreateSub(bits, one), bits), one);
  return builder_.CreateSelect(builder_.CreateFCmpONE(back, value), builder_.CreateBitCast(odd, result_type), near);
}

// ---- casts ----------------------------------------------------------------------------------------------------------

// Floats to integers saturate and NaN becomes 0; integers wrap; anything that is not 0 is true.
llvm::Value* Generator::cast(Value* value, DType from, DType to) {
  if (from == to) return value;
  if (from.is_complex() || to.is_complex()) return cast_complex(value, from, to);
  const auto to_half = [&](Value* x) { return to == f16 || to == bf16 ? round_half(x, to) : x; };
  if (to.is_bool()) {
    Value* zero = llvm::Constant::getNullValue(value->getType());
    return as_bool(from.is_floating() ? builder_.CreateFCmpUNE(value, zero) : builder_.CreateICmpNE(value, zero));
  }
  Type* type = shaped(value, register_type(to));
  if (from.is_bool()) {
    Value* bit = truth(value);
    return to.is_floating()
               ? builder_.CreateSelect(bit, llvm::ConstantFP::get(type, 1.0), llvm::ConstantFP::get(type, 0.0))
               : builder_.CreateZExt(bit, type);
  }
  const bool from_signed = from.kind() == TypeKind::signed_integer, to_signed = to.kind() == TypeKind::signed_integer;
  if (from.is_integer() && to.is_integer())
    return from_signed ? builder_.CreateSExtOrTrunc(value, type) : builder_.CreateZExtOrTrunc(value, type);
  if (from.is_integer())
    return to_half(from_signed ? builder_.CreateSIToFP(value, type) : builder_.CreateUIToFP(value, type));
  if (to.is_integer()) {
    const ID id = to_signed ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return builder_.CreateIntrinsic(id, {type, value->getType()}, {value});
  }
  if (to == f64) return builder_.CreateFPExt(value, type);
  if (from == f64) return to == f32 ? builder_.CreateFPTrunc(value, type) : to_half(round_to_odd(value));
  return to_half(value);  // between f16, bf16 and f32
}

}  // namespace kiln::on_cpu
