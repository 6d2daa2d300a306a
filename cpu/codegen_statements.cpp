// Blocks, variables, conditions and while loops, in scalar code and under masks.
#include "cpu/codegen.h"

#include "core/planted_faults.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cpu {

using ir::BlockId;
using ir::Node;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::Statement;
using ir::VariableId;
using Kind = ir::Statement::Kind;

void Generator::statements(BlockId block) {
  Block* end = nullptr;  // where lanes meet again that have skipped the rest
  const auto& all = program_.blocks[block].statements;
  for (std::size_t k = 0; k < all.size() && is_live(); ++k) {
    const Statement& s = all[k];
    current_block_ = block;
    statement(s, block);
    if (s.kind == Kind::break_ || s.kind == Kind::continue_) break;
    if (s.kind == Kind::branch && is_live()) after_escape(s, end, k + 1 < all.size());
  }
  if (end == nullptr) return;
  if (is_live()) builder_.CreateBr(end);
  builder_.SetInsertPoint(end);
}

// Behind a conditional break or continue under a mask, fewer lanes go on; with none left the rest is skipped.
bool Generator::after_escape(const Statement& s, Block*& end, bool more) {
  if (lanes_ == nullptr || turns_.empty() || turns_.back().active == nullptr) return false;
  const Varying& varying = *lanes_->varying;
  if (!varying.escapes(s.body) && (s.otherwise == none || !varying.escapes(s.otherwise))) return false;
  lanes_->mask = and_mask(lanes_->mask, builder_.CreateLoad(mask_type(), turns_.back().active));
  if (!more) return true;
  if (end == nullptr) end = new_block("turn_end");
  Block* rest = new_block("rest");
  builder_.CreateCondBr(any(lanes_->mask), rest, end);
  builder_.SetInsertPoint(rest);
  return true;
}

void Generator::statement(const Statement& s, BlockId block) {
  switch (s.kind) {
    case Kind::evaluate: return evaluate(s.value);
    case Kind::assign: return assign(s, block);
    case Kind::reduce: return reduce(s, block);
    case Kind::store: return store(s);
    case Kind::update: return update(s);
    case Kind::loop: return loop(s);
    case Kind::while_: return while_loop(s);
    case Kind::branch: return branch(s);
    case Kind::break_:
    case Kind::continue_: return leave(s);
    case Kind::allocate: return allocate(s);
    case Kind::swap: return swap(s);
    case Kind::guard: return guard(s);
  }
}

// ---- variables ------------------------------------------------------------------------------------------------------

llvm::Value* Generator::variable(VariableId id) {
  if (variables_[id] != nullptr) return variables_[id];
  const DType dtype = program_.variables[id].type.dtype;
  const bool per_lane = lanes_ != nullptr && lanes_->varying->variable(id);
  variables_[id] =
      alloca_at_entry(per_lane ? lane_type(dtype, lanes_->varying->narrow_variable(id)) : register_type(dtype), "v");
  if (lanes_ != nullptr) lane_variables_.push_back(id);
  return variables_[id];
}

void Generator::evaluate(NodeId id) {
  const Node& node = program_[id];
  if (node.op == Op::load) return load(id);
  if (node.op != Op::read_variable) throw InternalError("only loads and variables are evaluated by a statement");
  auto* slot = llvm::cast<llvm::AllocaInst>(variable(node.id));
  if (slot->getFunction() != builder_.GetInsertBlock()->getParent()) {
    // A variable of the function around cannot change while the loop runs: its value comes in, not its address.
    const int around = body_->level - 1;
    const Place place(*this, around);
    return define(scalars_[id], builder_.CreateLoad(slot->getAllocatedType(), slot), around);
  }
  define(varies(id) ? vectors_[id] : scalars_[id], builder_.CreateLoad(slot->getAllocatedType(), slot), level());
  current_reads_.emplace_back(node.id, id);
}

void Generator::assign(const Statement& s, BlockId block) {
  if (lanes_ != nullptr && lanes_->varying->variable(s.target)) {
    assign_lanes(s, block);
  } else {
    Value* number = scalar(s.value);
    builder_.CreateStore(number, variable(s.target));
  }
  std::erase_if(current_reads_, [&](const auto& read) { return read.first == s.target; });
}

void Generator::assign_lanes(const Statement& s, BlockId block) {
  const Varying& varying = *lanes_->varying;
  const DType dtype = program_.variables[s.target].type.dtype;
  const bool is_narrow = varying.narrow_variable(s.target);
  auto* slot = llvm::cast<llvm::AllocaInst>(variable(s.target));
  Type* type = slot->getAllocatedType();
  const auto full = [&](NodeId id) { return dtype == i64 ? narrowed(vector(id), id, is_narrow) : vector(id); };
  if (lanes_->mask == nullptr || !varying.keeps_inactive(s.target, block)) {
    builder_.CreateStore(full(s.value), slot);
    return;
  }
  // n += x under a mask of the same width: inactive lanes add nothing, which is one instruction instead of two.
  const Node& sum = program_[s.value];
  if (sum.op == Op::add && dtype.is_integer() && type == mask_type() && varies(s.value)) {
    for (int k = 0; k < 2; ++k) {
      const std::pair<VariableId, NodeId> self{s.target, sum.operands[k]};
      if (std::find(current_reads_.begin(), current_reads_.end(), self) == current_reads_.end()) continue;
      Value* old = builder_.CreateLoad(type, slot);
      const Node& by = program_[sum.operands[1 - k]];
      Value* result = by.op == Op::constant && by.number.i == 1
                          ? builder_.CreateSub(old, lanes_->mask)
                          : builder_.CreateAdd(old, builder_.CreateAnd(full(sum.operands[1 - k]), lanes_->mask));
      builder_.CreateStore(result, slot);
      return;
    }
  }
  Value* result = full(s.value);
  builder_.CreateStore(choose(lanes_->mask, result, builder_.CreateLoad(type, slot)), slot);
}

// ---- masks ----------------------------------------------------------------------------------------------------------

llvm::Value* Generator::active_mask() {
  return lanes_->mask != nullptr ? lanes_->mask : llvm::Constant::getAllOnesValue(mask_type());
}

llvm::Value* Generator::and_mask(Value* mask, Value* other) {
  return mask == nullptr ? other : builder_.CreateAnd(mask, other);
}

// Whether any lane is active: registers are joined first, then one instruction takes the sign bits.
llvm::Value* Generator::any(Value* mask) {
  const auto* type = llvm::cast<llvm::FixedVectorType>(mask->getType());
  auto width = type->getNumElements();
  const unsigned native =
      std::max(1u, static_cast<unsigned>(target_.vector_bits) / type->getElementType()->getIntegerBitWidth());
  while (width > native) {
    llvm::SmallVector<int, 64> low, high;
    for (unsigned lane = 0; lane < width / 2; ++lane) {
      low.push_back(static_cast<int>(lane));
      high.push_back(static_cast<int>(lane + width / 2));
    }
    mask = builder_.CreateOr(builder_.CreateShuffleVector(mask, low), builder_.CreateShuffleVector(mask, high));
    width /= 2;
  }
  Value* signs = builder_.CreateICmpSLT(mask, llvm::Constant::getNullValue(mask->getType()));
  return builder_.CreateIsNotNull(builder_.CreateBitCast(signs, builder_.getIntNTy(width)));
}

// ---- control flow ---------------------------------------------------------------------------------------------------

void Generator::branch(const Statement& s) {
  forget_reads();
  if (varies(s.condition)) return branch_lanes(s);
  Value* condition = scalar(s.condition);
  Block* then = new_block("then");
  Block* done = new_block("endif");
  Block* otherwise = s.otherwise != none ? new_block("else") : done;
  builder_.CreateCondBr(condition, then, otherwise);
  Value* mask = lanes_ != nullptr ? lanes_->mask : nullptr;
  const auto arm = [&](Block* start, BlockId block) {
    builder_.SetInsertPoint(start);
    statements(block);
    if (is_live()) builder_.CreateBr(done);
    if (lanes_ != nullptr) lanes_->mask = mask;
    forget_reads();
  };
  push_scope(true, s.body);
  arm(then, s.body);
  pop_scope();
  if (s.otherwise != none) {
    Scope scope;
    scope.branch = true;
    scope.swaps = block_swaps_[s.otherwise] != 0;
    scopes_.push_back(std::move(scope));  // beside the other arm: the block before both stays the one to hoist to
    arm(otherwise, s.otherwise);
    pop_scope();
  }
  builder_.SetInsertPoint(done);
  // An arm that swaps nothing has pointers from before the branch, where the other arm has swapped them.
  const bool swaps = block_swaps_[s.body] != 0 || (s.otherwise != none && block_swaps_[s.otherwise] != 0);
  for (ir::RootId root = 0; swaps && root < data_.size(); ++root)
    if (data_[root] != nullptr) forget_pointer(root);
}

void Generator::branch_lanes(const Statement& s) {
  Value* condition = vector(s.condition);
  Value* outer = lanes_->mask;
  const auto arm = [&](Value* mask, BlockId block) {
    Block* then = new_block("then");
    Block* done = new_block("endif");
    builder_.CreateCondBr(any(mask), then, done);
    push_scope(true, block);
    builder_.SetInsertPoint(then);
    lanes_->mask = mask;
    statements(block);
    if (is_live()) builder_.CreateBr(done);
    pop_scope();
    lanes_->mask = outer;
    builder_.SetInsertPoint(done);
    forget_reads();
  };
  Value* others = s.otherwise != none ? and_mask(outer, builder_.CreateNot(condition)) : nullptr;
  arm(and_mask(outer, planted(Fault::wrong_mask) ? builder_.CreateNot(condition) : condition), s.body);
  if (others != nullptr) arm(others, s.otherwise);
}

void Generator::while_loop(const Statement& s) {
  forget_reads();
  if (lanes_ != nullptr && lanes_->varying->masked(s.otherwise)) return while_lanes(s);
  Block* header = new_block("while");
  Block* body = new_block("do");
  Block* done = new_block("endwhile");
  builder_.CreateBr(header);
  push_scope(false, s.otherwise);
  builder_.SetInsertPoint(header);
  statements(s.body);
  builder_.CreateCondBr(scalar(s.condition), body, done);
  builder_.SetInsertPoint(body);
  turns_.push_back({done, header, nullptr, nullptr, true});
  statements(s.otherwise);
  turns_.pop_back();
  if (is_live()) builder_.CreateBr(header);
  pop_scope();
  builder_.SetInsertPoint(done);
  forget_reads();
}

void Generator::while_lanes(const Statement& s) {
  Value* outer = lanes_->mask;
  Value* live = alloca_at_entry(mask_type(), "live");
  Value* active = lanes_->varying->escapes(s.otherwise) ? alloca_at_entry(mask_type(), "active") : nullptr;
  builder_.CreateStore(active_mask(), live);
  Block* header = new_block("while");
  Block* body = new_block("do");
  Block* done = new_block("endwhile");
  builder_.CreateBr(header);
  push_scope(false, s.otherwise);
  builder_.SetInsertPoint(header);
  lanes_->mask = builder_.CreateLoad(mask_type(), live);
  statements(s.body);
  Value* going = builder_.CreateAnd(lanes_->mask, vector(s.condition));
  builder_.CreateStore(going, live);
  builder_.CreateCondBr(any(going), body, done);
  builder_.SetInsertPoint(body);
  lanes_->mask = going;
  if (active != nullptr) builder_.CreateStore(going, active);
  turns_.push_back({done, header, live, active, true});
  statements(s.otherwise);
  turns_.pop_back();
  if (is_live()) builder_.CreateBr(header);
  pop_scope();
  lanes_->mask = outer;
  builder_.SetInsertPoint(done);
  forget_reads();
}

// break_ and continue_: a jump where all lanes take it, else lanes leave the masks.
void Generator::leave(const Statement& s) {
  for (auto turn = turns_.rbegin(); turn != turns_.rend(); ++turn) {
    if (s.kind == Kind::break_ && !turn->breakable) continue;
    if (turn->active == nullptr) {
      builder_.CreateBr(s.kind == Kind::break_ ? turn->exit : turn->next);
      return;
    }
    Value* stay = builder_.CreateNot(active_mask());
    const auto remove = [&](Value* masks) {
      if (masks != nullptr)
        builder_.CreateStore(builder_.CreateAnd(builder_.CreateLoad(mask_type(), masks), stay), masks);
    };
    remove(turn->active);
    if (s.kind == Kind::break_) remove(turn->live);
    return;
  }
  throw InternalError("break or continue outside a loop");
}

}  // namespace kiln::on_cpu
