// Addresses, loads and stores.
#include "cpu/codegen.h"

#include "core/error_text.h"
#include "core/planted_faults.h"

#include <kiln/error.h>

#include <algorithm>

namespace kiln::on_cpu {

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

// An array of which each lane has its own: of every element the lanes' values side by side.
Access Generator::local_access(RootId root, bool flat, std::uint32_t first, std::uint32_t count) {
  const auto width = static_cast<unsigned>(lanes_->width);
  Type* element = memory_type(program_.roots[root].dtype);
  Value *same = builder_.getInt64(0), *different = nullptr;
  for (std::uint32_t k = 0; k < count; ++k) {
    const NodeId id = program_.indices[first + k];
    Value* step = flat ? builder_.getInt64(1) : here(stride(root, static_cast<int>(k)).value);
    if (!varies(id)) {
      same = builder_.CreateAdd(same, builder_.CreateMul(scalar(id), step));
      continue;
    }
    Value* steps = builder_.CreateMul(lane_data(id), builder_.CreateVectorSplat(width, step));
    different = different == nullptr ? steps : builder_.CreateAdd(different, steps);
  }
  Access result;
  Value* base = here(pointer(root).value);
  if (different == nullptr) {
    result.kind = Access::Kind::unit;
    result.address = builder_.CreateGEP(element, base, builder_.CreateMul(same, builder_.getInt64(width)));
    return result;
  }
  Value* elements = builder_.CreateAdd(different, builder_.CreateVectorSplat(width, same));
  elements = builder_.CreateMul(elements, builder_.CreateVectorSplat(width, builder_.getInt64(width)));
  result.kind = Access::Kind::scattered;
  result.address = builder_.CreateGEP(element, base, builder_.CreateAdd(elements, iota(i64_, lanes_->width)));
  return result;
}

Access Generator::access(RootId root, bool flat, std::uint32_t first, std::uint32_t count) {
  const ir::Root& r = program_.roots[root];
  if (r.kind == ir::Root::Kind::alias &&
      std::any_of(r.extents, r.extents + r.rank, [&](NodeId e) { return varies(e); }))
    refuse(text("a reshape of a ", r.dtype, " array to rank ", int{r.rank},
                " whose shape differs between the iterations of a prange is not compiled yet: use range, or index the "
                "array as it is"),
           r.location);
  if (lanes_->varying->local(root)) return local_access(root, flat, first, count);
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
  // The lanes' own arrays are there for all lanes.
  if (lanes_->varying->local(node.id) && where.kind == Access::Kind::unit && mask == lanes_->whole) mask = nullptr;
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
  const bool fills_own = lanes_->varying->local(s.target) && where.kind == Access::Kind::unit;
  Value* mask = fills_own && lanes_->mask == lanes_->whole ? nullptr : lanes_->mask;
  if (!streamed || mask != nullptr) return store_access(s.target, where, stored, mask);
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

}  // namespace kiln::on_cpu
