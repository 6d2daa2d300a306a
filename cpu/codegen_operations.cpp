// The table of operations on LLVM values; the same code serves numbers and vectors.
#include "cpu/codegen.h"
#include "cpu/vector_math.h"

#include "core/composed.h"
#include "core/planted_faults.h"

#include <kiln/error.h>

namespace kiln::on_cpu {

using ir::Op;
namespace Intrinsic = llvm::Intrinsic;

llvm::Value* Generator::operation(Op op, DType operand, Value* const* x) {
  if (op == Op::select) return choose(x[0], x[1], x[2]);
  if (operand.is_complex()) return complex_operation(op, operand, x);
  if (op == Op::complex) return pair(x[0], x[1]);
  if (operand.is_bool()) return bool_operation(op, x);
  if (op >= Op::less && op <= Op::not_equal) return compare(op, operand, x[0], x[1]);
  if (operand.is_integer()) return integer_operation(op, operand, x);
  return floating_operation(op, operand, x);
}

llvm::Value* Generator::compare(Op op, DType dtype, Value* a, Value* b) {
  using P = llvm::CmpInst::Predicate;
  constexpr P floating[] = {P::FCMP_OLT, P::FCMP_OLE, P::FCMP_OGT, P::FCMP_OGE, P::FCMP_OEQ, P::FCMP_UNE};
  constexpr P with_sign[] = {P::ICMP_SLT, P::ICMP_SLE, P::ICMP_SGT, P::ICMP_SGE, P::ICMP_EQ, P::ICMP_NE};
  constexpr P without[] = {P::ICMP_ULT, P::ICMP_ULE, P::ICMP_UGT, P::ICMP_UGE, P::ICMP_EQ, P::ICMP_NE};
  const auto k = static_cast<std::size_t>(op) - static_cast<std::size_t>(Op::less);
  if (dtype.is_floating()) return as_bool(builder_.CreateFCmp(floating[k], a, b));
  return as_bool(builder_.CreateICmp(dtype.kind() == TypeKind::signed_integer ? with_sign[k] : without[k], a, b));
}

// Bits or masks: bitwise operations do for both.
llvm::Value* Generator::bool_operation(Op op, Value* const* x) {
  switch (op) {
    case Op::add:
    case Op::bit_or:
    case Op::logical_or:
    case Op::maximum:
    case Op::fmax: return builder_.CreateOr(x[0], x[1]);
    case Op::multiply:
    case Op::bit_and:
    case Op::logical_and:
    case Op::minimum:
    case Op::fmin: return builder_.CreateAnd(x[0], x[1]);
    case Op::bit_xor:
    case Op::logical_xor:
    case Op::not_equal: return builder_.CreateXor(x[0], x[1]);
    case Op::equal: return builder_.CreateNot(builder_.CreateXor(x[0], x[1]));
    case Op::bit_not:
    case Op::logical_not: return builder_.CreateNot(x[0]);
    case Op::less: return builder_.CreateAnd(builder_.CreateNot(x[0]), x[1]);
    case Op::less_equal: return builder_.CreateOr(builder_.CreateNot(x[0]), x[1]);
    case Op::greater: return builder_.CreateAnd(x[0], builder_.CreateNot(x[1]));
    case Op::greater_equal: return builder_.CreateOr(x[0], builder_.CreateNot(x[1]));
    case Op::abs:
    case Op::floor:
    case Op::ceil:
    case Op::trunc:
    case Op::round:
    case Op::real: return x[0];
    case Op::imag: return llvm::Constant::getNullValue(x[0]->getType());
    default: throw InternalError(std::string(ir::row(op).name) + " is not an operation on bools");
  }
}

// ---- integers -------------------------------------------------------------------------------------------------------

llvm::Value* Generator::integer_operation(Op op, DType dtype, Value* const* x) {
  Value* a = x[0];
  const bool is_signed = dtype.kind() == TypeKind::signed_integer;
  Value* zero = llvm::Constant::getNullValue(a->getType());
  Value* one = llvm::ConstantInt::get(a->getType(), 1);
  const auto constant_bool = [&](bool truth_value) -> Value* {
    Type* type = a->getType()->isVectorTy() ? static_cast<Type*>(mask_type()) : bit_;
    return truth_value ? llvm::Constant::getAllOnesValue(type) : llvm::Constant::getNullValue(type);
  };
  switch (op) {
    case Op::add: return builder_.CreateAdd(a, x[1]);
    case Op::subtract: return builder_.CreateSub(a, x[1]);
    case Op::multiply: return builder_.CreateMul(a, x[1]);
    case Op::square: return builder_.CreateMul(a, a);
    case Op::negative: return builder_.CreateNeg(a);
    case Op::bit_and: return builder_.CreateAnd(a, x[1]);
    case Op::bit_or: return builder_.CreateOr(a, x[1]);
    case Op::bit_xor: return builder_.CreateXor(a, x[1]);
    case Op::bit_not: return builder_.CreateNot(a);
    case Op::left_shift:
    case Op::right_shift: return shift(op, dtype, a, x[1]);
    case Op::mod:
    case Op::floordiv:
    case Op::fmod: return divide_integers(op, dtype, a, x[1]);
    case Op::minimum:
    case Op::fmin: return builder_.CreateBinaryIntrinsic(is_signed ? Intrinsic::smin : Intrinsic::umin, a, x[1]);
    case Op::maximum:
    case Op::fmax: return builder_.CreateBinaryIntrinsic(is_signed ? Intrinsic::smax : Intrinsic::umax, a, x[1]);
    case Op::abs: return magnitude(dtype, a);
    case Op::reciprocal: {  // 1 / 0 is 0, as every division by 0
      Value* is_unit = builder_.CreateICmpEQ(a, one);
      if (is_signed) is_unit = builder_.CreateOr(is_unit, builder_.CreateICmpEQ(a, builder_.CreateNeg(one)));
      return builder_.CreateSelect(is_unit, a, zero);
    }
    case Op::gcd: return common_divisor(magnitude(dtype, a), magnitude(dtype, x[1]));
    case Op::lcm: return common_multiple(magnitude(dtype, a), magnitude(dtype, x[1]));
    case Op::popcount:
      return builder_.CreateZExtOrTrunc(builder_.CreateUnaryIntrinsic(Intrinsic::ctpop, magnitude(dtype, a)),
                                        shaped(a, i8_));
    case Op::sign: {
      Value* positive = builder_.CreateSelect(builder_.CreateICmpNE(a, zero), one, zero);
      if (!is_signed) return positive;
      return builder_.CreateSelect(builder_.CreateICmpSLT(a, zero), llvm::Constant::getAllOnesValue(a->getType()),
                                   positive);
    }
    case Op::floor:
    case Op::ceil:
    case Op::trunc:
    case Op::round:
    case Op::real:
    case Op::conj: return a;
    case Op::imag: return zero;
    case Op::isnan:
    case Op::isinf: return constant_bool(false);
    case Op::isfinite: return constant_bool(true);
    case Op::signbit: return is_signed ? as_bool(builder_.CreateICmpSLT(a, zero)) : constant_bool(false);
    case Op::pow: return integer_power(dtype, a, x[1]);
    default: throw InternalError(std::string(ir::row(op).name) + " is not an operation on integers");
  }
}

// Counts as large as the width, and negative ones, shift everything out; LLVM's own shifts would be poison there.
llvm::Value* Generator::shift(Op op, DType dtype, Value* a, Value* b) {
  const std::uint64_t width = dtype.size() * 8;
  Value* last = llvm::ConstantInt::get(a->getType(), width - 1);
  Value* outside = builder_.CreateICmpUGT(b, last);
  Value* count = builder_.CreateBinaryIntrinsic(Intrinsic::umin, b, last);
  if (op == Op::right_shift && dtype.kind() == TypeKind::signed_integer) return builder_.CreateAShr(a, count);
  Value* shifted = op == Op::left_shift ? builder_.CreateShl(a, count) : builder_.CreateLShr(a, count);
  return builder_.CreateSelect(outside, llvm::Constant::getNullValue(a->getType()), shifted);
}

// Total division: by 0 gives 0, and -1 is dealt with apart because MIN / -1 traps.
llvm::Value* Generator::divide_integers(Op op, DType dtype, Value* a, Value* b) {
  Value* zero = llvm::Constant::getNullValue(a->getType());
  Value* one = llvm::ConstantInt::get(a->getType(), 1);
  Value* by_zero = builder_.CreateICmpEQ(b, zero);
  if (dtype.kind() == TypeKind::unsigned_integer) {
    Value* divisor = builder_.CreateSelect(by_zero, one, b);
    Value* result = op == Op::floordiv ? builder_.CreateUDiv(a, divisor) : builder_.CreateURem(a, divisor);
    return builder_.CreateSelect(by_zero, zero, result);
  }
  Value* minus_one = builder_.CreateICmpEQ(b, llvm::Constant::getAllOnesValue(b->getType()));
  Value* divisor = builder_.CreateSelect(builder_.CreateOr(by_zero, minus_one), one, b);
  Value* remainder = builder_.CreateSRem(a, divisor);
  if (op == Op::fmod) return remainder;  // of a division by 1 where the divisor is 0 or -1: 0
  Value* differ = builder_.CreateICmpSLT(builder_.CreateXor(remainder, divisor), zero);
  Value* adjust = builder_.CreateAnd(differ, builder_.CreateICmpNE(remainder, zero));
  if (op == Op::mod) return builder_.CreateSelect(adjust, builder_.CreateAdd(remainder, divisor), remainder);
  Value* quotient = builder_.CreateSDiv(a, divisor);
  quotient = builder_.CreateSelect(adjust, builder_.CreateSub(quotient, one), quotient);
  quotient = builder_.CreateSelect(minus_one, builder_.CreateNeg(a), quotient);
  return builder_.CreateSelect(by_zero, zero, quotient);
}

// As an unsigned number: that of the least one is itself.
llvm::Value* Generator::magnitude(DType dtype, Value* a) {
  if (dtype.kind() == TypeKind::unsigned_integer) return a;
  Value* zero = llvm::Constant::getNullValue(a->getType());
  return builder_.CreateSelect(builder_.CreateICmpSLT(a, zero), builder_.CreateNeg(a), a);
}

// Euclid's algorithm on unsigned numbers; all lanes run until the last one is done.
llvm::Value* Generator::common_divisor(Value* a, Value* b) {
  Type* type = a->getType();
  Value *zero = llvm::Constant::getNullValue(type), *one = llvm::ConstantInt::get(type, 1);
  Block* before = builder_.GetInsertBlock();
  Block* turn = new_block("divisor");
  Block* done = new_block("divisor_done");
  builder_.CreateBr(turn);
  builder_.SetInsertPoint(turn);
  llvm::PHINode* larger = builder_.CreatePHI(type, 2);
  llvm::PHINode* smaller = builder_.CreatePHI(type, 2);
  Value* finished = builder_.CreateICmpEQ(smaller, zero);
  Value* remainder = builder_.CreateURem(larger, builder_.CreateSelect(finished, one, smaller));
  Value* next = builder_.CreateSelect(finished, larger, smaller);
  larger->addIncoming(a, before);
  larger->addIncoming(next, turn);
  smaller->addIncoming(b, before);
  smaller->addIncoming(remainder, turn);
  Value* all = type->isVectorTy() ? builder_.CreateOrReduce(remainder) : remainder;
  builder_.CreateCondBr(builder_.CreateIsNotNull(all), turn, done);
  builder_.SetInsertPoint(done);
  return next;
}

llvm::Value* Generator::common_multiple(Value* a, Value* b) {
  Value *zero = llvm::Constant::getNullValue(a->getType()), *one = llvm::ConstantInt::get(a->getType(), 1);
  Value* divisor = common_divisor(a, b);
  Value* none = builder_.CreateICmpEQ(divisor, zero);
  return builder_.CreateMul(builder_.CreateUDiv(a, builder_.CreateSelect(none, one, divisor)), b);
}

// Repeated squaring; all lanes run until the largest exponent is used up.
llvm::Value* Generator::integer_power(DType dtype, Value* a, Value* b) {
  Type* type = a->getType();
  Value* zero = llvm::Constant::getNullValue(type);
  Value* one = llvm::ConstantInt::get(type, 1);
  Block* before = builder_.GetInsertBlock();
  Block* turn = new_block("power");
  Block* done = new_block("power_done");
  Value* exponent = b;
  Value* negative = nullptr;
  if (dtype.kind() == TypeKind::signed_integer) {
    negative = builder_.CreateICmpSLT(b, zero);
    exponent = builder_.CreateSelect(negative, zero, b);
  }
  builder_.CreateBr(turn);
  builder_.SetInsertPoint(turn);
  llvm::PHINode* result = builder_.CreatePHI(type, 2);
  llvm::PHINode* base = builder_.CreatePHI(type, 2);
  llvm::PHINode* left = builder_.CreatePHI(type, 2);
  Value* odd = builder_.CreateICmpNE(builder_.CreateAnd(left, one), zero);
  Value* next_result = builder_.CreateSelect(odd, builder_.CreateMul(result, base), result);
  Value* next_left = builder_.CreateLShr(left, one);
  result->addIncoming(one, before);
  result->addIncoming(next_result, turn);
  base->addIncoming(a, before);
  base->addIncoming(builder_.CreateMul(base, base), turn);
  left->addIncoming(exponent, before);
  left->addIncoming(next_left, turn);
  Value* all = type->isVectorTy() ? builder_.CreateOrReduce(next_left) : next_left;
  builder_.CreateCondBr(builder_.CreateIsNotNull(all), turn, done);
  builder_.SetInsertPoint(done);
  if (negative == nullptr) return next_result;
  Value* minus_one = llvm::Constant::getAllOnesValue(type);
  Value* odd_exponent = builder_.CreateICmpNE(builder_.CreateAnd(b, one), zero);
  Value* of_minus_one = builder_.CreateSelect(odd_exponent, minus_one, one);
  Value* inverse =
      builder_.CreateSelect(builder_.CreateICmpEQ(a, one), one,
                            builder_.CreateSelect(builder_.CreateICmpEQ(a, minus_one), of_minus_one, zero));
  return builder_.CreateSelect(negative, inverse, next_result);
}

// ---- floating -------------------------------------------------------------------------------------------------------

llvm::Value* Generator::floating_operation(Op op, DType dtype, Value* const* x) {
  Value* a = x[0];
  Value* zero = llvm::ConstantFP::get(a->getType(), 0.0);
  const bool half = dtype == f16 || dtype == bf16;
  const auto rounded = [&](Value* value) { return half ? round_half(value, dtype) : value; };
  const auto exact = [&](Value* value) { return half ? round_half(value, dtype, NaNs::of_arithmetic) : value; };
  const auto unary = [&](Intrinsic::ID id) { return builder_.CreateUnaryIntrinsic(id, a); };
  if (composed::is_composed(op)) return rounded(composed_operation(op, x));
  switch (op) {
    case Op::add: return exact(builder_.CreateFAdd(a, x[1]));
    case Op::subtract:
      if (planted(Fault::swapped_operand)) return exact(builder_.CreateFSub(x[1], a));
      return exact(builder_.CreateFSub(a, x[1]));
    case Op::multiply: return exact(builder_.CreateFMul(a, x[1]));
    case Op::divide: return exact(builder_.CreateFDiv(a, x[1]));
    case Op::square: return exact(builder_.CreateFMul(a, a));
    case Op::sqrt: return exact(unary(Intrinsic::sqrt));
    case Op::fma: return rounded(builder_.CreateIntrinsic(Intrinsic::fma, {a->getType()}, {a, x[1], x[2]}));
    case Op::mod:
    case Op::floordiv: return rounded(floor_division(op, a, x[1]));
    case Op::fmod: return rounded(vector_math("fmod", x, 2));
    case Op::negative: return builder_.CreateFNeg(a);
    case Op::abs:
    case Op::fabs: return unary(Intrinsic::fabs);
    case Op::floor: return unary(Intrinsic::floor);
    case Op::ceil: return unary(Intrinsic::ceil);
    case Op::trunc: return unary(Intrinsic::trunc);
    case Op::round:
    case Op::rint: return unary(Intrinsic::rint);
    case Op::nextafter: return next_after(dtype, a, x[1]);
    case Op::spacing: {
      Value* endless =
          builder_.CreateSelect(builder_.CreateFCmpOLT(a, zero), llvm::ConstantFP::getInfinity(a->getType(), true),
                                llvm::ConstantFP::getInfinity(a->getType()));
      return rounded(builder_.CreateFSub(next_after(dtype, a, endless), a));
    }
    case Op::copysign: return builder_.CreateBinaryIntrinsic(Intrinsic::copysign, a, x[1]);
    case Op::minimum:
      // NaN passes through: unordered means a or b is one, and b is taken only if a is a number.
      return builder_.CreateSelect(builder_.CreateOr(builder_.CreateFCmpOLE(a, x[1]), builder_.CreateFCmpUNO(a, a)), a,
                                   x[1]);
    case Op::maximum:
      return builder_.CreateSelect(builder_.CreateOr(builder_.CreateFCmpOGE(a, x[1]), builder_.CreateFCmpUNO(a, a)), a,
                                   x[1]);
    case Op::fmin:  // the number where one of the two is NaN
      return builder_.CreateSelect(
          builder_.CreateOr(builder_.CreateFCmpOLE(a, x[1]), builder_.CreateFCmpUNO(x[1], x[1])), a, x[1]);
    case Op::fmax:
      return builder_.CreateSelect(
          builder_.CreateOr(builder_.CreateFCmpOGE(a, x[1]), builder_.CreateFCmpUNO(x[1], x[1])), a, x[1]);
    case Op::sign: {
      Value* one = llvm::ConstantFP::get(a->getType(), 1.0);
      Value* result = builder_.CreateSelect(builder_.CreateFCmpOEQ(a, zero), zero, a);
      result =
          builder_.CreateSelect(builder_.CreateFCmpOLT(a, zero), llvm::ConstantFP::get(a->getType(), -1.0), result);
      return builder_.CreateSelect(builder_.CreateFCmpOGT(a, zero), one, result);
    }
    case Op::isnan: return as_bool(builder_.CreateFCmpUNO(a, a));
    case Op::isinf:
      return as_bool(builder_.CreateFCmpOEQ(unary(Intrinsic::fabs), llvm::ConstantFP::getInfinity(a->getType())));
    case Op::isfinite:
      return as_bool(builder_.CreateFCmpOLT(unary(Intrinsic::fabs), llvm::ConstantFP::getInfinity(a->getType())));
    case Op::signbit: {
      Value* bits = builder_.CreateBitCast(a, shaped(a, a->getType()->getScalarType()->isDoubleTy() ? i64_ : i32_));
      return as_bool(builder_.CreateICmpSLT(bits, llvm::Constant::getNullValue(bits->getType())));
    }
    default: return rounded(vector_math(ir::row(op).name, x, ir::row(op).arity));
  }
}

// The neighbour of a towards b, in the bits of memory, which are in the order of the numbers.
llvm::Value* Generator::next_after(DType dtype, Value* a, Value* b) {
  const bool half = dtype == f16 || dtype == bf16;
  Type* integer = llvm::IntegerType::get(context_, static_cast<unsigned>(dtype.size() * 8));
  Value* bits = half ? half_bits(a, dtype) : builder_.CreateBitCast(a, shaped(a, integer));
  Value* zero = llvm::Constant::getNullValue(a->getType());
  Value* one = like(a, integer, std::uint64_t{1});
  Value* up = builder_.CreateFCmpOLT(a, b);
  Value* away = builder_.CreateICmpEQ(up, builder_.CreateFCmpOGT(a, zero));
  Value* next = builder_.CreateSelect(away, builder_.CreateAdd(bits, one), builder_.CreateSub(bits, one));
  Value* sign = like(a, integer, std::uint64_t{1} << (dtype.size() * 8 - 1));
  Value* smallest = builder_.CreateSelect(up, one, builder_.CreateOr(sign, one));
  next = builder_.CreateSelect(builder_.CreateFCmpOEQ(a, zero), smallest, next);
  Value* result = half ? half_value(next, dtype) : builder_.CreateBitCast(next, a->getType());
  result = builder_.CreateSelect(builder_.CreateFCmpOEQ(a, b), b, result);
  return builder_.CreateSelect(builder_.CreateFCmpUNO(a, b), builder_.CreateFAdd(a, b), result);
}

// Python's // and % as NumPy computes them, from fmod.
llvm::Value* Generator::floor_division(Op op, Value* a, Value* b) {
  Type* type = a->getType();
  Value* const both[] = {a, b};
  Value* zero = llvm::ConstantFP::get(type, 0.0);
  Value* remainder = vector_math("fmod", both, 2);
  Value* by_zero = builder_.CreateFCmpOEQ(b, zero);
  Value* left = builder_.CreateFCmpUNE(remainder, zero);
  Value* differ = builder_.CreateXor(builder_.CreateFCmpOLT(b, zero), builder_.CreateFCmpOLT(remainder, zero));
  Value* adjust = builder_.CreateAnd(left, differ);
  if (op == Op::mod) {
    Value* result = builder_.CreateSelect(adjust, builder_.CreateFAdd(remainder, b), remainder);
    result = builder_.CreateSelect(left, result, builder_.CreateBinaryIntrinsic(Intrinsic::copysign, zero, b));
    return builder_.CreateSelect(by_zero, remainder, result);
  }
  Value* one = llvm::ConstantFP::get(type, 1.0);
  Value* ratio = builder_.CreateFDiv(a, b);
  Value* exact = builder_.CreateFDiv(builder_.CreateFSub(a, remainder), b);
  exact = builder_.CreateSelect(adjust, builder_.CreateFSub(exact, one), exact);
  Value* quotient = builder_.CreateUnaryIntrinsic(Intrinsic::floor, exact);
  Value* short_by_one = builder_.CreateFCmpOGT(builder_.CreateFSub(exact, quotient), llvm::ConstantFP::get(type, 0.5));
  quotient = builder_.CreateSelect(short_by_one, builder_.CreateFAdd(quotient, one), quotient);
  quotient = builder_.CreateSelect(builder_.CreateFCmpUNE(exact, zero), quotient,
                                   builder_.CreateBinaryIntrinsic(Intrinsic::copysign, zero, ratio));
  return builder_.CreateSelect(by_zero, ratio, quotient);
}

llvm::Value* Generator::each_lane(Value* const* x, int arity, const std::function<Value*(Value* const*)>& body) {
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(x[0]->getType());
  if (type == nullptr) return body(x);
  Value* result = llvm::PoisonValue::get(x[0]->getType());
  for (unsigned lane = 0; lane < type->getNumElements(); ++lane) {
    Value* one[3];
    for (int k = 0; k < arity; ++k) one[k] = builder_.CreateExtractElement(x[k], lane);
    result = builder_.CreateInsertElement(result, body(one), lane);
  }
  return result;
}

// The one function for an operation, whatever the width: vectors are cut to its lanes, a number goes through one lane.
llvm::Value* Generator::vector_math(const char* name, Value* const* x, int arity) {
  const bool is_f64 = x[0]->getType()->getScalarType()->isDoubleTy();
  const VectorFunction* function = find_vector_function(name, is_f64, target_.vector_bits, program_.precise);
  if (function == nullptr)
    throw CompileError(std::string("no vector maths library of this machine computes ") + name +
                       "; install glibc's libmvec or SLEEF");
  if (function->is_f64 == is_f64) return call_vector_function(*function, x);
  Value* wide[2] = {};
  for (int k = 0; k < arity; ++k) wide[k] = builder_.CreateFPExt(x[k], shaped(x[k], f64_));
  return builder_.CreateFPTrunc(call_vector_function(*function, wide), x[0]->getType());
}

llvm::Value* Generator::call_vector_function(const VectorFunction& function, Value* const* x) {
  const auto arity = static_cast<std::size_t>(function.arity);
  Type* element = function.is_f64 ? f64_ : f32_;
  Type* type = function.vector ? llvm::FixedVectorType::get(element, static_cast<unsigned>(function.lanes)) : element;
  const llvm::SmallVector<Type*, 2> parameters(arity, type);
  llvm::FunctionCallee callee =
      module_.getOrInsertFunction(function.symbol, llvm::FunctionType::get(type, parameters, false));
  auto* declared = llvm::cast<llvm::Function>(callee.getCallee());
  declared->setDoesNotThrow();
  declared->setDoesNotAccessMemory();
  declared->setWillReturn();
  if (function.vector) return call_pieces(function, callee, x);
  return each_lane(x, function.arity, [&](Value* const* operands) -> Value* {
    return builder_.CreateCall(callee, llvm::ArrayRef<Value*>(operands, arity));
  });
}

llvm::Value* Generator::call_pieces(const VectorFunction& function, llvm::FunctionCallee callee, Value* const* x) {
  const int lanes = function.lanes;
  Type* piece_type = callee.getFunctionType()->getReturnType();
  const auto arity = static_cast<std::size_t>(function.arity);
  Value* harmless = llvm::ConstantFP::get(piece_type, function.harmless);
  const auto* type = llvm::dyn_cast<llvm::FixedVectorType>(x[0]->getType());
  if (type == nullptr) {
    llvm::SmallVector<Value*, 2> operands;
    for (std::size_t k = 0; k < arity; ++k)
      operands.push_back(builder_.CreateInsertElement(harmless, x[k], std::uint64_t{0}));
    return builder_.CreateExtractElement(builder_.CreateCall(callee, operands), std::uint64_t{0});
  }
  const int width = static_cast<int>(type->getNumElements());
  const bool masked = lanes_ != nullptr && lanes_->mask != nullptr && lanes_->width == width;
  llvm::SmallVector<Value*, 2> whole;
  for (std::size_t k = 0; k < arity; ++k)
    whole.push_back(
        masked ? builder_.CreateSelect(truth(lanes_->mask), x[k], like(x[k], type->getElementType(), function.harmless))
               : x[k]);
  llvm::SmallVector<int, 64> all;
  Value* result = nullptr;
  for (int first = 0; first < width; first += lanes) {
    llvm::SmallVector<Value*, 2> operands;
    for (Value* operand : whole) {
      llvm::SmallVector<int, 16> picked;
      for (int lane = 0; lane < lanes; ++lane) picked.push_back(first + lane < width ? first + lane : -1);
      Value* piece = width == lanes ? operand : builder_.CreateShuffleVector(operand, picked);
      if (width < lanes) {
        for (int lane = 0; lane < lanes; ++lane)
          picked[static_cast<std::size_t>(lane)] = lane < width ? lane : lanes + lane;
        piece = builder_.CreateShuffleVector(piece, harmless, picked);
      }
      operands.push_back(piece);
    }
    Value* piece = builder_.CreateCall(callee, operands);
    if (width == lanes) return piece;
    // Widen to the result's width and merge.
    llvm::SmallVector<int, 64> spread(static_cast<std::size_t>(width), -1);
    for (int lane = 0; lane < lanes && first + lane < width; ++lane)
      spread[static_cast<std::size_t>(first + lane)] = lane;
    Value* wide = builder_.CreateShuffleVector(piece, spread);
    if (result == nullptr) {
      result = wide;
      continue;
    }
    llvm::SmallVector<int, 64> merge;
    for (int lane = 0; lane < width; ++lane)
      merge.push_back(lane < first ? lane : lane < first + lanes ? width + lane : -1);
    result = builder_.CreateShuffleVector(result, wide, merge);
  }
  return result;
}

llvm::Value* Generator::combine(Op op, DType dtype, Value* a, Value* b) {
  Value* const both[] = {a, b};
  return operation(op, dtype, both);
}

llvm::Value* Generator::fold_step(Op op, DType dtype, Value* a, Value* b) {
  return dtype.is_complex() ? fold_pairs(op, a, b) : combine(op, dtype, a, b);
}

}  // namespace kiln::on_cpu
