// What ends a call with an error: guards, and indices that are compared with their extents where they are used.
#include "cpu/codegen.h"

#include "core/planted_faults.h"

#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/MDBuilder.h>

#include <algorithm>

namespace kiln::on_cpu {

using ir::NodeId;
using ir::none;
using ir::Statement;
using Kind = Statement::Kind;

// ---- the way out ----------------------------------------------------------------------------------------------------

// Ends the function with a status where `bad` holds. `tell` makes the values that the error shows.
void Generator::fail_if(Value* bad, Value* status, const std::function<void(std::vector<Value*>&)>& tell) {
  Block* failed = new_block("failed");
  Block* passed = new_block("passed");
  builder_.CreateCondBr(bad, failed, passed, llvm::MDBuilder(context_).createBranchWeights(1, 2000));
  push_scope(true);
  builder_.SetInsertPoint(failed);
  std::vector<Value*> values;
  tell(values);
  FunctionContext& context = body_ != nullptr ? *body_ : entry_;
  if (context.told == nullptr) context.told = alloca_at_entry(llvm::ArrayType::get(i64_, most_shown), "told");
  for (std::size_t k = 0; k < values.size(); ++k)
    builder_.CreateStore(values[k], builder_.CreateConstInBoundsGEP1_64(i64_, context.told, k));
  Value* services = frame_field(offsetof(Frame, services), pointer_, "services");
  Value* fail = builder_.CreateLoad(
      pointer_, builder_.CreateConstInBoundsGEP1_64(i8_, services, offsetof(RuntimeServices, fail)), "fail");
  Value* position = body_ != nullptr && position_ != nullptr ? position_ : builder_.getInt64(0);
  builder_.CreateCall(
      llvm::FunctionType::get(void_, {pointer_, i64_, i32_, pointer_, i32_}, false), fail,
      {context.frame, position, status, context.told, builder_.getInt32(static_cast<std::uint32_t>(values.size()))});
  leave_failed(status);
  pop_scope();
  builder_.SetInsertPoint(passed);
}

// The body of a distributed loop has no status: the function around it asks the frame (return_failure).
void Generator::leave_failed(Value* status) {
  if (std::any_of(parallel_.begin(), parallel_.end(), [&](ir::LoopId loop) { return program_.loops[loop].streaming; }))
    builder_.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {}, {});
  if (body_ != nullptr)
    builder_.CreateRetVoid();
  else
    builder_.CreateRet(status);
}

// Whether a statement under the block can end the call.
bool Generator::may_fail(ir::BlockId block) const {
  const auto& all = program_.blocks[block].statements;
  return std::any_of(all.begin(), all.end(), [&](const Statement& s) {
    return s.kind == Kind::guard || s.checked != 0 ||
           (s.kind == Kind::evaluate && program_[s.value].op == ir::Op::load && program_[s.value].checked != 0) ||
           (s.body != none && may_fail(s.body)) || (s.otherwise != none && may_fail(s.otherwise));
  });
}

// In the body of a distributed loop: iterations behind one that failed are not run. Those before it are, so that the
// error is of the first that fails, whichever thread runs ahead.
void Generator::stop_behind_failure(Value* position) {
  Value* field = builder_.CreateConstInBoundsGEP1_64(i8_, body_->frame, offsetof(Frame, failed_at));
  llvm::LoadInst* failed_at = builder_.CreateAlignedLoad(i64_, field, llvm::Align(8), "failed_at");
  failed_at->setAtomic(llvm::AtomicOrdering::Monotonic);
  Block* stop = new_block("stop");
  Block* go_on = new_block("go_on");
  builder_.CreateCondBr(builder_.CreateICmpSLT(failed_at, position), stop, go_on,
                        llvm::MDBuilder(context_).createBranchWeights(1, 2000));
  builder_.SetInsertPoint(stop);
  leave_failed(nullptr);
  builder_.SetInsertPoint(go_on);
}

// Behind a distributed loop.
void Generator::return_failure() {
  Value* failed_at = frame_field(offsetof(Frame, failed_at), i64_, "failed_at");
  Block* failed = new_block("failed");
  Block* passed = new_block("passed");
  builder_.CreateCondBr(builder_.CreateICmpEQ(failed_at, builder_.getInt64(nothing_failed)), passed, failed);
  builder_.SetInsertPoint(failed);
  builder_.CreateRet(frame_field(offsetof(Frame, failed_status), i32_, "status"));
  builder_.SetInsertPoint(passed);
}

// The number of the first lane that is set.
llvm::Value* Generator::lowest_lane(Value* bits) {
  const auto width = llvm::cast<llvm::FixedVectorType>(bits->getType())->getNumElements();
  Value* number = builder_.CreateBitCast(bits, builder_.getIntNTy(width));
  Value* first = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, number, builder_.getFalse());
  return builder_.CreateZExtOrTrunc(first, i64_);
}

// An i64 node's value in a lane; `lane` is null in scalar code.
llvm::Value* Generator::one_lane(NodeId id, Value* lane) {
  return varies(id) ? builder_.CreateExtractElement(lane_data(id), lane) : scalar(id);
}

// ---- what can fail --------------------------------------------------------------------------------------------------

void Generator::guard(const Statement& s) {
  Value* broken = builder_.CreateNot(varies(s.condition) ? truth(vector(s.condition)) : scalar(s.condition));
  Value* lanes = nullptr;  // those it does not hold for
  if (broken->getType()->isVectorTy()) {
    lanes = lanes_->mask != nullptr ? builder_.CreateAnd(broken, truth(lanes_->mask)) : broken;
    broken = any(builder_.CreateSExt(lanes, mask_type()));
  } else if (lanes_ != nullptr) {
    lanes = truth(active_mask());
  }
  fail_if(broken, builder_.getInt32(s.message + 1), [&](std::vector<Value*>& values) {
    Value* lane = lanes != nullptr ? lowest_lane(lanes) : nullptr;
    const auto& shown = program_.messages[s.message].shown;
    for (std::size_t k = 0; k < std::min(shown.size(), most_shown); ++k) values.push_back(one_lane(shown[k], lane));
  });
}

// The indices on these axes must be inside. `active`: in scalar code whether the access takes place at all, in lanes
// the mask of those where it does; null: it does, in all lanes.
void Generator::check_indices(ir::RootId root, std::uint8_t axes, std::uint32_t first, std::uint32_t location,
                              Value* active) {
  if (axes == 0 || planted(Fault::missing_index_check)) return;
  struct Checked {
    std::uint32_t axis;
    Value* outside;
  };
  std::vector<Checked> checked;
  bool in_lanes = false;
  for (std::uint32_t axis = 0; axis < max_rank; ++axis) {
    if ((axes >> axis & 1) == 0) continue;
    const NodeId id = program_.indices[first + axis];
    const Slot limit = extent(root, static_cast<int>(axis));
    if (!varies(id)) {
      // One comparison for both ends: what is negative is large without its sign.
      checked.push_back({axis, builder_.CreateICmpUGE(scalar(id), here(limit.value))});
      continue;
    }
    in_lanes = true;
    Value* spread = nullptr;
    {
      const Place place(*this, std::max(limit.level, lanes_->level));
      Value* number = here(limit.value);
      if (narrow(id)) {
        Value* most = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, number, builder_.getInt64(1u << 31));
        number = builder_.CreateTrunc(most, i32_);
      }
      spread = builder_.CreateVectorSplat(static_cast<unsigned>(lanes_->width), number);
    }
    checked.push_back({axis, builder_.CreateICmpUGE(vector(id), spread)});
  }
  Value* lanes = nullptr;
  Value* outside = nullptr;
  if (in_lanes) {
    for (Checked& c : checked)
      if (!c.outside->getType()->isVectorTy())
        c.outside = builder_.CreateVectorSplat(static_cast<unsigned>(lanes_->width), c.outside);
  }
  for (const Checked& c : checked) outside = outside == nullptr ? c.outside : builder_.CreateOr(outside, c.outside);
  if (in_lanes) {
    lanes = active != nullptr ? builder_.CreateAnd(outside, truth(active)) : outside;
    outside = any(builder_.CreateSExt(lanes, mask_type()));
  } else if (active != nullptr) {
    outside = builder_.CreateAnd(outside, active->getType()->isVectorTy() ? any(active) : active);
  }
  Value* status = builder_.getInt32(static_cast<std::uint32_t>(status_outside));
  fail_if(outside, status, [&](std::vector<Value*>& values) {
    Value* lane = in_lanes ? lowest_lane(lanes) : nullptr;
    // The first axis that is outside in that lane.
    Value *axis = nullptr, *index = nullptr;
    for (auto c = checked.rbegin(); c != checked.rend(); ++c) {
      Value* number = builder_.getInt64(c->axis);
      Value* at = one_lane(program_.indices[first + c->axis], lane);
      if (axis == nullptr) {
        axis = number;
        index = at;
        continue;
      }
      Value* is_this = in_lanes ? builder_.CreateExtractElement(c->outside, lane) : c->outside;
      axis = builder_.CreateSelect(is_this, number, axis);
      index = builder_.CreateSelect(is_this, at, index);
    }
    values = {builder_.getInt64(root), builder_.getInt64(location), axis, index};  // in the order of Outside
    for (int k = 0; k < program_.roots[root].rank; ++k) values.push_back(here(extent(root, k).value));
  });
}

}  // namespace kiln::on_cpu
