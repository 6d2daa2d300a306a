// Updates of elements: plain, atomic, or in copies of the threads that are put together behind the loop.
#include "core/not_compiled.h"
#include "cpu/codegen.h"

#include <algorithm>
#include <utility>

namespace kiln::on_cpu {

using ir::Op;
using ir::RootId;
using ir::Sharing;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

constexpr auto relaxed = llvm::AtomicOrdering::Monotonic;

// Copies are made of roots up to this size, where the loop has so many times as many iterations as they have elements.
constexpr std::uint64_t most_bytes_of_a_copy = 65536;
constexpr std::uint64_t fewest_items_per_element = 4;
// Neighbouring threads' copies share neither a cache line nor the pair of lines that is fetched together.
constexpr std::uint64_t copy_alignment = 128;

}  // namespace

void Generator::update(const Statement& s) {
  check_indices(s.target, s.checked, s.first_index, s.location, lanes_ != nullptr ? lanes_->mask : nullptr);
  if (lanes_ != nullptr) return update_lanes(s);
  Value* number = scalar(s.value);
  Value* expected = s.expected != ir::none ? scalar(s.expected) : nullptr;
  Value* address = here(address_slot(s.target, s.flat, s.first_index, s.index_count, false).value);
  as_shared(s, [&](bool atomic) {
    Value* old = update_element(s, address, number, expected, atomic);
    if (s.other != ir::none) builder_.CreateStore(old, variable(s.other));
  });
  if (s.other != ir::none) std::erase_if(current_reads_, [&](const auto& read) { return read.first == s.other; });
}

// Calls `emit` for what the update needs: atomic, plain, or both, of which one runs.
void Generator::as_shared(const Statement& s, const std::function<void(bool atomic)>& emit) {
  if (body_ == nullptr || s.sharing == Sharing::own) return emit(false);
  const Copies& copies = copies_[s.target];
  if (s.sharing != Sharing::private_ || copies.plain == nullptr) return emit(true);
  Block* plain = new_block("plain");
  Block* atomic = new_block("atomic");
  Block* done = new_block("updated");
  builder_.CreateCondBr(here(copies.plain), plain, atomic);
  for (Block* block : {plain, atomic}) {
    builder_.SetInsertPoint(block);
    emit(block == atomic);
    builder_.CreateBr(done);
  }
  builder_.SetInsertPoint(done);
}

// What an element, or a vector of them, becomes.
llvm::Value* Generator::updated(const Statement& s, Value* old, Value* number, Value* expected) {
  const DType dtype = program_.roots[s.target].dtype;
  if (s.op != Op::select) return combine(s.op, dtype, old, number);
  if (expected == nullptr) return number;
  Value* const both[] = {old, expected};
  return builder_.CreateSelect(truth(operation(Op::equal, dtype, both)), number, old);
}

// Updates one element; its value before.
llvm::Value* Generator::update_element(const Statement& s, Value* address, Value* number, Value* expected,
                                       bool atomic) {
  const DType dtype = program_.roots[s.target].dtype;
  Type* element = memory_type(dtype);
  if (!atomic) {
    Value* old = from_memory(builder_.CreateAlignedLoad(element, address, alignment(dtype)), dtype);
    builder_.CreateAlignedStore(to_memory(updated(s, old, number, expected), dtype), address, alignment(dtype));
    return old;
  }
  using Operation = llvm::AtomicRMWInst::BinOp;
  const bool is_signed = dtype.kind() == TypeKind::signed_integer;
  Operation operation = Operation::BAD_BINOP;
  if (dtype.is_integer()) {
    switch (s.op) {
      case Op::add: operation = Operation::Add; break;
      case Op::bit_and: operation = Operation::And; break;
      case Op::bit_or: operation = Operation::Or; break;
      case Op::bit_xor: operation = Operation::Xor; break;
      case Op::minimum: operation = is_signed ? Operation::Min : Operation::UMin; break;
      case Op::maximum: operation = is_signed ? Operation::Max : Operation::UMax; break;
      case Op::select:
        if (expected == nullptr) operation = Operation::Xchg;
        break;
      default: break;
    }
  }
  if (dtype == c128) return update_parts(s, address, number);
  if (operation != Operation::BAD_BINOP)
    return builder_.CreateAtomicRMW(operation, address, number, alignment(dtype), relaxed);
  Type* bits = llvm::IntegerType::get(context_, static_cast<unsigned>(dtype.size() * 8));
  auto* halves = llvm::FixedVectorType::get(f32_, 2);  // of a c64
  const auto number_of = [&](Value* x) -> Value* {
    if (!dtype.is_complex()) return from_memory(builder_.CreateBitCast(x, element), dtype);
    Value* both = builder_.CreateBitCast(x, halves);
    return pair(builder_.CreateExtractElement(both, std::uint64_t{0}),
                builder_.CreateExtractElement(both, std::uint64_t{1}));
  };
  const auto bits_of = [&](Value* x) {
    if (!dtype.is_complex()) return builder_.CreateBitCast(to_memory(x, dtype), bits);
    Value* first = builder_.CreateInsertElement(llvm::PoisonValue::get(halves), part(x, 0), std::uint64_t{0});
    return builder_.CreateBitCast(builder_.CreateInsertElement(first, part(x, 1), std::uint64_t{1}), bits);
  };
  // The processor takes any address; LLVM would call a function for one it does not know to be aligned.
  const llvm::Align align(dtype.size());
  llvm::LoadInst* first = builder_.CreateAlignedLoad(bits, address, align);
  first->setAtomic(relaxed);
  Block* before = builder_.GetInsertBlock();
  Block* attempt = new_block("update");
  Block* done = new_block("updated");
  builder_.CreateBr(attempt);
  builder_.SetInsertPoint(attempt);
  llvm::PHINode* seen = builder_.CreatePHI(bits, 2);
  seen->addIncoming(first, before);
  Value* old = number_of(seen);
  Value* wanted = bits_of(updated(s, old, number, expected));
  Value* exchange = builder_.CreateAtomicCmpXchg(address, seen, wanted, align, relaxed, relaxed);
  seen->addIncoming(builder_.CreateExtractValue(exchange, 0), builder_.GetInsertBlock());
  builder_.CreateCondBr(builder_.CreateExtractValue(exchange, 1), done, attempt);
  builder_.SetInsertPoint(done);
  return old;
}

// The parts of a c128 add apart; there is no exchange of both, and so nothing that was there.
llvm::Value* Generator::update_parts(const Statement& s, Value* address, Value* number) {
  const ir::Root& root = program_.roots[s.target];
  if (s.op != Op::add) refuse(ir::update_of_both_parts(root, s.op), s.location);
  for (unsigned which : {0u, 1u})
    builder_.CreateAtomicRMW(llvm::AtomicRMWInst::BinOp::FAdd, part_addresses(root.dtype, address, which),
                             part(number, which), alignment(root.dtype), relaxed);
  return nullptr;
}

void Generator::update_lanes(const Statement& s) {
  const DType dtype = program_.roots[s.target].dtype;
  const Access where = access(s.target, s.flat, s.first_index, s.index_count);
  Value* numbers = lane_data(s.value);
  Value* expected = s.expected != ir::none ? lane_data(s.expected) : nullptr;
  Value* found = s.other != ir::none ? variable(s.other) : nullptr;
  if (found != nullptr) std::erase_if(current_reads_, [&](const auto& read) { return read.first == s.other; });
  if (s.sharing == Sharing::own && where.kind != Access::Kind::uniform) {
    Value* old = from_memory(load_access(s.target, where, lanes_->mask), dtype);
    store_access(s.target, where, to_memory(updated(s, old, numbers, expected), dtype), lanes_->mask);
    if (found != nullptr) builder_.CreateStore(old, found);
    return;
  }
  // One lane after the other.
  Value* addresses = where.kind == Access::Kind::uniform ? nullptr : lane_addresses(s.target, where);
  const auto of_lane = [&](Value* lanes, Value* lane) -> Value* {
    if (lanes == nullptr) return nullptr;
    Value* one = lane_of(lanes, lane);
    return dtype.is_bool() ? builder_.CreateIsNotNull(one) : one;
  };
  as_shared(s, [&](bool atomic) {
    for_each_active_lane([&](Value* lane) {
      Value* address = addresses == nullptr ? where.address : builder_.CreateExtractElement(addresses, lane);
      Value* old = update_element(s, address, of_lane(numbers, lane), of_lane(expected, lane), atomic);
      if (found == nullptr) return;
      Type* lanes = llvm::cast<llvm::AllocaInst>(found)->getAllocatedType();
      if (dtype.is_bool()) old = builder_.CreateSExt(old, mask_type()->getElementType());
      builder_.CreateStore(old, builder_.CreateInBoundsGEP(lanes, found, {builder_.getInt64(0), lane}));
    });
  });
}

// A few lanes are written out one by one; more are a loop.
void Generator::for_each_active_lane(const std::function<void(Value* lane)>& body) {
  constexpr int few = 8;
  Value* mask = lanes_->mask;
  const auto if_active = [&](Value* lane, Block* next) {
    if (mask != nullptr) {
      Block* active = new_block("active_lane");
      builder_.CreateCondBr(builder_.CreateIsNotNull(builder_.CreateExtractElement(mask, lane)), active, next);
      builder_.SetInsertPoint(active);
    }
    body(lane);
  };
  if (lanes_->width > few) {
    counted(builder_.getInt64(0), builder_.getInt64(static_cast<std::uint64_t>(lanes_->width)), 1, "lane",
            [&](Value* lane, Block* next, Block*) { if_active(lane, next); });
    return;
  }
  for (int lane = 0; lane < lanes_->width; ++lane) {
    Block* next = mask != nullptr ? new_block("next_lane") : nullptr;
    if_active(builder_.getInt64(static_cast<std::uint64_t>(lane)), next);
    if (next == nullptr) continue;
    builder_.CreateBr(next);
    builder_.SetInsertPoint(next);
  }
}

// ---- copies of the threads ------------------------------------------------------------------------------------------

void Generator::find_copied(ir::BlockId block, std::vector<const Statement*>& found) const {
  for (const Statement& s : program_.blocks[block].statements) {
    const bool is_new =
        std::none_of(found.begin(), found.end(), [&](const Statement* f) { return f->target == s.target; });
    if (s.kind == Kind::update && s.sharing == Sharing::private_ && is_new) found.push_back(&s);
    for (const ir::BlockId nested : {s.body, s.otherwise})
      if (nested != ir::none) find_copied(nested, found);
  }
}

// Before a distributed loop of `items` iterations: of each root that it only counts in a copy for every thread, if the
// root is small and the loop long. A loop of one thread needs none, and is plain.
std::vector<const Statement*> Generator::make_copies(const Statement& loop, Value* items) {
  std::vector<const Statement*> copied;
  find_copied(loop.body, copied);
  if (copied.empty()) return copied;
  Value* services = frame_field(offsetof(Frame, services), pointer_, "services");
  Value* service = builder_.CreateLoad(
      pointer_, builder_.CreateConstInBoundsGEP1_64(i8_, services, offsetof(RuntimeServices, threads)), "threads");
  Value* threads =
      builder_.CreateCall(llvm::FunctionType::get(i64_, {pointer_}, false), service, {entry_.frame}, "threads");
  Value* alone = builder_.CreateICmpSLE(threads, builder_.getInt64(1));
  for (const Statement* s : copied) {
    const DType dtype = program_.roots[s->target].dtype;
    Value* own = pointer(s->target).value;
    Value* bytes = bytes_of(s->target);
    Value* elements = builder_.CreateUDiv(bytes, builder_.getInt64(dtype.size()));
    Value* small = builder_.CreateICmpULE(bytes, builder_.getInt64(most_bytes_of_a_copy));
    // Of a small root: the product does not overflow.
    Value* all = builder_.CreateMul(elements, threads);
    Value* pays = builder_.CreateICmpULE(all, builder_.CreateUDiv(items, builder_.getInt64(fewest_items_per_element)));
    Value* wanted = builder_.CreateAnd(builder_.CreateNot(alone), builder_.CreateAnd(small, pays));
    Block* before = builder_.GetInsertBlock();
    Block* copy = new_block("copies");
    Block* done = new_block("copies_made");
    builder_.CreateCondBr(wanted, copy, done);
    builder_.SetInsertPoint(copy);
    Value* step = builder_.CreateAnd(builder_.CreateAdd(bytes, builder_.getInt64(copy_alignment - 1)),
                                     builder_.getInt64(~(copy_alignment - 1)));
    // Under a name that is no root's, a variable's sums' neither.
    const auto name = static_cast<std::uint32_t>(program_.roots.size() + program_.variables.size()) + s->target;
    Value* memory = call_allocate(offsetof(RuntimeServices, allocate_per_thread), name, step);
    fill_copies(*s, memory, builder_.CreateMul(step, threads));
    copy = builder_.GetInsertBlock();
    builder_.CreateBr(done);
    builder_.SetInsertPoint(done);
    llvm::PHINode* base = builder_.CreatePHI(pointer_, 2, "base");
    base->addIncoming(own, before);
    base->addIncoming(memory, copy);
    llvm::PHINode* distance = builder_.CreatePHI(i64_, 2, "distance");
    distance->addIncoming(builder_.getInt64(0), before);
    distance->addIncoming(step, copy);
    copies_[s->target] = {base, distance, builder_.CreateOr(alone, wanted), wanted, threads, elements};
  }
  return copied;
}

void Generator::fill_copies(const Statement& s, Value* memory, Value* bytes) {
  const DType dtype = program_.roots[s.target].dtype;
  constexpr unsigned chunk = 32;
  static_assert(copy_alignment % chunk == 0);
  Value* nothing = builder_.CreateVectorSplat(chunk / static_cast<unsigned>(dtype.size()), identity(s.op, dtype));
  counted(builder_.getInt64(0), bytes, chunk, "fill", [&](Value* at, Block*, Block*) {
    builder_.CreateAlignedStore(nothing, builder_.CreateGEP(i8_, memory, at), alignment(dtype));
  });
}

// In the loop's body a root is this thread's copy, or where there are none the root itself.
void Generator::use_copies(const std::vector<const Statement*>& copied) {
  for (const Statement* s : copied) {
    Value* thread = builder_.CreateZExt(body_->function->getArg(4), i64_);
    Value* offset = builder_.CreateMul(thread, here(copies_[s->target].distance));
    define(pointers_[s->target], builder_.CreateGEP(i8_, here(copies_[s->target].base), offset, "copy"), level());
  }
}

void Generator::join_copies(const std::vector<const Statement*>& copied) {
  for (const Statement* s : copied) {
    const Copies copies = std::exchange(copies_[s->target], {});
    const DType dtype = program_.roots[s->target].dtype;
    Type* element = memory_type(dtype);
    Value* own = pointer(s->target).value;
    Block* join = new_block("join_copies");
    Block* done = new_block("copies_joined");
    builder_.CreateCondBr(copies.wanted, join, done);
    builder_.SetInsertPoint(join);
    counted(builder_.getInt64(0), copies.threads, 1, "thread", [&](Value* thread, Block*, Block*) {
      Value* copy = builder_.CreateGEP(i8_, copies.base, builder_.CreateMul(thread, copies.distance));
      counted(builder_.getInt64(0), copies.elements, 1, "element", [&](Value* k, Block*, Block*) {
        Value* to = builder_.CreateGEP(element, own, k);
        Value* sum =
            combine(s->op, dtype, builder_.CreateAlignedLoad(element, to, alignment(dtype)),
                    builder_.CreateAlignedLoad(element, builder_.CreateGEP(element, copy, k), alignment(dtype)));
        builder_.CreateAlignedStore(sum, to, alignment(dtype));
      });
    });
    builder_.CreateBr(done);
    builder_.SetInsertPoint(done);
  }
}

}  // namespace kiln::on_cpu
