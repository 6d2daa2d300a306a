// The distribution of a loop's iterations among threads: units of work, the outlined function that does some of them,
// and the call that shares them.
#include "core/visit.h"
#include "cpu/codegen.h"

#include <algorithm>

namespace kiln::on_cpu {

using ir::Role;
using ir::Statement;

namespace {

constexpr std::int64_t unit_elements = 1024;   // of a one-dimensional loop: a multiple of every lane count
constexpr std::int64_t tile_elements = 16384;  // longer rows are cut
// Where an iteration is a loop itself, few of them are work enough: 1024 bodies are to keep more than one core busy.
constexpr std::int64_t unit_of_loops = 64, tile_of_loops = 1024;

constexpr std::uint64_t least_streamed_row_bytes = 4096;

bool has_loop(const ir::Program& program, ir::BlockId block) {
  bool found = false;
  ir::for_each_statement(program, block, [&](const Statement& s) {
    found = found || s.kind == Statement::Kind::loop || s.kind == Statement::Kind::while_;
  });
  return found;
}

}  // namespace

void Generator::distributed(const Statement& s, const Varying* varying, const std::vector<Value*>& trips,
                            std::vector<Reduction>& found) {
  allocate_per_thread(s.body);
  Value* items = product(trips, trips.size());
  Value* count = items;
  const bool terms =
      !found.empty() && varying == nullptr;  // all terms are kept: a block of rows is too much for a unit
  if (!found.empty()) {
    make_scratch(found, items, terms);
    if (!terms) count = units_of(items, block_size(found));
  } else if (varying != nullptr && trips.size() == 1) {
    count = units_of(items, has_loop(program_, s.body) ? unit_of_loops : unit_elements);
  } else if (varying != nullptr) {
    Value* tiles = units_of(trips.back(), has_loop(program_, s.body) ? tile_of_loops : tile_elements);
    count = builder_.CreateMul(product(trips, trips.size() - 1), tiles);
  }
  const std::vector<const Statement*> copied = make_copies(s, items);
  bypasses_ = program_.loops[s.target].if_large ? exceeds_cache(s, trips) : nullptr;
  auto* type = llvm::FunctionType::get(void_, {pointer_, pointer_, i64_, i64_, i32_}, false);
  llvm::Function* function = llvm::Function::Create(type, llvm::Function::InternalLinkage, "loop", module_);
  const auto before = builder_.saveIP();
  push_scope(false, s.body);
  FunctionContext body = begin_function(function);
  body.frame = function->getArg(0);
  body.captures = function->getArg(1);
  body_ = &body;
  std::vector<Turn> turns;
  turns.swap(turns_);
  use_copies(copied);
  run_units(s, varying, trips, found, function->getArg(2), function->getArg(3));
  position_ = nullptr;
  end_streaming(s);
  builder_.CreateRetVoid();
  end_function(body);
  turns.swap(turns_);
  body_ = nullptr;
  pop_scope();
  builder_.SetInsertPoint(before.getBlock());
  call_body(s, body, count, items);
  if (may_fail(s.body)) return_failure();
  join_copies(copied);
  fold_partials(found, items, terms);
}

// Bytes that one iteration of a loop stores.
std::uint64_t Generator::stored_bytes(const Statement& s) const {
  std::uint64_t bytes = 0;
  for (const Statement& each : program_.blocks[s.body].statements)
    if (each.kind == Statement::Kind::store) bytes += program_.roots[each.target].dtype.size();
  return bytes;
}

// Whether a row is worth the way to its first aligned vector.
llvm::Value* Generator::is_long_row(const Statement& s, Value* elements) {
  return builder_.CreateICmpUGE(elements, builder_.getInt64(least_streamed_row_bytes / stored_bytes(s)));
}

// Whether a run's stores are more than the cache holds, in long rows.
llvm::Value* Generator::exceeds_cache(const Statement& s, const std::vector<Value*>& trips) {
  Value* all = product(trips, trips.size());
  const std::uint64_t most = target_.last_level_cache_bytes / stored_bytes(s);
  return builder_.CreateAnd(builder_.CreateICmpUGE(all, builder_.getInt64(most)), is_long_row(s, trips.back()));
}

// What one thread does of a distributed loop.
void Generator::run_units(const Statement& s, const Varying* varying, const std::vector<Value*>& trips,
                          std::vector<Reduction>& found, Value* first, Value* last) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  const auto elements = [&](Value* unit, std::int64_t size) { return builder_.CreateMul(unit, number(size)); };
  const bool fails = may_fail(s.body);
  const auto start_at = [&](Value* position) {
    position_ = position;
    if (fails) stop_behind_failure(position);
  };
  if (varying == nullptr) {
    if (program_.loops[s.target].role == Role::rows) first = short_rows(s, first, last);
    counted(
        first, last, 1, "unit",
        [&](Value* unit, Block*, Block*) {
          start_at(unit);
          decompose(s, trips, trips.size(), unit);
          outer_body(s, found, unit);
        },
        s.body);
  } else if (!found.empty()) {
    const int block = block_size(found);
    for (Reduction& r : found) {
      r.count = alloca_at_entry(i64_, "count");
      builder_.CreateStore(elements(first, block / block_of(r)), r.count);
    }
    Value* total = product(
        [&] {
          std::vector<Value*> inside;
          for (Value* trip : trips) inside.push_back(here(trip));
          return inside;
        }(),
        trips.size());
    Value* end = smaller(total, elements(last, block));
    counted(elements(first, block), end, block, "block", [&](Value* start, Block*, Block*) {
      start_at(start);
      reduce_rows(s, varying, found, trips, start, smaller(total, builder_.CreateAdd(start, number(block))));
    });
  } else if (trips.size() == 1) {
    const std::int64_t unit = has_loop(program_, s.body) ? unit_of_loops : unit_elements;
    Value* end = smaller(here(trips[0]), elements(last, unit));
    if (fails) stop_behind_failure(elements(first, unit));
    lane_range(s, *varying, elements(first, unit), end);
  } else {
    const std::int64_t tile = has_loop(program_, s.body) ? tile_of_loops : tile_elements;
    Value* width = here(trips.back());
    Value* tiles = units_of(width, tile);
    counted(first, last, 1, "row", [&](Value* unit, Block*, Block*) {
      start_at(unit);
      decompose(s, trips, trips.size() - 1, builder_.CreateUDiv(unit, tiles));
      Value* begin = elements(builder_.CreateURem(unit, tiles), tile);
      lane_range(s, *varying, begin, smaller(width, builder_.CreateAdd(begin, number(tile))));
    });
  }
}

void Generator::call_body(const Statement& s, FunctionContext& body, Value* count, Value* items) {
  auto* slots = llvm::ArrayType::get(builder_.getInt128Ty(), std::max<std::uint64_t>(1, body.captured.size()));
  auto* captures = llvm::cast<llvm::AllocaInst>(alloca_at_entry(slots, "captures"));
  captures->setAlignment(llvm::Align(16));
  for (std::size_t k = 0; k < body.captured.size(); ++k)
    builder_.CreateAlignedStore(body.captured[k], builder_.CreateConstInBoundsGEP1_64(i8_, captures, 16 * k),
                                llvm::Align(16));
  Block* alone = new_block("alone");
  Block* shared = new_block("shared");
  Block* done = new_block("joined");
  builder_.CreateCondBr(builder_.CreateICmpSLE(count, builder_.getInt64(1)), alone, shared);
  builder_.SetInsertPoint(alone);
  builder_.CreateCall(body.function, {entry_.frame, captures, builder_.getInt64(0), count, builder_.getInt32(0)});
  builder_.CreateBr(done);
  builder_.SetInsertPoint(shared);
  Value* services = frame_field(offsetof(Frame, services), pointer_, "services");
  Value* parallel = builder_.CreateLoad(
      pointer_, builder_.CreateConstInBoundsGEP1_64(i8_, services, offsetof(RuntimeServices, parallel)), "parallel");
  auto* type = llvm::FunctionType::get(void_, {pointer_, i32_, pointer_, pointer_, i64_, i64_}, false);
  builder_.CreateCall(type, parallel,
                      {entry_.frame, builder_.getInt32(s.target), body.function, captures, count, items});
  builder_.CreateBr(done);
  builder_.SetInsertPoint(done);
}

}  // namespace kiln::on_cpu
