// Complex numbers: pairs of parts, each a number or a vector; their operations, from core/composed.h, and their memory,
// where the parts alternate.
#include "core/composed.h"
#include "cpu/codegen.h"

#include <kiln/error.h>

namespace kiln::on_cpu {

using ir::Op;
using ir::part_dtype;
namespace Intrinsic = llvm::Intrinsic;

namespace {

/// What generates the operations below.
struct Emitter {
  llvm::IRBuilder<>& build;
  std::function<llvm::Value*(const char* name, llvm::Value* const* x, int arity)> call;
};

struct Truth {
  Emitter* emit;
  llvm::Value* value;

  friend Truth operator&&(Truth a, Truth b) { return {a.emit, a.emit->build.CreateAnd(a.value, b.value)}; }
  friend Truth operator||(Truth a, Truth b) { return {a.emit, a.emit->build.CreateOr(a.value, b.value)}; }
  friend Truth operator!(Truth a) { return {a.emit, a.emit->build.CreateNot(a.value)}; }
};

/// A number or a vector of them, as core/composed.h wants it.
struct Real {
  Emitter* emit;
  llvm::Value* value;

  friend Real operator+(Real a, Real b) { return {a.emit, a.emit->build.CreateFAdd(a.value, b.value)}; }
  friend Real operator-(Real a, Real b) { return {a.emit, a.emit->build.CreateFSub(a.value, b.value)}; }
  friend Real operator*(Real a, Real b) { return {a.emit, a.emit->build.CreateFMul(a.value, b.value)}; }
  friend Real operator/(Real a, Real b) { return {a.emit, a.emit->build.CreateFDiv(a.value, b.value)}; }
  friend Real operator-(Real a) { return {a.emit, a.emit->build.CreateFNeg(a.value)}; }
  friend Truth operator<(Real a, Real b) { return {a.emit, a.emit->build.CreateFCmpOLT(a.value, b.value)}; }
  friend Truth operator<=(Real a, Real b) { return {a.emit, a.emit->build.CreateFCmpOLE(a.value, b.value)}; }
  friend Truth operator>(Real a, Real b) { return {a.emit, a.emit->build.CreateFCmpOGT(a.value, b.value)}; }
  friend Truth operator>=(Real a, Real b) { return {a.emit, a.emit->build.CreateFCmpOGE(a.value, b.value)}; }
  friend Truth operator==(Real a, Real b) { return {a.emit, a.emit->build.CreateFCmpOEQ(a.value, b.value)}; }
  friend Truth operator!=(Real a, Real b) { return {a.emit, a.emit->build.CreateFCmpUNE(a.value, b.value)}; }

  friend Real number(Real x, double c) { return {x.emit, llvm::ConstantFP::get(x.value->getType(), c)}; }
  friend Real choose(Truth t, Real a, Real b) {
    return {a.emit, a.emit->build.CreateSelect(t.value, a.value, b.value)};
  }
  friend Real fabs(Real x) { return {x.emit, x.emit->build.CreateUnaryIntrinsic(Intrinsic::fabs, x.value)}; }
  friend Real sqrt(Real x) { return {x.emit, x.emit->build.CreateUnaryIntrinsic(Intrinsic::sqrt, x.value)}; }
  friend Real rint(Real x) { return {x.emit, x.emit->build.CreateUnaryIntrinsic(Intrinsic::rint, x.value)}; }
  friend Real copysign(Real x, Real y) {
    return {x.emit, x.emit->build.CreateBinaryIntrinsic(Intrinsic::copysign, x.value, y.value)};
  }
#define KILN_LIBRARY_1(name) \
  friend Real name(Real x) { return {x.emit, x.emit->call(#name, &x.value, 1)}; }
#define KILN_LIBRARY_2(name)                        \
  friend Real name(Real x, Real y) {                \
    llvm::Value* const both[] = {x.value, y.value}; \
    return {x.emit, x.emit->call(#name, both, 2)};  \
  }
  KILN_LIBRARY_1(exp)
  KILN_LIBRARY_1(exp2)
  KILN_LIBRARY_1(expm1)
  KILN_LIBRARY_1(log)
  KILN_LIBRARY_1(log1p)
  KILN_LIBRARY_1(sin)
  KILN_LIBRARY_1(cos)
  KILN_LIBRARY_1(tan)
  KILN_LIBRARY_1(sinh)
  KILN_LIBRARY_1(cosh)
  KILN_LIBRARY_1(asinh)
  KILN_LIBRARY_2(atan2)
  KILN_LIBRARY_2(hypot)
#undef KILN_LIBRARY_1
#undef KILN_LIBRARY_2
};

using Pair = composed::Complex<Real>;

}  // namespace

// ---- Pairs ----------------------------------------------------------------------------------------------------------

llvm::Value* Generator::pair(Value* re, Value* im) {
  auto* type = llvm::StructType::get(re->getType(), im->getType());
  Value* half = builder_.CreateInsertValue(llvm::PoisonValue::get(type), re, 0);
  return builder_.CreateInsertValue(half, im, 1);
}

llvm::Value* Generator::part(Value* pair, unsigned which) { return builder_.CreateExtractValue(pair, which); }

// What is done to a value is done to both parts of a pair.
llvm::Value* Generator::each_part(Value* value, const std::function<Value*(Value*)>& body) {
  if (!value->getType()->isStructTy()) return body(value);
  Value* re = body(part(value, 0));
  return pair(re, body(part(value, 1)));
}

bool Generator::in_lanes(Type* type) const {
  return type->isStructTy() ? type->getStructElementType(0)->isVectorTy() : type->isVectorTy();
}

llvm::Value* Generator::choose(Value* condition, Value* a, Value* b) {
  Value* holds = truth(condition);
  if (!a->getType()->isStructTy()) return builder_.CreateSelect(holds, a, b);
  Value* re = builder_.CreateSelect(holds, part(a, 0), part(b, 0));
  return pair(re, builder_.CreateSelect(holds, part(a, 1), part(b, 1)));
}

llvm::Value* Generator::lane_of(Value* value, Value* lane) {
  return each_part(value, [&](Value* x) { return builder_.CreateExtractElement(x, lane); });
}

llvm::Value* Generator::spread(Value* value, unsigned width) {
  return each_part(value, [&](Value* x) { return builder_.CreateVectorSplat(width, x); });
}

llvm::Value* Generator::shuffled(Value* value, llvm::ArrayRef<int> lanes) {
  return each_part(value, [&](Value* x) { return builder_.CreateShuffleVector(x, lanes); });
}

// Two vectors as they lie in memory, and back.
llvm::Value* Generator::pairs_of_parts(Value* parts) {
  Value *re = part(parts, 0), *im = part(parts, 1);
  const auto width = static_cast<int>(llvm::cast<llvm::FixedVectorType>(re->getType())->getNumElements());
  llvm::SmallVector<int, 64> order;
  for (int lane = 0; lane < width; ++lane) order.append({lane, width + lane});
  return builder_.CreateShuffleVector(re, im, order);
}

llvm::Value* Generator::parts_of_pairs(Value* pairs) {
  const auto count = static_cast<int>(llvm::cast<llvm::FixedVectorType>(pairs->getType())->getNumElements());
  llvm::SmallVector<int, 32> even, odd;
  for (int k = 0; k < count; k += 2) {
    even.push_back(k);
    odd.push_back(k + 1);
  }
  Value* re = builder_.CreateShuffleVector(pairs, even);
  return pair(re, builder_.CreateShuffleVector(pairs, odd));
}

llvm::Value* Generator::each_twice(Value* mask) {
  Value* bits = truth(mask);
  const auto width = static_cast<int>(llvm::cast<llvm::FixedVectorType>(bits->getType())->getNumElements());
  llvm::SmallVector<int, 64> order;
  for (int lane = 0; lane < width; ++lane) order.append({lane, lane});
  return builder_.CreateShuffleVector(bits, order);
}

// ---- Operations -----------------------------------------------------------------------------------------------------

llvm::Value* Generator::cast_complex(Value* value, DType from, DType to) {
  if (!from.is_complex()) {
    Value* re = cast(value, from, part_dtype(to));
    return pair(re, llvm::Constant::getNullValue(re->getType()));
  }
  const DType real = part_dtype(from);
  if (to.is_bool()) {
    const auto truth_of = [&](unsigned which) {
      Value* x = part(value, which);
      return builder_.CreateFCmpUNE(x, llvm::Constant::getNullValue(x->getType()));
    };
    Value* re = truth_of(0);
    return as_bool(builder_.CreateOr(re, truth_of(1)));
  }
  if (!to.is_complex()) return cast(part(value, 0), real, to);
  return each_part(value, [&](Value* x) { return cast(x, real, part_dtype(to)); });
}

llvm::Value* Generator::complex_operation(Op op, DType operand, Value* const* x) {
  Emitter emit{builder_,
               [this](const char* name, Value* const* of, int arity) { return vector_math(name, of, arity); }};
  const auto real = [&](Value* value) { return Real{&emit, value}; };
  const auto operand_pair = [&](Value* value) { return Pair{real(part(value, 0)), real(part(value, 1))}; };
  const auto value_of = [&](const Pair& z) { return pair(z.re.value, z.im.value); };
  const bool binary = ir::row(op).arity == 2;
  switch (ir::row(op).rule) {
    case ir::Rule::comparison: return as_bool(composed::compare(op, operand_pair(x[0]), operand_pair(x[1])).value);
    case ir::Rule::predicate: return as_bool(composed::predicate(op, operand_pair(x[0])).value);
    case ir::Rule::part: return part(x[0], op == Op::real ? 0 : 1);
    case ir::Rule::phase: return atan2(real(part(x[0], 1)), real(part(x[0], 0))).value;
    default: break;
  }
  if (composed::is_arithmetic(op)) {
    const Pair a = operand_pair(x[0]);
    return value_of(composed::arithmetic(op, a, binary ? operand_pair(x[1]) : a));
  }
  const bool single = operand == c64;
  const auto in_f64 = [&](Value* value) { return operand_pair(single ? cast(value, c64, c128) : value); };
  const Pair a = in_f64(x[0]), b = binary ? in_f64(x[1]) : a;
  if (op == Op::abs) {
    Value* size = composed::magnitude(a, single).value;
    return single ? cast(size, f64, f32) : size;
  }
  Value* result = value_of(composed::function(op, a, b, single));
  return single ? cast(result, c128, c64) : result;
}

llvm::Value* Generator::composed_operation(Op op, Value* const* x) {
  Emitter emit{builder_,
               [this](const char* name, Value* const* of, int arity) { return vector_math(name, of, arity); }};
  const Real a{&emit, x[0]};
  return composed::real_function(op, a, ir::row(op).arity == 2 ? Real{&emit, x[1]} : a).value;
}

llvm::Value* Generator::fold_pairs(Op op, Value* a, Value* b) {
  Emitter emit{builder_, {}};
  const auto operand_pair = [&](Value* value) { return Pair{{&emit, part(value, 0)}, {&emit, part(value, 1)}}; };
  const Pair result = composed::reduction_step(op, operand_pair(a), operand_pair(b));
  return pair(result.re.value, result.im.value);
}

// ---- Memory ---------------------------------------------------------------------------------------------------------

llvm::Value* Generator::part_addresses(DType dtype, Value* addresses, unsigned which) {
  return builder_.CreateGEP(memory_type(part_dtype(dtype)), addresses, builder_.getInt64(which));
}

// Alternating parts where the lanes lie side by side, else a pair.
llvm::Value* Generator::load_pairs(ir::RootId root, const Access& a, Value* mask) {
  const DType dtype = program_.roots[root].dtype;
  Type* element = memory_type(part_dtype(dtype));
  const auto width = static_cast<unsigned>(lanes_->width);
  const auto annotated = [&](llvm::Instruction* instruction) {
    annotate(instruction, root);
    return instruction;
  };
  if (a.kind == Access::Kind::unit) {
    auto* type = llvm::FixedVectorType::get(element, 2 * width);
    if (mask == nullptr) return annotated(builder_.CreateAlignedLoad(type, a.address, alignment(dtype)));
    return annotated(builder_.CreateMaskedLoad(type, a.address, alignment(dtype), each_twice(mask),
                                               llvm::Constant::getNullValue(type)));
  }
  auto* type = llvm::FixedVectorType::get(element, width);
  if (a.kind == Access::Kind::strided && mask == nullptr) {
    Value* parts[2] = {llvm::PoisonValue::get(type), llvm::PoisonValue::get(type)};
    for (unsigned lane = 0; lane < width; ++lane) {
      Value* steps = builder_.CreateMul(a.stride, builder_.getInt64(lane));
      Value* address = builder_.CreateGEP(memory_type(dtype), a.address, steps);
      for (unsigned which : {0u, 1u}) {
        Value* at = part_addresses(dtype, address, which);
        Value* one = annotated(builder_.CreateAlignedLoad(element, at, alignment(dtype)));
        parts[which] = builder_.CreateInsertElement(parts[which], one, std::uint64_t{lane});
      }
    }
    return pair(parts[0], parts[1]);
  }
  Value* addresses = lane_addresses(root, a);
  const auto gathered = [&](unsigned which) {
    return annotated(builder_.CreateMaskedGather(type, part_addresses(dtype, addresses, which), alignment(dtype),
                                                 mask != nullptr ? truth(mask) : nullptr,
                                                 llvm::Constant::getNullValue(type)));
  };
  Value* re = gathered(0);
  return pair(re, gathered(1));
}

void Generator::store_pairs(ir::RootId root, const Access& a, Value* value, Value* mask) {
  const DType dtype = program_.roots[root].dtype;
  if (a.kind == Access::Kind::unit) {
    Value* pairs = pairs_of_parts(value);
    llvm::Instruction* instruction =
        mask == nullptr
            ? static_cast<llvm::Instruction*>(builder_.CreateAlignedStore(pairs, a.address, alignment(dtype)))
            : builder_.CreateMaskedStore(pairs, a.address, alignment(dtype), each_twice(mask));
    return annotate(instruction, root);
  }
  if (a.kind == Access::Kind::strided && mask == nullptr) {
    for (int lane = 0; lane < lanes_->width; ++lane) {
      Value* number = builder_.getInt64(static_cast<std::uint64_t>(lane));
      Value* address = builder_.CreateGEP(memory_type(dtype), a.address, builder_.CreateMul(a.stride, number));
      for (unsigned which : {0u, 1u}) {
        Value* one = builder_.CreateExtractElement(part(value, which), number);
        annotate(builder_.CreateAlignedStore(one, part_addresses(dtype, address, which), alignment(dtype)), root);
      }
    }
    return;
  }
  Value* addresses = lane_addresses(root, a);
  for (unsigned which : {0u, 1u})
    annotate(builder_.CreateMaskedScatter(part(value, which), part_addresses(dtype, addresses, which), alignment(dtype),
                                          mask != nullptr ? truth(mask) : nullptr),
             root);
}

// Some neighbouring lanes of a vector in memory, or of both parts of a pair.
llvm::Value* Generator::load_piece(Type* piece, Type* whole, Value* buffer, Value* at) {
  const auto load = [&](Type* type, Value* from) {
    return builder_.CreateAlignedLoad(type, builder_.CreateGEP(type->getScalarType(), from, at), llvm::Align(1));
  };
  if (!piece->isStructTy()) return load(piece, buffer);
  Value* re = load(piece->getStructElementType(0), buffer);
  return pair(re, load(piece->getStructElementType(1), builder_.CreateStructGEP(whole, buffer, 1)));
}

void Generator::store_piece(Value* piece, Type* whole, Value* buffer, Value* at) {
  const auto store = [&](Value* value, Value* to) {
    builder_.CreateAlignedStore(value, builder_.CreateGEP(value->getType()->getScalarType(), to, at), llvm::Align(1));
  };
  if (!whole->isStructTy()) return store(piece, buffer);
  store(part(piece, 0), buffer);
  store(part(piece, 1), builder_.CreateStructGEP(whole, buffer, 1));
}

}  // namespace kiln::on_cpu
