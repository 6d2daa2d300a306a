// Nodes as LLVM values: one number for all lanes where that is possible, else one per lane; each as far out as its
// operands allow.
#include "cpu/codegen.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cpu {

using ir::Node;
using ir::NodeId;
using ir::none;
using ir::Op;

namespace {

constexpr int expensive = 10;  // OpRow::cost from which a value is not computed ahead of a condition

bool is_comparison(Op op) { return op >= Op::less && op <= Op::not_equal; }
bool wraps(Op op) { return op == Op::add || op == Op::subtract || op == Op::multiply || op == Op::negative; }

}  // namespace

llvm::Value* Generator::scalar(NodeId id) { return here(scalar_slot(id).value); }
llvm::Value* Generator::vector(NodeId id) { return here(vector_slot(id).value); }
llvm::Value* Generator::value(NodeId id) { return varies(id) ? vector(id) : scalar(id); }

Slot Generator::scalar_slot(NodeId id) {
  if (scalars_[id].value != nullptr) return scalars_[id];
  return program_[id].op < ir::first_table_op && program_[id].op != Op::convert ? leaf(id) : operation_slot(id, false);
}

Slot Generator::leaf(NodeId id) {
  const Node& node = program_[id];
  const DType dtype = node.type.dtype;
  switch (node.op) {
    case Op::constant: return {constant(dtype, node.number), 0};
    case Op::scalar_argument: {
      const Place place(*this, 0);
      Value* numbers = frame_field(offsetof(Frame, scalars), pointer_, "scalars");
      Value* field = builder_.CreateConstInBoundsGEP1_64(i8_, numbers, sizeof(detail::Number16) * node.id);
      const DType stored = dtype.is_complex() ? c128 : dtype.is_floating() ? f64 : i64;
      define(scalars_[id], cast(builder_.CreateLoad(register_type(stored), field), stored, dtype), 0);
      return scalars_[id];
    }
    case Op::extent: return extent(node.id, static_cast<int>(node.axis));
    case Op::stride: return stride(node.id, static_cast<int>(node.axis));
    case Op::index: {
      const Slot& slot = indices_[index_base_[node.id] + node.axis];
      if (slot.value == nullptr) throw InternalError("the index of a loop is used outside the loop");
      return slot;
    }
    default:
      throw InternalError(std::string("a ") + ir::row(node.op).name +
                          " is used before the statement it takes place at");
  }
}

llvm::Value* Generator::iota(Type* element, int width) {
  llvm::SmallVector<llvm::Constant*, 64> lanes;
  for (int lane = 0; lane < width; ++lane)
    lanes.push_back(element->isIntegerTy() ? static_cast<llvm::Constant*>(
                                                 llvm::ConstantInt::get(element, static_cast<std::uint64_t>(lane)))
                                           : llvm::ConstantFP::get(element, lane));
  return llvm::ConstantVector::get(lanes);
}

llvm::Value* Generator::splat(Value* number, DType dtype) {
  const auto width = static_cast<unsigned>(lanes_->width);
  if (!dtype.is_bool()) return spread(number, width);
  return builder_.CreateVectorSplat(width, builder_.CreateSExt(number, mask_type()->getElementType()));
}

Slot Generator::vector_slot(NodeId id) {
  if (vectors_[id].value != nullptr) return vectors_[id];
  const Node& node = program_[id];
  if (!varies(id)) {
    const Slot number = scalar_slot(id);
    const int at = std::max(number.level, lanes_->level);
    const Place place(*this, at);
    define(vectors_[id], splat(here(number.value), node.type.dtype), at);
    return vectors_[id];
  }
  if (node.op == Op::index) return lane_leaf(id);
  if (node.op == Op::load || node.op == Op::read_variable)
    throw InternalError(std::string("a ") + ir::row(node.op).name + " is used before the statement it takes place at");
  if (node.op == Op::convert) return lane_convert(id);
  return operation_slot(id, true);
}

// The index along the lanes: the first lane's plus 0, 1, 2 …
Slot Generator::lane_leaf(NodeId id) {
  const Node& node = program_[id];
  if (node.id != lanes_->loop) {
    const Slot slot = lane_indices_[index_base_[node.id] + node.axis];
    const Place place(*this, slot.level);
    Value* wide = here(slot.value);
    define(vectors_[id], narrow(id) ? builder_.CreateTrunc(wide, shaped(wide, i32_)) : wide, slot.level);
    return vectors_[id];
  }
  const Slot first = scalar_slot(id);
  const auto step = lanes_->varying->lane_coefficient(id);
  Value* by = nullptr;
  int at = std::max(first.level, lanes_->level);
  if (!step) {
    const Slot slot = scalar_slot(program_.loops[node.id].dimensions[node.axis].step);
    at = std::max(at, slot.level);
    by = slot.value;
  }
  const Place place(*this, at);
  Type* element = narrow(id) ? i32_ : i64_;
  by = step ? llvm::ConstantInt::getSigned(element, *step) : builder_.CreateSExtOrTrunc(here(by), element);
  const auto width = static_cast<unsigned>(lanes_->width);
  Value* steps = builder_.CreateMul(iota(element, lanes_->width), builder_.CreateVectorSplat(width, by));
  Value* base = builder_.CreateVectorSplat(width, builder_.CreateSExtOrTrunc(here(first.value), element));
  define(vectors_[id], builder_.CreateAdd(base, steps), at);
  return vectors_[id];
}

// An i64 in 32 bits, or back; uniform ones are narrowed before they are spread.
llvm::Value* Generator::narrowed(Value* value, NodeId id, bool to_narrow) {
  const bool is_narrow = narrow(id);
  if (is_narrow == to_narrow) return value;
  return builder_.CreateSExtOrTrunc(value, shaped(value, to_narrow ? i32_ : i64_));
}

Slot Generator::lane_convert(NodeId id) {
  const Node& node = program_[id];
  const NodeId from_id = node.operands[0];
  const Node& from = program_[from_id];
  const DType to = node.type.dtype;
  const auto step = from.op == Op::index ? lanes_->varying->lane_coefficient(from_id) : std::nullopt;
  if (step && !narrow(from_id) && to.is_floating()) {
    // Through f64, which is exact for any index a loop can reach: conversions of 64-bit integers are slow.
    const Slot first = scalar_slot(from_id);
    const int at = std::max(first.level, lanes_->level);
    const Place place(*this, at);
    const auto width = static_cast<unsigned>(lanes_->width);
    Value* base = builder_.CreateVectorSplat(width, builder_.CreateSIToFP(here(first.value), f64_));
    Value* steps = builder_.CreateFMul(iota(f64_, lanes_->width), like(base, f64_, static_cast<double>(*step)));
    Value* exact = builder_.CreateFAdd(base, steps);
    Value* single = to == f64 ? exact : builder_.CreateFPTrunc(exact, shaped(exact, f32_));
    define(vectors_[id], to == f64 || to == f32 ? single : cast(single, f32, to), at);
    return vectors_[id];
  }
  const Slot operand = vector_slot(from_id);
  const Place place(*this, operand.level);
  const DType from_dtype = narrow(from_id) ? i32 : from.type.dtype;
  const DType to_dtype = narrow(id) ? i32 : to;
  Value* x = here(operand.value);
  define(vectors_[id], cast(x, from_dtype, to_dtype), operand.level);
  return vectors_[id];
}

Slot Generator::operation_slot(NodeId id, bool in_lanes) {
  const Node& node = program_[id];
  const int arity = node.op == Op::convert ? 1 : ir::row(node.op).arity;
  const NodeId last = node.operands[arity - 1];
  DType operand_dtype = program_[last].type.dtype;
  Slot slots[3];
  int at = in_lanes ? lanes_->level : 0;
  for (int k = 0; k < arity; ++k) {
    slots[k] = in_lanes ? vector_slot(node.operands[k]) : scalar_slot(node.operands[k]);
    at = std::max(at, slots[k].level);
  }
  const int cost = node.op == Op::convert ? 1 : ir::row(node.op).cost;
  if (cost >= expensive) {
    // A loop inside the expression cannot be put at the end of a finished block.
    if (operand_dtype.is_integer() && (node.op == Op::pow || node.op == Op::gcd || node.op == Op::lcm)) at = level();
    for (int k = level(); k > at; --k)
      if (scopes_[static_cast<std::size_t>(k)].branch) at = k;
  }

  const auto fits = [&](NodeId operand) {
    if (narrow(operand)) return true;
    const Node& n = program_[operand];
    return n.op == Op::constant && n.number.i >= INT32_MIN && n.number.i <= INT32_MAX;
  };
  bool small = false;  // 64-bit integers computed in 32 bits
  if (in_lanes && operand_dtype == i64) {
    if (wraps(node.op)) {
      small = narrow(id);
    } else if (is_comparison(node.op) || node.op == Op::minimum || node.op == Op::maximum || node.op == Op::select) {
      small = fits(last) && fits(node.operands[arity - 2]);
    }
  }
  const Place place(*this, at);
  Value* outer_mask = lanes_ != nullptr ? lanes_->mask : nullptr;
  if (lanes_ != nullptr && at < level()) lanes_->mask = scopes_[static_cast<std::size_t>(at)].mask;
  Value* x[3] = {};
  for (int k = 0; k < arity; ++k) {
    x[k] = here(slots[k].value);
    if (in_lanes && program_[node.operands[k]].type.dtype == i64) x[k] = narrowed(x[k], node.operands[k], small);
  }
  Value* result = node.op == Op::convert ? cast(x[0], operand_dtype, node.type.dtype)
                                         : operation(node.op, small ? i32 : operand_dtype, x);
  if (in_lanes && node.type.dtype == i64 && small != narrow(id))
    result = builder_.CreateSExtOrTrunc(result, shaped(result, narrow(id) ? i32_ : i64_));
  if (lanes_ != nullptr) lanes_->mask = outer_mask;
  Slot& slot = in_lanes ? vectors_[id] : scalars_[id];
  define(slot, result, at);
  return slot;
}

llvm::Value* Generator::trip_count(const ir::LoopDimension& d) {
  Value *begin = scalar(d.begin), *end = scalar(d.end), *step = scalar(d.step);
  Value *zero = builder_.getInt64(0), *one = builder_.getInt64(1);
  const auto* constant_step = llvm::dyn_cast<llvm::ConstantInt>(step);
  if (constant_step != nullptr && constant_step->isOne())
    return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, builder_.CreateSub(end, begin), zero, nullptr,
                                          "trips");
  Value* down = builder_.CreateICmpSLT(step, zero);
  Value* distance = builder_.CreateSelect(down, builder_.CreateSub(begin, end), builder_.CreateSub(end, begin));
  Value* size = builder_.CreateSelect(down, builder_.CreateNeg(step), step);
  size = builder_.CreateSelect(builder_.CreateICmpEQ(size, zero), one, size);
  Value* trips = builder_.CreateAdd(builder_.CreateUDiv(builder_.CreateSub(distance, one), size), one);
  return builder_.CreateSelect(builder_.CreateICmpSGT(distance, zero), trips, zero, "trips");
}

}  // namespace kiln::on_cpu
