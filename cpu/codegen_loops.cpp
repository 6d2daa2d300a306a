// Sequential and parallel loops, and lanes.
#include "core/visit.h"
#include "cpu/codegen.h"

#include "core/planted_faults.h"

#include <kiln/error.h>

#include <llvm/IR/IntrinsicsX86.h>

#include <algorithm>
#include <bit>
#include <tuple>

namespace kiln::on_cpu {

using ir::BlockId;
using ir::none;
using ir::Role;
using ir::Statement;
using Kind = ir::Statement::Kind;

// A loop from `first` below `last`; tested at its end, so that a turn costs one jump.
void Generator::counted(Value* first, Value* last, std::int64_t step, const char* name,
                        const std::function<void(Value*, Block*, Block*)>& body, BlockId block) {
  Block* start = new_block(name);
  Block* next = new_block("next");
  Block* exit = new_block("done");
  Block* before = builder_.GetInsertBlock();
  builder_.CreateCondBr(builder_.CreateICmpSLT(first, last), start, exit);
  push_scope(false, block);
  builder_.SetInsertPoint(start);
  llvm::PHINode* k = builder_.CreatePHI(i64_, 2, "k");
  k->addIncoming(first, before);
  body(k, next, exit);
  if (is_live()) builder_.CreateBr(next);
  builder_.SetInsertPoint(next);
  Value* following = builder_.CreateAdd(k, llvm::ConstantInt::getSigned(i64_, step), "", false, true);
  k->addIncoming(following, next);
  builder_.CreateCondBr(builder_.CreateICmpSLT(following, last), start, exit);
  pop_scope();
  builder_.SetInsertPoint(exit);
}

void Generator::set_index(ir::LoopId loop, std::uint32_t dimension, Value* k) {
  const ir::LoopDimension& d = program_.loops[loop].dimensions[dimension];
  Value* moved = builder_.CreateMul(k, scalar(d.step));
  define(indices_[index_base_[loop] + dimension], builder_.CreateAdd(scalar(d.begin), moved), level());
}

llvm::Value* Generator::product(const std::vector<Value*>& trips, std::size_t dimensions) {
  Value* result = builder_.getInt64(1);
  for (std::size_t d = 0; d < dimensions; ++d) result = builder_.CreateMul(result, trips[d]);
  return result;
}

llvm::Value* Generator::units_of(Value* count, std::int64_t size) {
  return builder_.CreateSDiv(builder_.CreateAdd(count, builder_.getInt64(static_cast<std::uint64_t>(size - 1))),
                             builder_.getInt64(static_cast<std::uint64_t>(size)));
}

llvm::Value* Generator::smaller(Value* a, Value* b) {
  return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b);
}

void Generator::nest(const Statement& s, const std::vector<Value*>& trips, std::size_t dimensions, std::size_t from,
                     const std::function<void()>& body) {
  if (from == dimensions) return body();
  counted(
      builder_.getInt64(0), here(trips[from]), 1, "row",
      [&](Value* k, Block*, Block*) {
        set_index(s.target, static_cast<std::uint32_t>(from), k);
        nest(s, trips, dimensions, from + 1, body);
      },
      s.body);
}

// The indices of the first dimensions from their common row number.
void Generator::decompose(const Statement& s, const std::vector<Value*>& trips, std::size_t dimensions, Value* row) {
  for (std::size_t d = dimensions; d-- > 0;) {
    Value* k = row;
    if (d > 0) {
      Value* extent = here(trips[d]);
      k = builder_.CreateURem(row, extent);
      row = builder_.CreateUDiv(row, extent);
    }
    set_index(s.target, static_cast<std::uint32_t>(d), k);
  }
}

// ---- which loop runs how --------------------------------------------------------------------------------------------

void Generator::loop(const Statement& s) {
  forget_reads();
  const ir::Loop& l = program_.loops[s.target];
  if (l.parallel && lanes_ == nullptr) {
    parallel_.push_back(s.target);
    parallel_loop(s);
    parallel_.pop_back();
  } else if (lanes_ != nullptr) {
    if (l.parallel && !reductions_of(s).empty())
      refuse(
          "a reduction over a prange in the vector lanes of another is not compiled yet: use range for the inner one",
          s.location);
    sequential_lanes(s);
  } else {
    sequential_loop(s);
  }
  forget_reads();
}

bool Generator::has_parallel(BlockId block) const {
  for (const Statement& s : program_.blocks[block].statements) {
    if (s.kind == Kind::loop && program_.loops[s.target].parallel) return true;
    if (s.body != none && has_parallel(s.body)) return true;
    if (s.otherwise != none && has_parallel(s.otherwise)) return true;
  }
  return false;
}

bool Generator::has_allocate(BlockId block) const {
  for (const Statement& s : program_.blocks[block].statements) {
    if (s.kind == Kind::allocate) return true;
    if (s.body != none && has_allocate(s.body)) return true;
    if (s.otherwise != none && has_allocate(s.otherwise)) return true;
  }
  return false;
}

bool Generator::runs_in_lanes(const Statement& s) const {
  const Role role = program_.loops[s.target].role;
  return role == Role::lanes || (role == Role::sequential && !has_parallel(s.body) && !has_allocate(s.body));
}

int Generator::native_lanes(const Varying& varying, int vector_bits) const {
  return std::max(1, std::min(vector_bits, target_.vector_bits) / (8 * varying.widest()));
}

void Generator::find_reductions(BlockId block, ir::LoopId loop, std::vector<Reduction>& found) const {
  for (const Statement& s : program_.blocks[block].statements) {
    if (s.kind == Kind::reduce && s.loop == loop &&
        std::none_of(found.begin(), found.end(), [&](const Reduction& r) { return r.variable == s.target; })) {
      Reduction r;
      r.variable = s.target;
      r.op = s.op;
      r.dtype = ir::accumulator_dtype(program_.variables[s.target].type.dtype);
      r.lanes = ir::lanes_of(r.dtype);
      found.push_back(r);
    }
    if (s.body != none) find_reductions(s.body, loop, found);
    if (s.otherwise != none) find_reductions(s.otherwise, loop, found);
  }
}

std::vector<Reduction> Generator::reductions_of(const Statement& s) const {
  std::vector<Reduction> found;
  find_reductions(s.body, s.target, found);
  for (Reduction& r : found) r.block = s.body;
  return found;
}

// ---- sequential loops -----------------------------------------------------------------------------------------------

// A few turns over the elements of the lanes' own arrays are written out: indexed by constants these become registers.
bool Generator::is_unrolled(const Statement& s) const {
  constexpr std::int64_t most_turns = 8;
  if (lanes_ == nullptr || lanes_->varying->escapes(s.body)) return false;
  std::int64_t turns = 1;
  for (const ir::LoopDimension& d : program_.loops[s.target].dimensions) {
    if (!program_.is_constant(d.begin) || !program_.is_constant(d.end) || !program_.is_constant(d.step)) return false;
    if (program_[d.begin].number.i != 0 || program_[d.step].number.i != 1) return false;
    turns *= std::clamp<std::int64_t>(program_[d.end].number.i, 0, most_turns + 1);
    if (turns > most_turns) return false;
  }
  bool touches = false;
  for (const Statement& each : program_.blocks[s.body].statements) {
    if (each.kind == Kind::loop || each.kind == Kind::while_ || each.kind == Kind::branch) return false;
    if (each.kind == Kind::store || each.kind == Kind::update) touches |= lanes_->varying->local(each.target);
    if (each.kind == Kind::evaluate && program_[each.value].op == ir::Op::load)
      touches |= lanes_->varying->local(program_[each.value].id);
  }
  return touches;
}

void Generator::unrolled(const Statement& s, std::size_t dimension) {
  const ir::Loop& l = program_.loops[s.target];
  if (dimension == l.dimensions.size()) return statements(s.body);
  for (std::int64_t k = 0; k < program_[l.dimensions[dimension].end].number.i; ++k) {
    Block* turn = new_block("turn");
    builder_.CreateBr(turn);
    push_scope(false, s.body);
    builder_.SetInsertPoint(turn);
    set_index(s.target, static_cast<std::uint32_t>(dimension), builder_.getInt64(static_cast<std::uint64_t>(k)));
    unrolled(s, dimension + 1);
    pop_scope();
  }
}

void Generator::sequential_loop(const Statement& s) {
  const ir::Loop& l = program_.loops[s.target];
  std::vector<Reduction> found = reductions_of(s);
  if (found.empty() && is_unrolled(s)) return unrolled(s, 0);
  if (l.dimensions.size() != 1) {
    if (!found.empty() || l.has_break)
      refuse(
          "a loop of several dimensions that reduces or breaks is not compiled yet: write a range for each dimension",
          s.location);
    std::vector<Value*> trips;
    for (const ir::LoopDimension& d : l.dimensions) trips.push_back(trip_count(d));
    nest(s, trips, trips.size(), 0, [&] { outer_body(s, found, nullptr); });
    return;
  }
  Value* trips = trip_count(l.dimensions[0]);
  begin_narrow(s, found);
  reductions_.push_back(&found);
  counted(
      builder_.getInt64(0), trips, 1, "loop",
      [&](Value* k, Block* next, Block* exit) {
        set_index(s.target, 0, k);
        begin_terms(found, false);
        Block* turned = found.empty() ? next : new_block("turn");
        Block* broken = found.empty() || !l.has_break ? exit : new_block("broken");
        turns_.push_back({broken, turned, nullptr, nullptr, true});
        statements(s.body);
        turns_.pop_back();
        if (found.empty()) return;
        if (is_live()) builder_.CreateBr(turned);
        if (l.has_break) {
          builder_.SetInsertPoint(broken);
          end_turn_narrow(s, found, nullptr);
          builder_.CreateBr(exit);
        }
        builder_.SetInsertPoint(turned);
        end_turn_narrow(s, found, k);
      },
      s.body);
  reductions_.pop_back();
  end_narrow(found);
}

// Inside lanes: all lanes in step, under a mask where they begin, end or leave differently.
void Generator::sequential_lanes(const Statement& s) {
  const ir::Loop& l = program_.loops[s.target];
  const Varying& varying = *lanes_->varying;
  if (!varying.masked(s.body)) return sequential_loop(s);
  if (l.dimensions.size() != 1)
    refuse(
        "a loop of several dimensions whose bounds differ between the iterations of a prange is not compiled yet: "
        "write "
        "a range for each dimension",
        s.location);
  const ir::LoopDimension& d = l.dimensions[0];
  const bool same_bounds = !varying.node(d.begin) && !varying.node(d.end) && !varying.node(d.step);
  Value *trips = nullptr, *begin = nullptr, *step = nullptr;
  if (same_bounds) {
    trips = trip_count(d);
  } else {
    begin = lane_data(d.begin);
    step = lane_data(d.step);
    Value* end = lane_data(d.end);
    Value* zero = llvm::Constant::getNullValue(step->getType());
    Value* one = llvm::ConstantInt::get(step->getType(), 1);
    Value* down = builder_.CreateICmpSLT(step, zero);
    Value* distance = builder_.CreateSelect(down, builder_.CreateSub(begin, end), builder_.CreateSub(end, begin));
    if (varying.node(d.step) || !program_.is_constant(d.step) || program_[d.step].number.i != 1) {
      Value* const operands[] = {builder_.CreateSub(distance, one),
                                 builder_.CreateSelect(down, builder_.CreateNeg(step), step)};
      Value* more = builder_.CreateAdd(divide_integers(ir::Op::floordiv, i64, operands[0], operands[1]), one);
      distance = builder_.CreateSelect(builder_.CreateICmpSGT(distance, zero), more, zero);
    }
    trips = distance;
  }
  std::vector<Reduction> found = reductions_of(s);
  begin_narrow(s, found);
  reductions_.push_back(&found);
  Value* outer = lanes_->mask;
  Value* live = alloca_at_entry(mask_type(), "live");
  Value* active = varying.escapes(s.body) ? alloca_at_entry(mask_type(), "active") : nullptr;
  builder_.CreateStore(active_mask(), live);
  Block* before = builder_.GetInsertBlock();
  Block* header = new_block("loop");
  Block* body = new_block("turn");
  Block* done = new_block("done");
  builder_.CreateBr(header);
  push_scope(false, s.body);
  builder_.SetInsertPoint(header);
  llvm::PHINode* k = builder_.CreatePHI(i64_, 2, "k");
  k->addIncoming(builder_.getInt64(0), before);
  Value* mask = builder_.CreateLoad(mask_type(), live);
  Value* spread = nullptr;
  if (same_bounds) {
    Block* more = new_block("in_range");
    builder_.CreateCondBr(builder_.CreateICmpSLT(k, trips), more, done);
    builder_.SetInsertPoint(more);
  } else {
    spread = builder_.CreateVectorSplat(static_cast<unsigned>(lanes_->width), k);
    mask = builder_.CreateAnd(mask, builder_.CreateSExt(builder_.CreateICmpSLT(spread, trips), mask_type()));
    builder_.CreateStore(mask, live);
  }
  builder_.CreateCondBr(any(mask), body, done);
  builder_.SetInsertPoint(body);
  lanes_->mask = mask;
  if (active != nullptr) builder_.CreateStore(mask, active);
  if (varying.node(d.begin) || varying.node(d.step))
    define(lane_indices_[index_base_[s.target]], builder_.CreateAdd(begin, builder_.CreateMul(spread, step)), level());
  else
    set_index(s.target, 0, k);
  begin_terms(found, false);
  turns_.push_back({nullptr, nullptr, live, active, true});
  statements(s.body);
  turns_.pop_back();
  end_turn_narrow(s, found, k);
  k->addIncoming(builder_.CreateAdd(k, builder_.getInt64(1)), builder_.GetInsertBlock());
  builder_.CreateBr(header);
  pop_scope();
  lanes_->mask = outer;
  builder_.SetInsertPoint(done);
  reductions_.pop_back();
  end_narrow(found);
}

// ---- parallel loops -------------------------------------------------------------------------------------------------

void Generator::parallel_loop(const Statement& s) {
  const ir::Loop& l = program_.loops[s.target];
  if (l.role == Role::columns) return columns_loop(s);
  std::vector<Value*> trips;
  for (const ir::LoopDimension& d : l.dimensions) trips.push_back(trip_count(d));
  std::unique_ptr<Varying> varying;
  if (runs_in_lanes(s)) varying = std::make_unique<Varying>(program_, s);
  std::vector<Reduction> found = reductions_of(s);
  reductions_.push_back(&found);
  if (l.distribute && body_ == nullptr) {
    distributed(s, varying.get(), trips, found);
  } else if (found.empty()) {
    const std::size_t outer = trips.size() - (varying != nullptr ? 1 : 0);
    Value* const around = std::exchange(bypasses_, l.streaming ? is_long_row(s, trips.back()) : nullptr);
    nest(s, trips, outer, 0, [&] {
      if (varying != nullptr)
        lane_range(s, *varying, builder_.getInt64(0), here(trips.back()));
      else
        outer_body(s, found, nullptr);
    });
    bypasses_ = around;
  } else {
    const int block = block_size(found);
    Value* total = product(trips, trips.size());
    for (Reduction& r : found) start_tree(r, register_type(r.dtype));
    counted(builder_.getInt64(0), total, block, "block", [&](Value* start, Block*, Block*) {
      Value* limit = smaller(total, builder_.CreateAdd(start, builder_.getInt64(static_cast<std::uint64_t>(block))));
      reduce_rows(s, varying.get(), found, trips, start, limit);
    });
    for (Reduction& r : found) join(r, finish_tree(r, identity(r.op, r.dtype)));
  }
  reductions_.pop_back();
}

// One iteration of a loop that runs as numbers; its terms go to `position` of the buffers.
void Generator::outer_body(const Statement& s, std::vector<Reduction>& found, Value* position) {
  Block* next = new_block("turned");
  begin_terms(found, false);
  turns_.push_back({nullptr, next, nullptr, nullptr, false});
  statements(s.body);
  turns_.pop_back();
  if (is_live()) builder_.CreateBr(next);
  builder_.SetInsertPoint(next);
  for (Reduction& r : found) {
    Value* term = to_memory(builder_.CreateLoad(register_type(r.dtype), r.term), r.dtype);
    builder_.CreateStore(term, builder_.CreateGEP(memory_type(r.dtype), here(r.buffer), position));
  }
}

void Generator::lane_range(const Statement& s, const Varying& varying, Value* first, Value* last) {
  // Streaming stores of 32 bytes, one after the other, reach memory sooner than those of 64 or several at once: triad
  // of 400 MB takes 29.7 ms on one thread, with 512-bit vectors 32.1, with two in flight 30.1 and 32.8.
  constexpr int widest_to_memory = 256;
  const bool memory_bound = program_.loops[s.target].memory_bound;
  const int native = native_lanes(varying, memory_bound ? widest_to_memory : target_.vector_bits);
  const unsigned most_in_flight = memory_bound ? 1 : target_.vector_registers >= 32 ? 4 : 2;
  const unsigned in_flight = std::clamp<unsigned>(program_.loops[s.target].vectors, 1, most_in_flight);
  const int width = native * static_cast<int>(std::bit_floor(in_flight));
  const auto masked = [&](Value* from, Value* to, const char* name) {
    push_scope(false);
    counted(from, to, native, name,
            [&](Value* k, Block*, Block*) { lane_body(s, varying, k, native, builder_.CreateSub(to, k)); });
    pop_scope();
  };
  std::vector<const Statement*> streamed = streamed_stores(s, varying, width);
  Value *start = first, *aligned = nullptr;
  if (!streamed.empty()) {
    std::tie(start, aligned) = aligned_start(s, streamed, first, last);
    if (bypasses_ != nullptr) start = builder_.CreateSelect(here(bypasses_), start, first);
    masked(first, start, "head");
  }
  Value* whole = builder_.CreateAnd(builder_.CreateSub(last, start), llvm::ConstantInt::getSigned(i64_, -width));
  Value* full = builder_.CreateAdd(start, whole);
  const auto vectors = [&](Value* from) {
    push_scope(false);
    counted(from, full, width, "lanes", [&](Value* k, Block*, Block*) { lane_body(s, varying, k, width, nullptr); });
    pop_scope();
  };
  if (!streamed.empty()) {
    if (bypasses_ != nullptr) aligned = builder_.CreateAnd(aligned, here(bypasses_));
    streamed_ = std::move(streamed);
    when(aligned, "streaming", [&] { vectors(start); });
    streamed_.clear();
    start = builder_.CreateSelect(aligned, full, start);
  }
  vectors(start);
  masked(full, planted(Fault::dropped_tail) ? full : last, "tail");
}

// The stores that bypass the cache: the first of a loop that fills vectors side by side in every iteration, and those
// to other new arrays at the same place, whose vectors are aligned where its are. Others stay ordinary.
std::vector<const Statement*> Generator::streamed_stores(const Statement& loop, const Varying& varying, int width) {
  constexpr std::uint64_t shortest = 16;
  std::vector<const Statement*> result;
  if (!program_.loops[loop.target].streaming || varying.masked(loop.body)) return result;
  const auto size_of = [&](const Statement& s) { return program_.roots[s.target].dtype.size(); };
  const auto is_new = [&](const Statement& s) { return program_.roots[s.target].kind == ir::Root::Kind::allocated; };
  for (const Statement& s : program_.blocks[loop.body].statements) {
    if (s.kind != Kind::store || !fills_vectors(s, varying)) continue;
    const std::uint64_t bytes =
        std::min(static_cast<std::uint64_t>(target_.vector_bits) / 8, static_cast<std::uint64_t>(width) * size_of(s));
    if (bytes < shortest) continue;
    if (result.empty()) {
      streamed_alignment_ = llvm::Align(bytes);
      result.push_back(&s);
      continue;
    }
    const Statement& front = *result.front();
    if (is_new(s) && is_new(front) && size_of(s) == size_of(front) && same_place(s, front)) result.push_back(&s);
  }
  return result;
}

// Whether neighbouring iterations of the lanes store to neighbouring elements.
bool Generator::fills_vectors(const Statement& s, const Varying& varying) const {
  int moving = 0;
  if (varying.local(s.target)) return false;
  for (std::uint32_t k = 0; k < s.index_count; ++k) {
    const auto coefficient = varying.lane_coefficient(program_.indices[s.first_index + k]);
    if (coefficient == 0) continue;
    ++moving;
    if (coefficient != 1 || !(s.flat || unit_axis(s.target, static_cast<int>(k)))) return false;
  }
  return moving == 1;
}

// Whether two stores have one and the same index.
bool Generator::same_place(const Statement& a, const Statement& b) const {
  return a.flat == b.flat && a.index_count == 1 && b.index_count == 1 &&
         program_.indices[a.first_index] == program_.indices[b.first_index];
}

// The iteration from which on the stores' vectors are aligned, and whether there is one.
std::pair<llvm::Value*, llvm::Value*> Generator::aligned_start(const Statement& loop,
                                                               const std::vector<const Statement*>& stores,
                                                               Value* first, Value* last) {
  const std::uint64_t bytes = streamed_alignment_.value();
  Value *aligned = nullptr, *head = nullptr;
  push_scope(false);
  set_index(loop.target, static_cast<std::uint32_t>(program_.loops[loop.target].dimensions.size() - 1), first);
  for (const Statement* s : stores) {
    const std::uint64_t size = program_.roots[s->target].dtype.size();
    Value* address = here(address_slot(s->target, s->flat, s->first_index, s->index_count, false).value);
    Value* bits = builder_.CreatePtrToInt(address, i64_);
    if (head == nullptr) {
      Value* past = builder_.CreateUDiv(bits, builder_.getInt64(size));
      head = builder_.CreateAnd(builder_.CreateNeg(past), builder_.getInt64(bytes / size - 1));
    }
    Value* start = builder_.CreateAdd(bits, builder_.CreateMul(head, builder_.getInt64(size)));
    Value* is_aligned = builder_.CreateIsNull(builder_.CreateAnd(start, builder_.getInt64(bytes - 1)));
    aligned = aligned == nullptr ? is_aligned : builder_.CreateAnd(aligned, is_aligned);
  }
  pop_scope();
  return {smaller(last, builder_.CreateAdd(first, head)), aligned};
}

// Streaming stores are ordered before whatever tells other threads that the loop is done.
void Generator::end_streaming(const Statement& loop) {
  bool streams = program_.loops[loop.target].streaming;
  ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
    streams = streams || (s.kind == Kind::loop && program_.loops[s.target].streaming);
  });
  if (streams) builder_.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {}, {});
}

// The body, or `body` in its place, for the lanes from iteration `k` on; `remaining` of them, or all.
void Generator::lane_body(const Statement& s, const Varying& varying, Value* k, int width, Value* remaining,
                          const std::function<void()>& finish, const std::function<void()>& body) {
  Lanes lanes;
  lanes.loop = s.target;
  lanes.varying = &varying;
  lanes.width = width;
  lanes.bits = 8 * varying.widest();
  lanes.level = level() - 1;
  lanes_ = &lanes;
  Value* position = position_;
  if (position_ == nullptr) position_ = k;
  if (remaining != nullptr) {
    Type* element = mask_type()->getElementType();
    Value* count =
        builder_.CreateTrunc(smaller(remaining, builder_.getInt64(static_cast<std::uint64_t>(width))), element);
    Value* inside =
        builder_.CreateICmpSLT(iota(element, width), builder_.CreateVectorSplat(static_cast<unsigned>(width), count));
    lanes.mask = builder_.CreateSExt(inside, mask_type());
  }
  Value* whole_mask = lanes.whole = lanes.mask;
  const auto dimension = static_cast<std::uint32_t>(program_.loops[s.target].dimensions.size() - 1);
  set_index(s.target, dimension, k);
  if (!body) begin_terms(*reductions_.back(), true);
  Block* next = new_block("lanes_next");
  Value* active = nullptr;
  if (varying.masked(s.body)) {
    active = alloca_at_entry(mask_type(), "active");
    builder_.CreateStore(active_mask(), active);
  }
  turns_.push_back({nullptr, next, nullptr, active, false});
  if (body)
    body();
  else
    statements(s.body);
  turns_.pop_back();
  if (is_live()) builder_.CreateBr(next);
  builder_.SetInsertPoint(next);
  lanes.mask = whole_mask;
  if (finish) finish();
  for (const ir::VariableId id : lane_variables_) variables_[id] = nullptr;
  lane_variables_.clear();
  forget_reads();
  position_ = position;
  lanes_ = nullptr;
}

}  // namespace kiln::on_cpu
