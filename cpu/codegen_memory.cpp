// Addresses, loads, stores and updates.
#include "cpu/codegen.h"

#include "core/error_text.h"
#include "core/planted_faults.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::cpu {

using ir::Node;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::RootId;
using ir::Statement;

llvm::Align Generator::alignment(DType dtype) const { return llvm::Align(ir::part_dtype(dtype).size()); }

// The address of the first lane. Terms are added from the outermost scope inwards, so that what a row shares is
// computed once per row. With `linear_only`, indices that are not linear in the lane are left out.
Slot Generator::address_slot(RootId root, bool flat, std::uint32_t first, std::uint32_t count, bool linear_only) {
  Type* element = memory_type(program_.roots[root].dtype);
  Slot address = pointer(root);
  std::vector<Slot> terms;
  for (std::uint32_t k = 0; k < count; ++k) {
    const NodeId id = program_.indices[first + k];
    if (linear_only && !lanes_->varying->lane_coefficient(id)) continue;
    const Slot index = scalar_slot(id);
    if (const auto* zero = llvm::dyn_cast<llvm::ConstantInt>(index.value); zero != nullptr && zero->isZero()) continue;
    if (flat) {
      terms.push_back(index);
      continue;
    }
    const Slot step = stride(root, static_cast<int>(k));
    const int at = std::max(index.level, step.level);
    const Place place(*this, at);
    terms.push_back({builder_.CreateMul(here(index.value), here(step.value)), at});
  }
  std::stable_sort(terms.begin(), terms.end(), [](const Slot& a, const Slot& b) { return a.level < b.level; });
  for (const Slot& term : terms) {
    const int at = std::max(address.level, term.level);
    const Place place(*this, at);
    address = {builder_.CreateGEP(element, here(address.value), here(term.value)), at};
  }
  return address;
}

Access Generator::access(RootId root, bool flat, std::uint32_t first, std::uint32_t count) {
  const ir::Root& r = program_.roots[root];
  if (r.kind == ir::Root::Kind::alias &&
      std::any_of(r.extents, r.extents + r.rank, [&](NodeId e) { return varies(e); }))
    refuse(text("a reshape of a ", r.dtype, " array to rank ", int{r.rank},
                " whose shape differs between the iterations of a prange is not compiled yet: use range, or index the "
                "array as it is"),
           r.location);
  Access result;
  bool linear = true;
  int moving = 0;
  bool unit = false;
  Value* distance = nullptr;
  for (std::uint32_t k = 0; k < count; ++k) {
    const auto coefficient = lanes_->varying->lane_coefficient(program_.indices[first + k]);
    linear = linear && coefficient.has_value();
    if (!coefficient || *coefficient == 0) continue;
    ++moving;
    unit = *coefficient == 1 && (flat || unit_axis(root, static_cast<int>(k)));
    Value* by = llvm::ConstantInt::getSigned(i64_, *coefficient);
    if (!flat) by = builder_.CreateMul(by, here(stride(root, static_cast<int>(k)).value));
    distance = distance == nullptr ? by : builder_.CreateAdd(distance, by);
  }
  result.address = here(address_slot(root, flat, first, count, !linear).value);
  if (linear) {
    result.kind = moving == 0           ? Access::Kind::uniform
                  : moving == 1 && unit ? Access::Kind::unit
                                        : Access::Kind::strided;
    result.stride = distance;
    return result;
  }
  Value* offsets = nullptr;
  for (std::uint32_t k = 0; k < count; ++k) {
    const NodeId id = program_.indices[first + k];
    const auto coefficient = lanes_->varying->lane_coefficient(id);
    if (coefficient && *coefficient == 0) continue;
    Value* steps =
        coefficient ? builder_.CreateMul(iota(i64_, lanes_->width),
                                         builder_.CreateVectorSplat(static_cast<unsigned>(lanes_->width),
                                                                    llvm::ConstantInt::getSigned(i64_, *coefficient)))
                    : lane_data(id);
    if (!flat)
      steps = builder_.CreateMul(steps, builder_.CreateVectorSplat(static_cast<unsigned>(lanes_->width),
                                                                   here(stride(root, static_cast<int>(k)).value)));
    offsets = offsets == nullptr ? steps : builder_.CreateAdd(offsets, steps);
  }
  result.kind = Access::Kind::scattered;
  result.address = builder_.CreateGEP(memory_type(program_.roots[root].dtype), result.address, offsets);
  return result;
}

// A vector of the node's full dtype.
llvm::Value* Generator::lane_data(NodeId id) {
  return program_[id].type.dtype == i64 ? narrowed(vector(id), id, false) : vector(id);
}

llvm::Value* Generator::lane_addresses(RootId root, const Access& a) {
  const auto width = static_cast<unsigned>(lanes_->width);
  if (a.kind == Access::Kind::scattered) return a.address;
  if (a.kind == Access::Kind::uniform) return builder_.CreateVectorSplat(width, a.address);
  Value* steps = iota(i64_, lanes_->width);
  if (a.kind == Access::Kind::strided) steps = builder_.CreateMul(steps, builder_.CreateVectorSplat(width, a.stride));
  return builder_.CreateGEP(memory_type(program_.roots[root].dtype), a.address, steps);
}

// ---- loads ----------------------------------------------------------------------------------------------------------

void Generator::load(NodeId id) {
  const Node& node = program_[id];
  if (varies(id)) return define(vectors_[id], load_lanes(id), level());
  const bool guarded = node.operands[0] != none && !planted(Fault::missing_load_guard);
  Value* condition = guarded ? scalar(node.operands[0]) : nullptr;
  check_indices(node.id, node.checked, node.axis, node.location, condition);
  define(scalars_[id], load_scalar(id, condition), level());
}

llvm::Value* Generator::load_scalar(NodeId id, Value* condition) {
  const Node& node = program_[id];
  const DType dtype = program_.roots[node.id].dtype;
  Value* address = here(address_slot(node.id, node.flat, node.axis, node.count, false).value);
  const auto read = [&] {
    llvm::LoadInst* instruction = builder_.CreateAlignedLoad(memory_type(dtype), address, alignment(dtype));
    annotate(instruction, node.id);
    return instruction;
  };
  if (condition == nullptr) return from_memory(read(), dtype);
  Block* before = builder_.GetInsertBlock();
  Block* allowed = new_block("load");
  Block* done = new_block("loaded");
  builder_.CreateCondBr(condition, allowed, done);
  builder_.SetInsertPoint(allowed);
  Value* loaded = read();
  builder_.CreateBr(done);
  builder_.SetInsertPoint(done);
  llvm::PHINode* merged = builder_.CreatePHI(loaded->getType(), 2);
  merged->addIncoming(llvm::Constant::getNullValue(loaded->getType()), before);
  merged->addIncoming(loaded, allowed);
  return from_memory(merged, dtype);
}

llvm::Value* Generator::load_lanes(NodeId id) {
  const Node& node = program_[id];
  const DType dtype = program_.roots[node.id].dtype;
  Value* mask = planted(Fault::missing_load_mask) ? nullptr : lanes_->mask;
  if (node.operands[0] != none && !planted(Fault::missing_load_guard)) mask = and_mask(mask, vector(node.operands[0]));
  check_indices(node.id, node.checked, node.axis, node.location, mask);
  const Access where = access(node.id, node.flat, node.axis, node.count);
  if (where.kind == Access::Kind::uniform) {
    Value* loaded = load_scalar(id, mask != nullptr ? any(mask) : nullptr);
    Value* spread = splat(loaded, dtype);
    if (mask == nullptr) return spread;
    return choose(mask, spread, llvm::Constant::getNullValue(spread->getType()));
  }
  return from_memory(load_access(node.id, where, mask), dtype);
}

llvm::Value* Generator::load_access(RootId root, const Access& a, Value* mask) {
  const DType dtype = program_.roots[root].dtype;
  if (dtype.is_complex()) return load_pairs(root, a, mask);
  Type* element = memory_type(dtype);
  auto* type = llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes_->width));
  Value* zero = llvm::Constant::getNullValue(type);
  llvm::Instruction* instruction = nullptr;
  if (a.kind == Access::Kind::unit) {
    instruction = mask == nullptr
                      ? static_cast<llvm::Instruction*>(builder_.CreateAlignedLoad(type, a.address, alignment(dtype)))
                      : builder_.CreateMaskedLoad(type, a.address, alignment(dtype), truth(mask), zero);
  } else if (a.kind == Access::Kind::strided && mask == nullptr) {
    Value* result = llvm::PoisonValue::get(type);
    for (int lane = 0; lane < lanes_->width; ++lane) {
      Value* steps = builder_.CreateMul(a.stride, builder_.getInt64(static_cast<std::uint64_t>(lane)));
      llvm::LoadInst* one =
          builder_.CreateAlignedLoad(element, builder_.CreateGEP(element, a.address, steps), alignment(dtype));
      annotate(one, root);
      result = builder_.CreateInsertElement(result, one, static_cast<std::uint64_t>(lane));
    }
    return result;
  } else {
    instruction = builder_.CreateMaskedGather(type, lane_addresses(root, a), alignment(dtype),
                                              mask != nullptr ? truth(mask) : nullptr, zero);
  }
  annotate(instruction, root);
  return instruction;
}

// ---- stores ---------------------------------------------------------------------------------------------------------

void Generator::store(const Statement& s) {
  check_indices(s.target, s.checked, s.first_index, s.location, lanes_ != nullptr ? lanes_->mask : nullptr);
  if (lanes_ != nullptr) return store_lanes(s);
  const DType dtype = program_.roots[s.target].dtype;
  Value* stored = to_memory(scalar(s.value), dtype);
  Value* address = here(address_slot(s.target, s.flat, s.first_index, s.index_count, false).value);
  annotate(builder_.CreateAlignedStore(stored, address, alignment(dtype)), s.target);
}

void Generator::store_lanes(const Statement& s) {
  const DType dtype = program_.roots[s.target].dtype;
  const Access where = access(s.target, s.flat, s.first_index, s.index_count);
  if (where.kind == Access::Kind::uniform && !varies(s.value)) {
    annotate(builder_.CreateAlignedStore(to_memory(scalar(s.value), dtype), where.address, alignment(dtype)), s.target);
    return;
  }
  Value* stored = to_memory(lane_data(s.value), dtype);
  const bool streamed = std::find(streamed_.begin(), streamed_.end(), &s) != streamed_.end();
  if (!streamed || lanes_->mask != nullptr) return store_access(s.target, where, stored, lanes_->mask);
  if (dtype.is_complex()) stored = pairs_of_parts(stored);
  llvm::StoreInst* past_the_cache = builder_.CreateAlignedStore(stored, where.address, streamed_alignment_);
  past_the_cache->setMetadata(llvm::LLVMContext::MD_nontemporal,
                              llvm::MDNode::get(context_, {llvm::ConstantAsMetadata::get(builder_.getInt32(1))}));
  annotate(past_the_cache, s.target);
}

void Generator::store_access(RootId root, const Access& a, Value* value, Value* mask) {
  if (planted(Fault::missing_store_mask)) mask = nullptr;
  const DType dtype = program_.roots[root].dtype;
  if (dtype.is_complex()) return store_pairs(root, a, value, mask);
  Type* element = memory_type(dtype);
  llvm::Instruction* instruction = nullptr;
  if (a.kind == Access::Kind::unit) {
    instruction = mask == nullptr
                      ? static_cast<llvm::Instruction*>(builder_.CreateAlignedStore(value, a.address, alignment(dtype)))
                      : builder_.CreateMaskedStore(value, a.address, alignment(dtype), truth(mask));
  } else if (a.kind == Access::Kind::strided && mask == nullptr) {
    for (int lane = 0; lane < lanes_->width; ++lane) {
      Value* steps = builder_.CreateMul(a.stride, builder_.getInt64(static_cast<std::uint64_t>(lane)));
      Value* one = builder_.CreateExtractElement(value, static_cast<std::uint64_t>(lane));
      annotate(builder_.CreateAlignedStore(one, builder_.CreateGEP(element, a.address, steps), alignment(dtype)), root);
    }
    return;
  } else {
    // Lanes are written in their order, so the last one wins where addresses coincide.
    instruction = builder_.CreateMaskedScatter(value, lane_addresses(root, a), alignment(dtype),
                                               mask != nullptr ? truth(mask) : nullptr);
  }
  annotate(instruction, root);
}

// ---- updates --------------------------------------------------------------------------------------------------------

// Whether each iteration of the parallel loops around has an element of its own: every one of their indices stands
// alone in some axis.
bool Generator::own_element(const Statement& s) const {
  for (const ir::LoopId loop : parallel_) {
    for (std::uint32_t dimension = 0; dimension < program_.loops[loop].dimensions.size(); ++dimension) {
      bool found = false;
      for (std::uint32_t k = 0; k < s.index_count && !found; ++k) {
        NodeId id = program_.indices[s.first_index + k];
        while (program_[id].op == Op::add || program_[id].op == Op::subtract) {
          const Node& sum = program_[id];
          if (program_.is_constant(sum.operands[1]))
            id = sum.operands[0];
          else if (program_.is_constant(sum.operands[0]))
            id = sum.operands[1];
          else
            break;
        }
        found = program_[id].op == Op::index && program_[id].id == loop && program_[id].axis == dimension;
      }
      if (!found) return false;
    }
  }
  return true;
}

void Generator::update(const Statement& s) {
  check_indices(s.target, s.checked, s.first_index, s.location, lanes_ != nullptr ? lanes_->mask : nullptr);
  if (lanes_ != nullptr) return update_lanes(s);
  Value* number = scalar(s.value);
  Value* address = here(address_slot(s.target, s.flat, s.first_index, s.index_count, false).value);
  update_address(s, address, number, body_ != nullptr && !own_element(s));
}

void Generator::update_address(const Statement& s, Value* address, Value* number, bool atomic) {
  const DType dtype = program_.roots[s.target].dtype;
  Type* element = memory_type(dtype);
  if (!atomic) {
    Value* old = from_memory(builder_.CreateAlignedLoad(element, address, alignment(dtype)), dtype);
    builder_.CreateAlignedStore(to_memory(combine(s.op, dtype, old, number), dtype), address, alignment(dtype));
    return;
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
      default: break;
    }
  }
  constexpr auto order = llvm::AtomicOrdering::Monotonic;
  if (dtype == c128 && s.op == Op::add) {
    for (unsigned which : {0u, 1u})
      builder_.CreateAtomicRMW(Operation::FAdd, part_addresses(dtype, address, which), part(number, which),
                               alignment(dtype), order);
    return;
  }
  if (dtype == c128)
    refuse(text("'",
                s.op == Op::multiply  ? "*="
                : s.op == Op::minimum ? ".min"
                                      : ".max",
                "' of an element of ", dtype, " array of rank ", int{program_.roots[s.target].rank},
                " at an index that iterations of a prange may share is not compiled: += and -= are, whose parts "
                "add apart; or use range, or update real and imaginary parts in arrays of floats"),
           s.location);
  if (operation != Operation::BAD_BINOP) {
    builder_.CreateAtomicRMW(operation, address, number, alignment(dtype), order);
    return;
  }
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
  first->setAtomic(order);
  Block* before = builder_.GetInsertBlock();
  Block* attempt = new_block("update");
  Block* done = new_block("updated");
  builder_.CreateBr(attempt);
  builder_.SetInsertPoint(attempt);
  llvm::PHINode* seen = builder_.CreatePHI(bits, 2);
  seen->addIncoming(first, before);
  Value* wanted = bits_of(combine(s.op, dtype, number_of(seen), number));
  Value* exchange = builder_.CreateAtomicCmpXchg(address, seen, wanted, align, order, order);
  seen->addIncoming(builder_.CreateExtractValue(exchange, 0), builder_.GetInsertBlock());
  builder_.CreateCondBr(builder_.CreateExtractValue(exchange, 1), done, attempt);
  builder_.SetInsertPoint(done);
}

void Generator::update_lanes(const Statement& s) {
  const DType dtype = program_.roots[s.target].dtype;
  const Access where = access(s.target, s.flat, s.first_index, s.index_count);
  const bool own = own_element(s);
  Value* numbers = lane_data(s.value);
  if (own && where.kind != Access::Kind::uniform && where.kind != Access::Kind::scattered) {
    Value* old = from_memory(load_access(s.target, where, lanes_->mask), dtype);
    store_access(s.target, where, to_memory(combine(s.op, dtype, old, numbers), dtype), lanes_->mask);
    return;
  }
  Value* addresses = where.kind == Access::Kind::uniform ? nullptr : lane_addresses(s.target, where);
  for_each_active_lane([&](Value* lane) {
    Value* address = addresses == nullptr ? where.address : builder_.CreateExtractElement(addresses, lane);
    Value* number = lane_of(numbers, lane);
    if (dtype.is_bool()) number = builder_.CreateIsNotNull(number);
    update_address(s, address, number, body_ != nullptr && !own);
  });
}

void Generator::for_each_active_lane(const std::function<void(Value* lane)>& body) {
  Value* mask = lanes_->mask;
  counted(builder_.getInt64(0), builder_.getInt64(static_cast<std::uint64_t>(lanes_->width)), 1, "lane",
          [&](Value* lane, Block* next, Block*) {
            if (mask != nullptr) {
              Block* active = new_block("active_lane");
              builder_.CreateCondBr(builder_.CreateIsNotNull(builder_.CreateExtractElement(mask, lane)), active, next);
              builder_.SetInsertPoint(active);
            }
            body(lane);
          });
}

}  // namespace kiln::cpu
