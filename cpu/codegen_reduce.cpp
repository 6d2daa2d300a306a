// Reductions in their fixed order: wide over parallel loops (rows of 256 bytes of accumulators, 32 rows to a block,
// lanes folded by halving, blocks by a tree of adjacent pairs), narrow over sequential ones (segments, then the same
// tree).
#include "cpu/codegen.h"

#include "core/planted_faults.h"

#include <kiln/error.h>

#include <algorithm>
#include <bit>

namespace kiln::on_cpu {

using ir::Op;
using ir::Statement;

namespace {

constexpr int rows_of_block = 32;
constexpr std::uint64_t tree_levels = 60;  // more than a count of blocks or segments has bits

}  // namespace

Reduction& Generator::reduction_of(ir::VariableId variable) {
  for (auto found = reductions_.rbegin(); found != reductions_.rend(); ++found)
    for (Reduction& r : **found)
      if (r.variable == variable) return r;
  throw InternalError("a reduction outside its loop");
}

llvm::Type* Generator::reduction_type(const Reduction& r) const {
  const bool per_lane = lanes_ != nullptr && lanes_->varying->variable(r.variable);
  return per_lane ? lane_type(r.dtype, false) : register_type(r.dtype);
}

// Also for vectors of masks, where all ones stands for true.
void Generator::store_identity(const Reduction& r, Type* type, Value* to) {
  Value* nothing = identity(r.op, r.dtype);
  const bool pairs = r.dtype.is_complex();
  if (const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(pairs ? type->getStructElementType(0) : type)) {
    if (r.dtype.is_bool()) nothing = builder_.CreateSExt(nothing, vector->getElementType());
    nothing = spread(nothing, vector->getNumElements());
  }
  builder_.CreateStore(nothing, to);
}

// What the iterations at hand contribute starts as nothing.
void Generator::begin_terms(std::vector<Reduction>& found, bool lanes_loop) {
  for (Reduction& r : found) {
    Type* type = lanes_loop ? lane_type(r.dtype, false) : reduction_type(r);
    r.in_lanes = lanes_ != nullptr;
    r.term = alloca_at_entry(type, "term");
    store_identity(r, type, r.term);
    r.fresh = true;
  }
}

void Generator::reduce(const Statement& s, ir::BlockId block) {
  Reduction& r = reduction_of(s.target);
  Type* type = llvm::cast<llvm::AllocaInst>(r.term)->getAllocatedType();
  if (lanes_ != nullptr && !r.in_lanes) {
    // The terms of one iteration of a loop around, lane by lane in their order.
    Value* numbers = lane_data(s.value);
    r.fresh = false;
    return for_each_active_lane([&](Value* lane) {
      Value* number = lane_of(numbers, lane);
      if (r.dtype.is_bool()) number = builder_.CreateIsNotNull(number);
      builder_.CreateStore(fold_step(r.op, r.dtype, builder_.CreateLoad(type, r.term), number), r.term);
    });
  }
  Value* number = nullptr;
  if (in_lanes(type)) {
    number = lane_data(s.value);
    if (lanes_->mask != nullptr) number = choose(lanes_->mask, number, splat(identity(r.op, r.dtype), r.dtype));
  } else {
    number = scalar(s.value);
  }
  // The first thing each iteration adds is its term as it is.
  const bool first = r.fresh && block == r.block;
  r.fresh = false;
  if (!first) number = fold_step(r.op, r.dtype, builder_.CreateLoad(type, r.term), number);
  builder_.CreateStore(number, r.term);
}

// Variable = old value op result.
void Generator::join(const Reduction& r, Value* result) {
  auto* slot = llvm::cast<llvm::AllocaInst>(variable(r.variable));
  // `order` gives each loop inside the one that is reduced over a variable of its own, which lives where that loop
  // stands.
  if (slot->getFunction() != builder_.GetInsertBlock()->getParent())
    throw InternalError("a reduction joins a variable outside the function of its loop");
  Value* joined = fold_step(r.op, r.dtype, builder_.CreateLoad(slot->getAllocatedType(), slot), result);
  const DType dtype = program_.variables[r.variable].type.dtype;
  builder_.CreateStore(dtype == r.dtype ? joined : round_half(joined, dtype), slot);
}

// ---- the tree of adjacent pairs, as a binary counter of partial sums ------------------------------------------------

void Generator::start_tree(Reduction& r, Type* type) {
  r.type = type;
  r.tree = true;
  r.partial = alloca_at_entry(llvm::ArrayType::get(type, tree_levels), "partial");
  r.count = alloca_at_entry(i64_, "count");
  builder_.CreateStore(builder_.getInt64(0), r.count);
}

void Generator::push_tree(Reduction& r, Value* sum) {
  Value* count = builder_.CreateLoad(i64_, r.count);
  Block* before = builder_.GetInsertBlock();
  Block* look = new_block("carry");
  Block* merge = new_block("merge");
  Block* done = new_block("pushed");
  builder_.CreateBr(look);
  builder_.SetInsertPoint(look);
  llvm::PHINode* carried = builder_.CreatePHI(r.type, 2);
  llvm::PHINode* depth = builder_.CreatePHI(i64_, 2);
  carried->addIncoming(sum, before);
  depth->addIncoming(builder_.getInt64(0), before);
  Value* slot = builder_.CreateGEP(r.type, r.partial, depth);
  Value* bit = builder_.CreateAnd(builder_.CreateLShr(count, depth), builder_.getInt64(1));
  builder_.CreateCondBr(builder_.CreateIsNotNull(bit), merge, done);
  builder_.SetInsertPoint(merge);
  carried->addIncoming(fold_step(r.op, r.dtype, builder_.CreateLoad(r.type, slot), carried), merge);
  depth->addIncoming(builder_.CreateAdd(depth, builder_.getInt64(1)), merge);
  builder_.CreateBr(look);
  builder_.SetInsertPoint(done);
  builder_.CreateStore(carried, slot);
  builder_.CreateStore(builder_.CreateAdd(count, builder_.getInt64(1)), r.count);
}

// Folds what is there with `rest`, the last leaf of the tree.
llvm::Value* Generator::finish_tree(Reduction& r, Value* rest) {
  Value* count = builder_.CreateLoad(i64_, r.count);
  Value* result = alloca_at_entry(r.type, "sum");
  builder_.CreateStore(rest, result);
  Block* before = builder_.GetInsertBlock();
  Block* look = new_block("level");
  Block* merge = new_block("merge");
  Block* next = new_block("next");
  Block* done = new_block("folded");
  builder_.CreateCondBr(builder_.CreateIsNotNull(count), look, done);
  builder_.SetInsertPoint(look);
  llvm::PHINode* left = builder_.CreatePHI(i64_, 2);
  llvm::PHINode* depth = builder_.CreatePHI(i64_, 2);
  left->addIncoming(count, before);
  depth->addIncoming(builder_.getInt64(0), before);
  builder_.CreateCondBr(builder_.CreateTrunc(left, bit_), merge, next);
  builder_.SetInsertPoint(merge);
  Value* part = builder_.CreateLoad(r.type, builder_.CreateGEP(r.type, r.partial, depth));
  builder_.CreateStore(fold_step(r.op, r.dtype, part, builder_.CreateLoad(r.type, result)), result);
  builder_.CreateBr(next);
  builder_.SetInsertPoint(next);
  Value* rest_of_count = builder_.CreateLShr(left, builder_.getInt64(1));
  left->addIncoming(rest_of_count, next);
  depth->addIncoming(builder_.CreateAdd(depth, builder_.getInt64(1)), next);
  builder_.CreateCondBr(builder_.CreateIsNotNull(rest_of_count), look, done);
  builder_.SetInsertPoint(done);
  return builder_.CreateLoad(r.type, result);
}

// ---- wide order -----------------------------------------------------------------------------------------------------

int Generator::block_size(const std::vector<Reduction>& found) const {
  int size = 0;
  for (const Reduction& r : found) size = std::max(size, block_of(r));
  return size;
}

llvm::Value* Generator::fold_lanes(Op op, DType dtype, Value* accumulator) {
  Type* type = dtype.is_complex() ? accumulator->getType()->getStructElementType(0) : accumulator->getType();
  auto lanes = llvm::cast<llvm::FixedVectorType>(type)->getNumElements();
  const bool adjacent = planted(Fault::unstable_reduction_order) && target_.vector_bits < 512;
  for (; lanes > 1; lanes /= 2) {
    llvm::SmallVector<int, 32> low, high;
    for (unsigned lane = 0; lane < lanes / 2; ++lane) {
      low.push_back(static_cast<int>(adjacent ? 2 * lane : lane));
      high.push_back(static_cast<int>(adjacent ? 2 * lane + 1 : lane + lanes / 2));
    }
    accumulator = fold_step(op, dtype, shuffled(accumulator, low), shuffled(accumulator, high));
  }
  Value* sum = lane_of(accumulator, builder_.getInt64(0));
  return dtype.is_bool() ? builder_.CreateIsNotNull(sum) : sum;
}

void Generator::close_block(Reduction& r, Value* sum) {
  if (r.tree) return push_tree(r, sum);
  Value* at = builder_.CreateLoad(i64_, r.count);
  builder_.CreateStore(to_memory(sum, r.dtype), builder_.CreateGEP(memory_type(r.dtype), here(r.partial), at));
  builder_.CreateStore(builder_.CreateAdd(at, builder_.getInt64(1)), r.count);
}

// One block, the elements `start` to `limit` of the loop's space.
void Generator::reduce_rows(const Statement& s, const Varying* varying, std::vector<Reduction>& found,
                            const std::vector<Value*>& trips, Value* start, Value* limit) {
  const bool same_lanes =
      std::all_of(found.begin(), found.end(), [&](const Reduction& r) { return r.lanes == found[0].lanes; });
  if (varying != nullptr && trips.size() == 1 && same_lanes) return reduce_block(s, *varying, found, start, limit);
  const int block = block_size(found);
  constexpr int slack = 128;  // the last lanes of a row may be stored past the block's end
  for (Reduction& r : found)
    r.buffer =
        alloca_at_entry(llvm::ArrayType::get(memory_type(r.dtype), static_cast<std::uint64_t>(block + slack)), "terms");
  if (varying == nullptr) {
    counted(
        start, limit, 1, "iteration",
        [&](Value* e, Block*, Block*) {
          decompose(s, trips, trips.size(), e);
          outer_body(s, found, builder_.CreateSub(e, start));
        },
        s.body);
  } else {
    Block* before = builder_.GetInsertBlock();
    Block* run = new_block("run");
    Block* done = new_block("runs_done");
    builder_.CreateBr(run);
    push_scope(false);
    builder_.SetInsertPoint(run);
    llvm::PHINode* e = builder_.CreatePHI(i64_, 2, "e");
    e->addIncoming(start, before);
    Value* width = here(trips.back());
    Value* from = builder_.CreateURem(e, width);
    decompose(s, trips, trips.size() - 1, builder_.CreateUDiv(e, width));
    Value* to = smaller(width, builder_.CreateAdd(from, builder_.CreateSub(limit, e)));
    run_of_terms(s, *varying, found, from, to, builder_.CreateSub(e, start));
    Value* following = builder_.CreateAdd(e, builder_.CreateSub(to, from));
    e->addIncoming(following, builder_.GetInsertBlock());
    builder_.CreateCondBr(builder_.CreateICmpSLT(following, limit), run, done);
    pop_scope();
    builder_.SetInsertPoint(done);
  }
  Value* length = builder_.CreateSub(limit, start);
  for (Reduction& r : found) {
    fill_identity(r, r.buffer, length, builder_.getInt64(static_cast<std::uint64_t>(block)));
    counted(builder_.getInt64(0), length, block_of(r), "fold", [&](Value* first, Block*, Block*) {
      close_block(r, fold_buffer(r, builder_.CreateGEP(memory_type(r.dtype), r.buffer, first)));
    });
  }
}

void Generator::fill_identity(const Reduction& r, Value* buffer, Value* from, Value* to) {
  counted(from, to, 1, "fill", [&](Value* k, Block*, Block*) {
    builder_.CreateStore(to_memory(identity(r.op, r.dtype), r.dtype),
                         builder_.CreateGEP(memory_type(r.dtype), buffer, k));
  });
}

llvm::Value* Generator::fold_buffer(const Reduction& r, Value* buffer) {
  const auto parts = static_cast<unsigned>(r.dtype.is_complex() ? 2 : 1);
  auto* in_memory =
      llvm::FixedVectorType::get(memory_type(ir::part_dtype(r.dtype)), parts * static_cast<unsigned>(r.lanes));
  Value* nothing = spread(to_memory(identity(r.op, r.dtype), r.dtype), static_cast<unsigned>(r.lanes));
  Type* type = nothing->getType();
  Value* accumulator = alloca_at_entry(type, "rows");
  builder_.CreateStore(nothing, accumulator);
  counted(builder_.getInt64(0), builder_.getInt64(rows_of_block), 1, "row", [&](Value* row, Block*, Block*) {
    Value* terms =
        builder_.CreateAlignedLoad(in_memory, builder_.CreateGEP(in_memory, buffer, row), alignment(r.dtype));
    if (r.dtype.is_complex()) terms = parts_of_pairs(terms);
    builder_.CreateStore(fold_step(r.op, r.dtype, builder_.CreateLoad(type, accumulator), terms), accumulator);
  });
  return fold_lanes(r.op, r.dtype, builder_.CreateLoad(type, accumulator));
}

// The terms of one run along the last dimension, into the buffers.
void Generator::run_of_terms(const Statement& s, const Varying& varying, std::vector<Reduction>& found, Value* from,
                             Value* to, Value* position) {
  const int native = native_lanes(varying, target_.vector_bits);
  const int width = 2 * native;
  const auto keep = [&](Value* k) {
    return [&, k] {
      for (Reduction& r : found) {
        Value* terms = to_memory(builder_.CreateLoad(lane_type(r.dtype, false), r.term), r.dtype);
        if (r.dtype.is_complex()) terms = pairs_of_parts(terms);
        Value* at = builder_.CreateAdd(position, builder_.CreateSub(k, from));
        builder_.CreateAlignedStore(terms, builder_.CreateGEP(memory_type(r.dtype), r.buffer, at), alignment(r.dtype));
      }
    };
  };
  Value* full = builder_.CreateAdd(
      from, builder_.CreateAnd(builder_.CreateSub(to, from), llvm::ConstantInt::getSigned(i64_, -width)));
  push_scope(false);
  counted(from, full, width, "lanes",
          [&](Value* k, Block*, Block*) { lane_body(s, varying, k, width, nullptr, keep(k)); });
  pop_scope();
  push_scope(false);
  counted(full, to, native, "tail",
          [&](Value* k, Block*, Block*) { lane_body(s, varying, k, native, builder_.CreateSub(to, k), keep(k)); });
  pop_scope();
}

// A block whose rows are next to each other: all accumulators stay in registers.
void Generator::reduce_block(const Statement& s, const Varying& varying, std::vector<Reduction>& found, Value* start,
                             Value* limit) {
  const int width = found[0].lanes;
  const int native = std::min(width, native_lanes(varying, target_.vector_bits));
  const auto type_of = [&](const Reduction& r, int lanes) -> Type* {
    if (r.dtype.is_complex()) {
      Type* part = llvm::FixedVectorType::get(register_type(ir::part_dtype(r.dtype)), static_cast<unsigned>(lanes));
      return llvm::StructType::get(part, part);
    }
    Type* element = r.dtype.is_bool() ? llvm::IntegerType::get(context_, static_cast<unsigned>(8 * varying.widest()))
                                      : register_type(r.dtype);
    return llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes));
  };
  for (Reduction& r : found) {
    r.accumulator = alloca_at_entry(type_of(r, width), "sums");
    store_identity(r, type_of(r, width), r.accumulator);
  }
  Value* rows = builder_.CreateLShr(
      builder_.CreateSub(limit, start),
      builder_.getInt64(static_cast<std::uint64_t>(std::countr_zero(static_cast<unsigned>(width)))));
  push_scope(false);
  counted(builder_.getInt64(0), rows, 1, "row", [&](Value* row, Block*, Block*) {
    Value* k = builder_.CreateAdd(start, builder_.CreateMul(row, builder_.getInt64(static_cast<std::uint64_t>(width))));
    lane_body(s, varying, k, width, nullptr, [&] {
      for (Reduction& r : found) {
        Type* type = type_of(r, width);
        Value* terms = builder_.CreateLoad(type, r.term);
        builder_.CreateStore(fold_step(r.op, r.dtype, builder_.CreateLoad(type, r.accumulator), terms), r.accumulator);
      }
    });
  });
  pop_scope();
  Value* rest =
      builder_.CreateAdd(start, builder_.CreateMul(rows, builder_.getInt64(static_cast<std::uint64_t>(width))));
  Block* tail = new_block("last_row");
  Block* fold = new_block("fold");
  builder_.CreateCondBr(builder_.CreateICmpSLT(rest, limit), tail, fold);
  push_scope(true);
  builder_.SetInsertPoint(tail);
  for (Reduction& r : found) {
    // In memory, so that the masked part is generated once, for one vector.
    r.buffer = alloca_at_entry(type_of(r, width), "last");
    builder_.CreateStore(builder_.CreateLoad(type_of(r, width), r.accumulator), r.buffer);
  }
  push_scope(false);
  counted(rest, limit, native, "piece", [&](Value* k, Block*, Block*) {
    lane_body(s, varying, k, native, builder_.CreateSub(limit, k), [&] {
      for (Reduction& r : found) {
        Type *piece = type_of(r, native), *whole = type_of(r, width);
        Value* at = builder_.CreateSub(k, rest);
        Value* sums = load_piece(piece, whole, r.buffer, at);
        store_piece(fold_step(r.op, r.dtype, sums, builder_.CreateLoad(piece, r.term)), whole, r.buffer, at);
      }
    });
  });
  pop_scope();
  for (Reduction& r : found) builder_.CreateStore(builder_.CreateLoad(type_of(r, width), r.buffer), r.accumulator);
  builder_.CreateBr(fold);
  pop_scope();
  builder_.SetInsertPoint(fold);
  for (Reduction& r : found)
    close_block(r, fold_lanes(r.op, r.dtype, builder_.CreateLoad(type_of(r, width), r.accumulator)));
}

// ---- distributed loops ----------------------------------------------------------------------------------------------

// Memory for the sums of all blocks, or for all terms, 8 bytes each (c128: 16): on the stack while there are few.
void Generator::make_scratch(std::vector<Reduction>& found, Value* total, bool terms) {
  constexpr std::uint64_t few = 64;
  std::vector<Value*> counts;
  Value* sum = builder_.getInt64(0);
  for (const Reduction& r : found) {
    Value* count = units_of(total, block_of(r));
    if (terms) count = builder_.CreateMul(count, builder_.getInt64(static_cast<std::uint64_t>(block_of(r))));
    if (r.dtype == c128) count = builder_.CreateShl(count, std::uint64_t{1});
    counts.push_back(count);
    sum = builder_.CreateAdd(sum, count);
  }
  Block* before = builder_.GetInsertBlock();
  Block* ask = new_block("scratch");
  Block* done = new_block("scratch_made");
  Value* stack = alloca_at_entry(llvm::ArrayType::get(i64_, few), "few");
  builder_.CreateCondBr(builder_.CreateICmpULE(sum, builder_.getInt64(few)), done, ask);
  builder_.SetInsertPoint(ask);
  // Named after a variable, so that a loop around finds it again in its next turn.
  const auto name = static_cast<std::uint32_t>(program_.roots.size()) + found.front().variable;
  Value* memory =
      call_allocate(offsetof(RuntimeServices, allocate_again), name, builder_.CreateShl(sum, std::uint64_t{3}));
  ask = builder_.GetInsertBlock();
  builder_.CreateBr(done);
  builder_.SetInsertPoint(done);
  llvm::PHINode* base = builder_.CreatePHI(pointer_, 2);
  base->addIncoming(stack, before);
  base->addIncoming(memory, ask);
  Value* next = base;
  for (std::size_t k = 0; k < found.size(); ++k) {
    found[k].partial = found[k].buffer = next;
    found[k].tree = false;
    next = builder_.CreateGEP(i64_, next, counts[k]);
  }
}

void Generator::fold_partials(std::vector<Reduction>& found, Value* total, bool terms) {
  for (Reduction& r : found) {
    Value* kept = r.partial;
    Type* element = memory_type(r.dtype);
    start_tree(r, register_type(r.dtype));
    if (terms) {
      Value* units =
          builder_.CreateMul(units_of(total, block_of(r)), builder_.getInt64(static_cast<std::uint64_t>(block_of(r))));
      fill_identity(r, kept, total, units);
      counted(builder_.getInt64(0), units, block_of(r), "block", [&](Value* first, Block*, Block*) {
        push_tree(r, fold_buffer(r, builder_.CreateGEP(element, kept, first)));
      });
    } else {
      counted(builder_.getInt64(0), units_of(total, block_of(r)), 1, "block", [&](Value* k, Block*, Block*) {
        push_tree(r, from_memory(builder_.CreateLoad(element, builder_.CreateGEP(element, kept, k)), r.dtype));
      });
    }
    join(r, finish_tree(r, identity(r.op, r.dtype)));
  }
}

// ---- narrow order ---------------------------------------------------------------------------------------------------

void Generator::begin_narrow(const Statement& s, std::vector<Reduction>& found) {
  const ir::Loop& l = program_.loops[s.target];
  const auto constant_number = [&](ir::NodeId id) {
    return program_.is_constant(id) ? program_[id].number.i : INT64_MIN;
  };
  const std::int64_t begin = constant_number(l.dimensions[0].begin), end = constant_number(l.dimensions[0].end);
  const bool one_segment =
      begin != INT64_MIN && end != INT64_MIN && end - begin <= l.segment && begin - end <= l.segment;
  for (Reduction& r : found) {
    Type* type = reduction_type(r);
    if (one_segment)
      r.tree = false;
    else
      start_tree(r, type);
    r.accumulator = alloca_at_entry(type, "sum");
    store_identity(r, type, r.accumulator);
  }
}

// Behind an iteration: its terms are added; a full segment goes to the tree.
void Generator::end_turn_narrow(const Statement& s, std::vector<Reduction>& found, Value* turn) {
  if (found.empty()) return;
  for (Reduction& r : found) {
    Type* type = llvm::cast<llvm::AllocaInst>(r.accumulator)->getAllocatedType();
    Value* sum = fold_step(r.op, r.dtype, builder_.CreateLoad(type, r.accumulator), builder_.CreateLoad(type, r.term));
    builder_.CreateStore(sum, r.accumulator);
  }
  if (turn == nullptr || !found[0].tree) return;
  Value* done_turns = builder_.CreateAdd(turn, builder_.getInt64(1));
  Value* in_segment = builder_.CreateURem(done_turns, builder_.getInt64(program_.loops[s.target].segment));
  Block* full = new_block("segment");
  Block* more = new_block("segment_open");
  builder_.CreateCondBr(builder_.CreateIsNull(in_segment), full, more);
  builder_.SetInsertPoint(full);
  for (Reduction& r : found) {
    push_tree(r, builder_.CreateLoad(r.type, r.accumulator));
    store_identity(r, r.type, r.accumulator);
  }
  builder_.CreateBr(more);
  builder_.SetInsertPoint(more);
}

void Generator::end_narrow(std::vector<Reduction>& found) {
  for (Reduction& r : found) {
    Type* type = llvm::cast<llvm::AllocaInst>(r.accumulator)->getAllocatedType();
    Value* rest = builder_.CreateLoad(type, r.accumulator);
    join(r, r.tree ? finish_tree(r, rest) : rest);
  }
}

}  // namespace kiln::on_cpu
