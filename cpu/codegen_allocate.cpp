// Memory of the arrays a function makes: the launch's, of each thread its own, or the stack's.
#include "core/error_text.h"
#include "core/not_compiled.h"
#include "cpu/codegen.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace kiln::on_cpu {

using ir::Op;
using ir::Root;
using ir::Statement;
using Kind = Statement::Kind;
using llvm::Value;

namespace {

// Neighbouring threads' memory shares neither a cache line nor the pair of lines that is fetched together.
constexpr std::uint64_t thread_alignment = 128;

}  // namespace

// 0 where it is negative.
Value* Generator::extent_of(ir::RootId id, int axis) {
  const Root& root = program_.roots[id];
  if (root.kind != Root::Kind::parameter)
    return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, scalar(root.extents[axis]), builder_.getInt64(0));
  const auto field = static_cast<unsigned>(offsetof(detail::Layout, extents)) + 8 * static_cast<unsigned>(axis);
  return builder_.CreateLoad(
      i64_, builder_.CreateConstInBoundsGEP1_64(i8_, here(layout_of(root.argument).value), field), "extent");
}

// The size of a root's memory; the greatest number, which no memory has, where it is even larger.
Value* Generator::bytes_of(ir::RootId id) {
  const Root& root = program_.roots[id];
  Value* bytes = builder_.getInt64(root.dtype.size());
  Value* overflow = builder_.getFalse();
  for (int axis = 0; axis < root.rank; ++axis) {
    Value* extent = extent_of(id, axis);
    Value* pair = builder_.CreateIntrinsic(llvm::Intrinsic::smul_with_overflow, {i64_}, {bytes, extent});
    bytes = builder_.CreateExtractValue(pair, 0);
    overflow = builder_.CreateOr(overflow, builder_.CreateExtractValue(pair, 1));
  }
  return builder_.CreateSelect(overflow, builder_.getInt64(std::numeric_limits<std::int64_t>::max()), bytes);
}

// Calls one of the services that give memory; the function ends where there is none.
Value* Generator::call_allocate(std::size_t service, std::uint32_t root, Value* bytes) {
  Value* services = frame_field(offsetof(Frame, services), pointer_, "services");
  Value* function =
      builder_.CreateLoad(pointer_, builder_.CreateConstInBoundsGEP1_64(i8_, services, service), "allocate");
  Value* memory = builder_.CreateCall(llvm::FunctionType::get(pointer_, {pointer_, i32_, i64_}, false), function,
                                      {entry_.frame, builder_.getInt32(root), bytes});
  Block* failed = new_block("no_memory");
  Block* made = new_block("made");
  builder_.CreateCondBr(builder_.CreateIsNull(memory), failed, made);
  builder_.SetInsertPoint(failed);
  builder_.CreateRet(builder_.getInt32(static_cast<std::uint32_t>(status_no_memory)));
  builder_.SetInsertPoint(made);
  return memory;
}

// Whether an iteration's own array is small, and its size known when it is compiled.
bool Generator::fits_on_stack(ir::RootId id) const {
  constexpr std::uint64_t most = 16384;
  const Root& root = program_.roots[id];
  std::uint64_t total = root.dtype.size();
  for (int axis = 0; axis < root.rank; ++axis) {
    if (!program_.is_constant(root.extents[axis])) return false;
    const std::int64_t extent = std::max<std::int64_t>(program_[root.extents[axis]].number.i, 0);
    if (__builtin_mul_overflow(total, static_cast<std::uint64_t>(extent), &total) || total > most) return false;
  }
  return true;
}

// Whether a node can be computed at this point of the function.
bool Generator::is_known(ir::NodeId id) const {
  const ir::Node& node = program_[id];
  if (node.op == Op::index) return indices_[index_base_[node.id] + node.axis].value != nullptr;
  if (node.op == Op::load || node.op == Op::read_variable) return scalars_[id].value != nullptr;
  return std::all_of(std::begin(node.operands), std::end(node.operands),
                     [&](ir::NodeId operand) { return operand == ir::none || is_known(operand); });
}

// Before a distributed loop: memory for the arrays that its iterations make, one of each for a thread.
void Generator::allocate_per_thread(ir::BlockId block) {
  for (const Statement& s : program_.blocks[block].statements) {
    for (const ir::BlockId nested : {s.body, s.otherwise})
      if (nested != ir::none) allocate_per_thread(nested);
    if (s.kind != Kind::allocate || fits_on_stack(s.target)) continue;
    const Root& root = program_.roots[s.target];
    if (!std::all_of(root.extents, root.extents + root.rank, [&](ir::NodeId extent) { return is_known(extent); }))
      refuse(ir::extents_that_differ(root), s.location);
    // Rounded up, and so cut to what still can be.
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() - (thread_alignment - 1);
    Value* bytes = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, bytes_of(s.target), builder_.getInt64(most));
    bytes = builder_.CreateAnd(builder_.CreateAdd(bytes, builder_.getInt64(thread_alignment - 1)),
                               builder_.getInt64(~(thread_alignment - 1)));
    per_thread_[s.target] = {call_allocate(offsetof(RuntimeServices, allocate_per_thread), s.target, bytes), bytes};
  }
}

// One array for each lane, of every element the lanes' values side by side.
void Generator::allocate_in_lanes(const Statement& s) {
  const Root& root = program_.roots[s.target];
  if (!fits_on_stack(s.target) || swap_class_[s.target] != ir::none)
    refuse(text("a new ", root.dtype, " array of rank ", int{root.rank},
                " in the vector lanes of a prange must be small: make it before the loop, with an axis more"),
           s.location);
  std::uint64_t elements = 1;
  for (int axis = 0; axis < root.rank; ++axis)
    elements *= static_cast<std::uint64_t>(std::max<std::int64_t>(program_[root.extents[axis]].number.i, 0));
  auto* lanes = llvm::FixedVectorType::get(memory_type(root.dtype), static_cast<unsigned>(lanes_->width));
  Value* memory = alloca_at_entry(llvm::ArrayType::get(lanes, std::max<std::uint64_t>(elements, 1)), "local");
  llvm::cast<llvm::AllocaInst>(memory)->setAlignment(llvm::Align(64));
  define(pointers_[s.target], memory, level());
}

void Generator::allocate(const Statement& s) {
  const Root& root = program_.roots[s.target];
  Value* memory = nullptr;
  if (lanes_ != nullptr) return allocate_in_lanes(s);
  if (body_ == nullptr) {
    Value* bytes = bytes_of(s.target);
    // What a swap may have given to another root is not free in the next turn.
    const bool again = !turns_.empty() && swap_class_[s.target] == ir::none;
    memory = call_allocate(again ? offsetof(RuntimeServices, allocate_again) : offsetof(RuntimeServices, allocate),
                           s.target, bytes);
  } else if (const auto [all, bytes] = per_thread_[s.target]; all != nullptr) {
    Value* thread = builder_.CreateZExt(body_->function->getArg(4), i64_);
    memory = builder_.CreateGEP(i8_, here(all), builder_.CreateMul(thread, here(bytes)), "own");
  } else {
    const std::uint64_t most = std::accumulate(
        root.extents, root.extents + root.rank, root.dtype.size(), [&](std::uint64_t size, ir::NodeId extent) {
          return size * static_cast<std::uint64_t>(std::max<std::int64_t>(program_[extent].number.i, 0));
        });
    memory = alloca_at_entry(llvm::ArrayType::get(i8_, std::max<std::uint64_t>(most, 1)), "local");
    llvm::cast<llvm::AllocaInst>(memory)->setAlignment(llvm::Align(64));
  }
  if (swap_class_[s.target] == ir::none) return define(pointers_[s.target], memory, level());
  builder_.CreateStore(memory, here(data_[s.target]));
  builder_.CreateStore(builder_.getInt32(s.target), here(began_as_[s.target]));
  pointers_[s.target] = {};
  if (contiguous_[s.target]) return;
  Value* table = alloca_at_entry(llvm::ArrayType::get(i64_, max_rank), "strides");
  Value* distance = builder_.getInt64(1);
  for (int axis = root.rank - 1; axis >= 0; --axis) {
    builder_.CreateStore(distance, builder_.CreateConstInBoundsGEP1_64(i64_, table, axis));
    distance = builder_.CreateMul(distance, scalar(root.extents[axis]));
  }
  builder_.CreateStore(table, stride_tables_[s.target]);
}

}  // namespace kiln::on_cpu
