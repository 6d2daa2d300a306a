// Functions, scopes, captured values, the memory of roots, guards and results.
#include "cpu/codegen.h"

#include <llvm/IR/MDBuilder.h>

#include <kiln/error.h>

#include <algorithm>
#include <numeric>

namespace kiln::on_cpu {

using ir::none;
using ir::Root;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

constexpr std::int64_t layout_extents = 8, layout_strides = 8 + 8 * max_rank;
constexpr std::size_t result_data = 16, result_root = 24, result_extents = 32, result_strides = 32 + 8 * max_rank;
static_assert(offsetof(ResultSlot, data) == result_data && offsetof(ResultSlot, root) == result_root &&
              offsetof(ResultSlot, extents) == result_extents && offsetof(ResultSlot, strides) == result_strides);
static_assert(offsetof(detail::Layout, extents) == layout_extents &&
              offsetof(detail::Layout, strides) == layout_strides);

}  // namespace

void generate(const ir::Program& program, const Target& target, llvm::Module& module) {
  Generator(program, target, module).run();
}

Generator::Generator(const ir::Program& program, const Target& target, llvm::Module& module)
    : program_(program),
      target_(target),
      module_(module),
      context_(module.getContext()),
      builder_(context_),
      bit_(builder_.getInt1Ty()),
      i8_(builder_.getInt8Ty()),
      i16_(builder_.getInt16Ty()),
      i32_(builder_.getInt32Ty()),
      i64_(builder_.getInt64Ty()),
      f32_(builder_.getFloatTy()),
      f64_(builder_.getDoubleTy()),
      pointer_(builder_.getPtrTy()),
      void_(builder_.getVoidTy()),
      scalars_(program.nodes.size()),
      vectors_(program.nodes.size()),
      pointers_(program.roots.size()),
      strides_(program.roots.size() * max_rank),
      extents_(program.roots.size() * max_rank),
      per_thread_(program.roots.size()),
      layouts_(program.array_arguments),
      variables_(program.variables.size()),
      copies_(program.roots.size()) {
  std::uint32_t dimensions = 0;
  for (const ir::Loop& loop : program.loops) {
    index_base_.push_back(dimensions);
    dimensions += static_cast<std::uint32_t>(loop.dimensions.size());
  }
  indices_.resize(dimensions);
  lane_indices_.resize(dimensions);
}

void Generator::run() {
  find_swaps();
  llvm::Function* function = llvm::Function::Create(llvm::FunctionType::get(i32_, {pointer_}, false),
                                                    llvm::Function::ExternalLinkage, "kiln_entry", module_);
  scopes_.emplace_back();
  entry_ = begin_function(function);
  entry_.frame = function->getArg(0);
  initialize_roots();
  statements(0);
  if (is_live()) {
    store_results();
    builder_.CreateRet(builder_.getInt32(status_ok));
  }
  end_function(entry_);
}

// ---- functions and scopes -------------------------------------------------------------------------------------------

FunctionContext Generator::begin_function(llvm::Function* function) {
  FunctionContext context;
  context.function = function;
  context.entry = Block::Create(context_, "entry", function);
  Block* start = Block::Create(context_, "start", function);
  builder_.SetInsertPoint(context.entry);
  builder_.CreateBr(start);
  builder_.SetInsertPoint(start);
  context.level = level();
  return context;
}

void Generator::end_function(FunctionContext& context) {
  if (is_live()) builder_.CreateUnreachable();
  // Blocks behind a break_ or continue_ that nothing jumps to.
  for (llvm::BasicBlock& block : *context.function)
    if (block.getTerminator() == nullptr) llvm::IRBuilder<>(&block).CreateUnreachable();
}

llvm::Value* Generator::alloca_at_entry(Type* type, const char* name) {
  Block& entry = builder_.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::IRBuilder<> at(&entry, entry.begin());
  return at.CreateAlloca(type, nullptr, name);
}

llvm::BasicBlock* Generator::new_block(const char* name) {
  return Block::Create(context_, name, builder_.GetInsertBlock()->getParent());
}

bool Generator::is_live() const { return builder_.GetInsertBlock()->getTerminator() == nullptr; }

// To be called when the current block is complete; the caller moves to the scope's first block.
void Generator::push_scope(bool branch, ir::BlockId block) {
  scopes_.back().hoist = builder_.GetInsertBlock();
  scopes_.back().mask = lanes_ != nullptr ? lanes_->mask : nullptr;
  Scope scope;
  scope.branch = branch;
  scope.swaps = block != none && block_swaps_[block] != 0;
  scopes_.push_back(std::move(scope));
}

void Generator::pop_scope() {
  auto& before = scopes_.back().before;
  for (auto entry = before.rbegin(); entry != before.rend(); ++entry) *entry->first = entry->second;
  scopes_.pop_back();
}

void Generator::define(Slot& slot, Value* value, int at) {
  scopes_[static_cast<std::size_t>(at)].before.emplace_back(&slot, slot);
  slot = {value, at};
}

Generator::Place::Place(Generator& generator, int at) : generator_(generator), moved_(at < generator.level()) {
  if (!moved_) return;
  before_ = generator.builder_.saveIP();
  Block* hoist = generator.scopes_[static_cast<std::size_t>(at)].hoist;
  if (llvm::Instruction* end = hoist->getTerminator())
    generator.builder_.SetInsertPoint(end);
  else
    generator.builder_.SetInsertPoint(hoist);
}

Generator::Place::~Place() {
  if (moved_) generator_.builder_.restoreIP(before_);
}

// Code that is reached where the condition holds.
void Generator::when(Value* condition, const char* name, const std::function<void()>& body) {
  Block* inside = new_block(name);
  Block* behind = new_block("behind");
  builder_.CreateCondBr(condition, inside, behind);
  push_scope(true);
  builder_.SetInsertPoint(inside);
  body();
  if (is_live()) builder_.CreateBr(behind);
  pop_scope();
  builder_.SetInsertPoint(behind);
}

// Code whose values are computed again behind it.
void Generator::apart(const char* name, ir::BlockId block, const std::function<void()>& body) {
  Block* inside = new_block(name);
  builder_.CreateBr(inside);
  push_scope(false, block);
  builder_.SetInsertPoint(inside);
  body();
  pop_scope();
}

// The value as the function being generated sees it: one of the function around comes in through the captures.
llvm::Value* Generator::here(Value* value) {
  const llvm::Function* now = builder_.GetInsertBlock()->getParent();
  const llvm::Function* owner = nullptr;
  if (const auto* instruction = llvm::dyn_cast<llvm::Instruction>(value))
    owner = instruction->getFunction();
  else if (const auto* argument = llvm::dyn_cast<llvm::Argument>(value))
    owner = argument->getParent();
  if (owner == nullptr || owner == now || body_ == nullptr) return value;
  if (value == entry_.frame) return body_->frame;
  Value*& inside = body_->inside[value];
  if (inside != nullptr) return inside;
  llvm::IRBuilder<> at(body_->entry->getTerminator());
  Value* slot = at.CreateConstInBoundsGEP1_64(i8_, body_->captures, 16 * body_->captured.size());
  inside = at.CreateAlignedLoad(value->getType(), slot, llvm::Align(16), value->getName());
  body_->captured.push_back(value);
  return inside;
}

void Generator::refuse(const std::string& what, std::uint32_t location) const {
  if (location < program_.locations.size() && program_.locations[location].line() != 0)
    throw CompileError(what, program_.locations[location]);
  throw CompileError(what);
}

// ---- roots ----------------------------------------------------------------------------------------------------------

bool Generator::has_swap(ir::BlockId block) {
  char& known = block_swaps_[block];
  if (known >= 0) return known != 0;
  known = 0;
  for (const Statement& s : program_.blocks[block].statements) {
    bool found = s.kind == Kind::swap;
    if (s.body != none) found = has_swap(s.body) || found;
    if (s.otherwise != none) found = has_swap(s.otherwise) || found;
    if (found) block_swaps_[block] = 1;
  }
  return block_swaps_[block] != 0;
}

// Roots that exchange memory form classes; a fact about a layout holds only where it holds for the whole class.
void Generator::find_swaps() {
  const std::size_t count = program_.roots.size();
  block_swaps_.assign(program_.blocks.size(), -1);
  for (ir::BlockId block = 0; block < program_.blocks.size(); ++block) has_swap(block);
  std::vector<std::uint32_t> parent(count);
  std::iota(parent.begin(), parent.end(), 0u);
  const auto find = [&](std::uint32_t root) {
    while (parent[root] != root) root = parent[root];
    return root;
  };
  std::vector<bool> swapped(count);
  for (const ir::Block& block : program_.blocks)
    for (const Statement& s : block.statements)
      if (s.kind == Kind::swap) {
        parent[find(s.target)] = find(s.other);
        swapped[s.target] = swapped[s.other] = true;
      }
  swap_class_.assign(count, none);
  contiguous_.assign(count, true);
  std::vector<bool> class_contiguous(count, true);
  for (ir::RootId root = 0; root < count; ++root) {
    const Root& r = program_.roots[root];
    contiguous_[root] = r.kind != Root::Kind::parameter || r.contiguous || r.rank == 0;
    if (!swapped[root]) continue;
    swap_class_[root] = find(root);
    if (!contiguous_[root]) class_contiguous[find(root)] = false;
  }
  for (ir::RootId root = 0; root < count; ++root)
    if (swapped[root]) contiguous_[root] = class_contiguous[swap_class_[root]];
}

void Generator::initialize_roots() {
  const std::size_t count = program_.roots.size();
  data_.assign(count, nullptr);
  stride_tables_.assign(count, nullptr);
  began_as_.assign(count, nullptr);
  alias_scopes_.assign(count, nullptr);
  not_aliased_.assign(count, nullptr);
  llvm::MDBuilder metadata(context_);
  llvm::MDNode* domain = nullptr;
  for (ir::RootId root = 0; root < count; ++root) {
    const Root& r = program_.roots[root];
    if (swap_class_[root] != none) {
      data_[root] = alloca_at_entry(pointer_, "data");
      began_as_[root] = alloca_at_entry(i32_, "root");
      builder_.CreateStore(builder_.getInt32(root), began_as_[root]);
      if (!contiguous_[root]) stride_tables_[root] = alloca_at_entry(pointer_, "strides");
      if (r.kind == Root::Kind::parameter) {
        Value* layout = layout_of(r.argument).value;
        builder_.CreateStore(builder_.CreateLoad(pointer_, layout), data_[root]);
        if (!contiguous_[root])
          builder_.CreateStore(builder_.CreateConstInBoundsGEP1_64(i8_, layout, layout_strides), stride_tables_[root]);
      }
    } else if (r.kind != Root::Kind::alias && !r.may_overlap && count < 64) {
      if (domain == nullptr) domain = metadata.createAnonymousAliasScopeDomain("roots");
      alias_scopes_[root] = metadata.createAnonymousAliasScope(domain, "root");
    }
  }
  for (ir::RootId root = 0; root < count; ++root) {
    if (alias_scopes_[root] == nullptr) continue;
    llvm::SmallVector<llvm::Metadata*, 8> others;
    for (ir::RootId other = 0; other < count; ++other)
      if (other != root && alias_scopes_[other] != nullptr) others.push_back(alias_scopes_[other]);
    if (!others.empty()) not_aliased_[root] = llvm::MDNode::get(context_, others);
  }
  for (std::size_t root = 0; root < count; ++root)
    if (alias_scopes_[root] != nullptr) alias_scopes_[root] = llvm::MDNode::get(context_, {alias_scopes_[root]});
}

void Generator::annotate(llvm::Instruction* access, ir::RootId root) {
  while (program_.roots[root].kind == Root::Kind::alias) root = program_.roots[root].of;
  if (alias_scopes_[root] == nullptr) return;
  access->setMetadata(llvm::LLVMContext::MD_alias_scope, alias_scopes_[root]);
  if (not_aliased_[root] != nullptr) access->setMetadata(llvm::LLVMContext::MD_noalias, not_aliased_[root]);
}

llvm::Value* Generator::frame_field(std::size_t field, Type* type, const char* name) {
  Value* frame =
      body_ != nullptr && builder_.GetInsertBlock()->getParent() == body_->function ? body_->frame : entry_.frame;
  return builder_.CreateLoad(type, builder_.CreateConstInBoundsGEP1_64(i8_, frame, field), name);
}

Slot Generator::layout_of(std::uint32_t argument) {
  Slot& slot = layouts_[argument];
  if (slot.value == nullptr) {
    const Place place(*this, 0);
    Value* arrays = frame_field(offsetof(Frame, arrays), pointer_, "arrays");
    define(slot,
           builder_.CreateLoad(pointer_, builder_.CreateConstInBoundsGEP1_64(pointer_, arrays, argument), "layout"), 0);
  }
  return slot;
}

Slot Generator::pointer(ir::RootId root) {
  while (program_.roots[root].kind == Root::Kind::alias) root = program_.roots[root].of;
  Slot& slot = pointers_[root];
  if (swap_class_[root] == none) {
    if (slot.value != nullptr) return slot;
    if (program_.roots[root].kind != Root::Kind::parameter)
      throw InternalError("a root is used before it is allocated");
    Value* layout = layout_of(program_.roots[root].argument).value;
    const Place place(*this, 0);
    define(slot, builder_.CreateLoad(pointer_, layout, "data"), 0);
    return slot;
  }
  int needed = 0;
  for (int k = level(); k > 0 && needed == 0; --k)
    if (scopes_[static_cast<std::size_t>(k)].swaps) needed = k;
  if (slot.value != nullptr && slot.level >= needed) return slot;
  const Place place(*this, needed);
  define(slot, builder_.CreateLoad(pointer_, here(data_[root]), "data"), needed);
  return slot;
}

bool Generator::unit_axis(ir::RootId root, int axis) const {
  const Root& r = program_.roots[root];
  if (contiguous_[root] && axis + 1 == r.rank) return true;
  return swap_class_[root] == none && r.kind == Root::Kind::parameter && ((r.unit_strides >> axis) & 1) != 0;
}

Slot Generator::stride(ir::RootId root, int axis) {
  const Root& r = program_.roots[root];
  if (unit_axis(root, axis)) return {builder_.getInt64(1), 0};
  Slot& slot = strides_[root * max_rank + static_cast<std::size_t>(axis)];
  if (!contiguous_[root] && swap_class_[root] != none) {
    const Slot data = pointer(root);  // lives as long as the layout does
    const Place place(*this, data.level);
    Value* table = builder_.CreateLoad(pointer_, here(stride_tables_[root]));
    return {builder_.CreateLoad(i64_, builder_.CreateConstInBoundsGEP1_64(i64_, table, axis), "stride"), data.level};
  }
  if (slot.value != nullptr) return slot;
  if (r.kind == Root::Kind::parameter) {
    Value* layout = layout_of(r.argument).value;
    const Place place(*this, 0);
    Value* field = builder_.CreateConstInBoundsGEP1_64(i8_, layout, layout_strides + 8 * axis);
    define(slot, builder_.CreateLoad(i64_, field, "stride"), 0);
    return slot;
  }
  const Slot inner = stride(root, axis + 1);
  const Slot extent = scalar_slot(r.extents[axis + 1]);
  const int at = std::max(inner.level, extent.level);
  const Place place(*this, at);
  define(slot, builder_.CreateMul(here(inner.value), here(extent.value), "stride"), at);
  return slot;
}

Slot Generator::extent(ir::RootId root, int axis) {
  Slot& slot = extents_[root * max_rank + static_cast<std::size_t>(axis)];
  if (slot.value != nullptr) return slot;
  const Root& r = program_.roots[root];
  if (r.kind != Root::Kind::parameter) {
    const Slot asked = scalar_slot(r.extents[axis]);
    const Place place(*this, asked.level);
    define(slot, builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, here(asked.value), builder_.getInt64(0)),
           asked.level);
    return slot;
  }
  Value* layout = layout_of(r.argument).value;
  const Place place(*this, 0);
  Value* field = builder_.CreateConstInBoundsGEP1_64(i8_, layout, layout_extents + 8 * axis);
  define(slot, builder_.CreateLoad(i64_, field, "extent"), 0);
  return slot;
}

void Generator::swap(const Statement& s) {
  if (body_ != nullptr || lanes_ != nullptr) throw InternalError("arrays are swapped inside a parallel loop");
  const auto exchange = [&](const std::vector<Value*>& slots, Type* type) {
    Value *a = slots[s.target], *b = slots[s.other];
    if (a == nullptr) return;
    Value *x = builder_.CreateLoad(type, a), *y = builder_.CreateLoad(type, b);
    builder_.CreateStore(y, a);
    builder_.CreateStore(x, b);
  };
  exchange(data_, pointer_);
  exchange(stride_tables_, pointer_);
  exchange(began_as_, i32_);
  for (const ir::RootId root : {s.target, s.other}) forget_pointer(root);
}

// Also what an outer scope would put back: it is out of date for the code behind this one's end.
void Generator::forget_pointer(ir::RootId root) {
  pointers_[root] = {};
  for (Scope& scope : scopes_)
    for (auto& [slot, old] : scope.before)
      if (slot == &pointers_[root]) old = {};
}

// ---- results -----------------------------------------------------------------------------------------------------

void Generator::store_results() {
  if (program_.results.empty()) return;
  Value* results = frame_field(offsetof(Frame, results), pointer_, "results");
  for (std::size_t k = 0; k < program_.results.size(); ++k) {
    const ir::Result& result = program_.results[k];
    const auto field = [&](std::size_t at) {
      return builder_.CreateConstInBoundsGEP1_64(i8_, results, k * sizeof(ResultSlot) + at);
    };
    if (!result.is_array) {
      const DType dtype = program_[result.value].type.dtype;
      Value* number = cast(scalar(result.value), dtype, dtype.is_complex() ? c128 : dtype.is_floating() ? f64 : i64);
      builder_.CreateStore(number, field(0));
      continue;
    }
    ir::RootId root = result.root;
    while (program_.roots[root].kind == Root::Kind::alias) root = program_.roots[root].of;
    Value* first =
        builder_.CreateGEP(memory_type(program_.roots[root].dtype), pointer(root).value, scalar(result.offset));
    builder_.CreateStore(first, field(result_data));
    Value* began = swap_class_[root] == none ? static_cast<Value*>(builder_.getInt32(root))
                                             : builder_.CreateLoad(i32_, began_as_[root]);
    builder_.CreateStore(began, field(result_root));
    for (std::size_t axis = 0; axis < result.rank; ++axis) {
      builder_.CreateStore(scalar(result.extents[axis]), field(result_extents + 8 * axis));
      builder_.CreateStore(scalar(result.strides[axis]), field(result_strides + 8 * axis));
    }
  }
}

}  // namespace kiln::on_cpu
