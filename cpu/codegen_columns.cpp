// Reductions down the columns of an array. Each column has an order of its own, segments of rows and a tree of their
// sums, so that columns may be interleaved at will: rows are read whole, four at a time, into a row of accumulators.
//
// Strips a vector wide, which read one line of each page, took nearly twice as long (`sum_axis0_4096x4096` f32, one
// thread).
#include "cpu/codegen.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace kiln::on_cpu {

using ir::none;
using ir::Statement;
using Kind = ir::Statement::Kind;
using llvm::Value;

/// A loop of role columns while it is being generated.
struct Columns {
  const Statement& loop;
  const Statement& rows;  // the sequential loop in its body
  std::unique_ptr<Varying> varying;
  std::vector<Reduction> found{};
  std::vector<Value*> trips{};  // of the dimensions of `loop`
  int width = 0;                // columns of a vector
  std::int64_t at_once = 4;     // rows of a sweep
  std::int64_t tile = 0;        // columns that are accumulated together
  Value* row_count = nullptr;
  Value* segments = nullptr;
  // The work is shared as units: a tile of columns and a run of segments, 2^k of them from a multiple of 2^k on, so
  // that a run is a whole subtree of each column's tree.
  Value* tiles = nullptr;
  Value* run = nullptr;
  Value* runs = nullptr;
  Value* pitch = nullptr;                // columns of a row of accumulators in memory
  Value* memory = nullptr;               // rows of accumulators of all threads, where the stack's are too few
  Value* memory_bytes = nullptr;         // of one thread
  std::vector<Value*> partial{};         // by reduction: a row of sums for each unit
  std::vector<Value*> sums{}, levels{};  // by reduction: a row of accumulators, those of the tree
  Value* level_pitch = nullptr;          // from level to level
  Value* count = nullptr;                // alloca: segments in the tree
};

namespace {

constexpr std::int64_t tile_bytes = 16384;    // half of the nearest cache
constexpr std::int64_t most_segments = 1024;  // of a run
constexpr std::uint64_t levels_of_run = 11;   // 2^0 … 2^10 segments
constexpr std::int64_t enough_units = 32;
constexpr std::int64_t rows_written_out = 4;  // of two vectors each
constexpr std::int64_t few_columns = 64;      // their accumulators are on the stack
constexpr std::uint64_t levels_of_runs = 54;  // of the tree over runs, more than there can be
constexpr std::int64_t pitch_unit = 64;       // lanes of the widest vector

}  // namespace

llvm::Type* Generator::column_type(const Columns& c, const Reduction& r) const {
  if (r.dtype.is_bool()) return llvm::IntegerType::get(context_, static_cast<unsigned>(8 * c.varying->widest()));
  return register_type(r.dtype);
}

llvm::FixedVectorType* Generator::column_vector(const Columns& c, const Reduction& r) const {
  return llvm::FixedVectorType::get(column_type(c, r), static_cast<unsigned>(c.width));
}

llvm::Value* Generator::column_identity(const Columns& c, const Reduction& r) {
  Value* nothing = identity(r.op, r.dtype);
  if (r.dtype.is_bool()) nothing = builder_.CreateSExt(nothing, column_type(c, r));
  return builder_.CreateVectorSplat(static_cast<unsigned>(c.width), nothing);
}

// ---- the loop -------------------------------------------------------------------------------------------------------

void Generator::columns_loop(const Statement& s) {
  const Statement& rows = loop_in(s);
  Columns c{s, rows, std::make_unique<Varying>(program_, s), reductions_of(rows)};
  c.at_once = program_.loops[s.target].vectors;
  c.width = native_lanes(*c.varying, target_.vector_bits);
  std::int64_t row_bytes = 0;  // of one column's accumulators
  for (const Reduction& r : c.found) row_bytes += column_type(c, r)->getScalarSizeInBits() / 8;
  c.tile = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(tile_bytes / row_bytes)));
  for (const ir::LoopDimension& d : program_.loops[s.target].dimensions) c.trips.push_back(trip_count(d));
  c.row_count = trip_count(program_.loops[rows.target].dimensions[0]);
  c.segments = units_of(c.row_count, program_.loops[rows.target].segment);
  reductions_.push_back(&c.found);
  share_columns(c, row_bytes);
  reductions_.pop_back();
}

// Divides the loop into units, calls them, and folds what they leave.
void Generator::share_columns(Columns& c, std::int64_t row_bytes) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  const auto rounded = [&](Value* x, std::int64_t unit) { return builder_.CreateMul(units_of(x, unit), number(unit)); };
  c.tiles = units_of(c.trips.back(), c.tile);
  Value* outer = builder_.CreateMul(product(c.trips, c.trips.size() - 1), c.tiles);
  // Runs of 2^k segments: about as many as make enough units.
  Value* wanted = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, units_of(c.segments, enough_units), number(1));
  Value* zeros =
      builder_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, builder_.CreateSub(wanted, number(1)), builder_.getFalse());
  Value* power = builder_.CreateShl(number(1), builder_.CreateSub(number(64), zeros));
  Value* is_one = builder_.CreateICmpEQ(wanted, number(1));
  power = smaller(builder_.CreateSelect(is_one, number(1), power), number(most_segments));
  c.run = builder_.CreateSelect(builder_.CreateICmpSGE(outer, number(enough_units / 2)), number(most_segments), power);
  Value* runs = builder_.CreateSDiv(builder_.CreateSub(builder_.CreateAdd(c.segments, c.run), number(1)), c.run);
  c.runs = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, runs, number(1));
  c.pitch = rounded(smaller(c.trips.back(), number(c.tile)), pitch_unit);
  Value* units = builder_.CreateMul(outer, c.runs);
  make_column_memory(c, units, row_bytes);

  auto* type = llvm::FunctionType::get(void_, {pointer_, pointer_, i64_, i64_, i32_}, false);
  llvm::Function* function = llvm::Function::Create(type, llvm::Function::InternalLinkage, "columns", module_);
  const auto before = builder_.saveIP();
  push_scope(false, c.loop.body);
  FunctionContext body = begin_function(function);
  body.frame = function->getArg(0);
  body.captures = function->getArg(1);
  body_ = &body;
  std::vector<Turn> turns;
  turns.swap(turns_);
  column_units(c, function->getArg(2), function->getArg(3), function->getArg(4));
  builder_.CreateRetVoid();
  end_function(body);
  turns.swap(turns_);
  body_ = nullptr;
  pop_scope();
  builder_.SetInsertPoint(before.getBlock());
  call_body(c.loop, body, units, builder_.CreateMul(product(c.trips, c.trips.size()), c.row_count));
  when(builder_.CreateICmpSGT(c.runs, number(1)), "fold_runs", [&] { fold_runs(c); });
}

// Rows of accumulators for each thread, where the stack's do not do, and of the units' sums, where there are several
// runs.
void Generator::make_column_memory(Columns& c, Value* units, std::int64_t row_bytes) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  const auto name = static_cast<std::uint32_t>(program_.roots.size()) + c.found.front().variable;
  constexpr std::int64_t rows = levels_of_run + 2;  // the levels, the segment at hand, the unit's sums
  c.memory_bytes = builder_.CreateMul(c.pitch, number(rows * row_bytes));
  const auto asked = [&](Value* condition, const char* what, const std::function<Value*()>& ask) -> Value* {
    Value* slot = alloca_at_entry(pointer_, what);
    builder_.CreateStore(llvm::ConstantPointerNull::get(builder_.getPtrTy()), slot);
    when(condition, what, [&] { builder_.CreateStore(ask(), slot); });
    return builder_.CreateLoad(pointer_, slot);
  };
  c.memory = asked(builder_.CreateICmpSGT(c.pitch, number(few_columns)), "own_rows", [&] {
    const auto own = name + static_cast<std::uint32_t>(program_.variables.size());
    return call_allocate(offsetof(RuntimeServices, allocate_per_thread), own, c.memory_bytes);
  });
  Value* sums = builder_.CreateMul(units, c.pitch);
  Value* base = asked(builder_.CreateICmpSGT(c.runs, number(1)), "partial_sums", [&] {
    return call_allocate(offsetof(RuntimeServices, allocate_again), name, builder_.CreateMul(sums, number(row_bytes)));
  });
  for (const Reduction& r : c.found) {
    c.partial.push_back(base);
    base = builder_.CreateGEP(column_type(c, r), base, sums);
  }
}

// What one thread does: the units `first` to `last`.
void Generator::column_units(Columns& c, Value* first, Value* last, Value* thread) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  // Accumulators: on the stack or this thread's part of the memory.
  Value* pitch = here(c.pitch);
  std::uint64_t few_bytes = 0;
  constexpr std::uint64_t rows = levels_of_run + 2;
  for (const Reduction& r : c.found) few_bytes += few_columns * rows * (column_type(c, r)->getScalarSizeInBits() / 8);
  auto* few = llvm::cast<llvm::AllocaInst>(alloca_at_entry(llvm::ArrayType::get(i8_, few_bytes), "few_rows"));
  few->setAlignment(llvm::Align(64));
  Value* own = builder_.CreateGEP(i8_, here(c.memory),
                                  builder_.CreateMul(builder_.CreateZExt(thread, i64_), here(c.memory_bytes)));
  Value* base = builder_.CreateSelect(builder_.CreateICmpSGT(pitch, number(few_columns)), own, few);
  std::vector<Value*> own_sums;
  for (const Reduction& r : c.found) {
    Type* element = column_type(c, r);
    c.sums.push_back(base);
    own_sums.push_back(base = builder_.CreateGEP(element, base, pitch));
    c.levels.push_back(base = builder_.CreateGEP(element, base, pitch));
    base = builder_.CreateGEP(element, base, builder_.CreateMul(pitch, builder_.getInt64(levels_of_run)));
  }
  c.level_pitch = pitch;
  c.count = alloca_at_entry(i64_, "segments");
  counted(
      first, last, 1, "unit",
      [&](Value* unit, Block*, Block*) {
        Value *runs = here(c.runs), *tiles = here(c.tiles), *columns = here(c.trips.back());
        Value* rest = builder_.CreateUDiv(unit, runs);
        decompose(c.loop, c.trips, c.trips.size() - 1, builder_.CreateUDiv(rest, tiles));
        Value* from = builder_.CreateMul(builder_.CreateURem(rest, tiles), number(c.tile));
        Value* to = smaller(columns, builder_.CreateAdd(from, number(c.tile)));
        Value* begin = builder_.CreateMul(builder_.CreateURem(unit, runs), here(c.run));
        Value* end = smaller(here(c.segments), builder_.CreateAdd(begin, here(c.run)));
        Value* is_whole = builder_.CreateICmpEQ(runs, number(1));
        std::vector<Value*> sums;
        for (std::size_t k = 0; k < c.found.size(); ++k) {
          Value* kept =
              builder_.CreateGEP(column_type(c, c.found[k]), here(c.partial[k]), builder_.CreateMul(unit, pitch));
          sums.push_back(builder_.CreateSelect(is_whole, own_sums[k], kept));
        }
        sweep(c, from, to, begin, end, sums);
        when(is_whole, "behind", [&] { behind_columns(c, from, to, sums); });
      },
      c.loop.body);
}

// ---- rows -----------------------------------------------------------------------------------------------------------

// The sums of the segments `first` to `last` of the columns `from` to `to`.
void Generator::sweep(Columns& c, Value* from, Value* to, Value* first, Value* last, const std::vector<Value*>& sums) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  Value* columns = builder_.CreateSub(to, from);
  Value* fits_registers = builder_.CreateICmpSLE(columns, number(2 * c.width));
  Value* is_single = builder_.CreateICmpEQ(builder_.CreateSub(last, first), number(1));
  when(fits_registers, "in_registers", [&] {
    // Both vectors of a row together: otherwise the rows would come from memory twice.
    Value* is_one = builder_.CreateICmpSLE(columns, number(c.width));
    const auto with = [&](Value* condition, const char* name, int width, std::int64_t at_once) {
      const std::pair before{std::exchange(c.width, width), std::exchange(c.at_once, at_once)};
      when(condition, name, [&] { sweep_in_registers(c, from, to, first, last, sums); });
      std::tie(c.width, c.at_once) = before;
    };
    const int width = c.width;
    const bool calls = c.at_once == 1;
    with(is_one, "one_vector", width, calls ? 1 : 2 * rows_written_out);
    with(builder_.CreateNot(is_one), "two_vectors", 2 * width, calls ? 1 : rows_written_out);
  });
  when(builder_.CreateNot(fits_registers), "in_memory", [&] {
    builder_.CreateStore(number(0), c.count);
    std::vector<Value*> row;
    for (std::size_t k = 0; k < sums.size(); ++k) row.push_back(builder_.CreateSelect(is_single, sums[k], c.sums[k]));
    counted(
        first, last, 1, "segment",
        [&](Value* segment, Block*, Block*) {
          sweep_segment(c, from, to, segment, row);
          when(builder_.CreateNot(is_single), "push", [&] { push_columns(c, row, number(0), columns); });
        },
        c.loop.body);
    when(builder_.CreateNot(is_single), "finish", [&] { finish_columns(c, sums, number(0), columns); });
  });
}

// One segment into a row of accumulators in memory.
void Generator::sweep_segment(Columns& c, Value* from, Value* to, Value* segment, const std::vector<Value*>& row) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  const std::int64_t length = program_.loops[c.rows.target].segment;
  Value* top = builder_.CreateMul(segment, number(length));
  Value* bottom = smaller(here(c.row_count), builder_.CreateAdd(top, number(length)));
  const auto several = [&](Value* first, Value* at, Value* remaining, Value* limit) {
    lane_body(c.loop, *c.varying, at, c.width, remaining, {}, [&] {
      Value* offset = builder_.CreateSub(at, from);
      Value* begins = builder_.CreateICmpEQ(first, top);
      std::vector<Value*> sums;
      for (std::size_t k = 0; k < row.size(); ++k) {
        llvm::FixedVectorType* type = column_vector(c, c.found[k]);
        Value* nothing = column_identity(c, c.found[k]);
        Value* before = builder_.CreateLoad(type, column_address(c, k, row[k], offset));
        sums.push_back(builder_.CreateSelect(begins, nothing, before));
      }
      for (std::int64_t r = 0; r < c.at_once; ++r)
        add_row(c, builder_.CreateAdd(first, number(r)), r > 0 ? limit : nullptr, sums);
      for (std::size_t k = 0; k < row.size(); ++k) builder_.CreateStore(sums[k], column_address(c, k, row[k], offset));
    });
  };
  Value* whole = builder_.CreateAdd(
      top, builder_.CreateAnd(builder_.CreateSub(bottom, top), llvm::ConstantInt::getSigned(i64_, -c.at_once)));
  counted(
      top, whole, c.at_once, "rows",
      [&](Value* first, Block*, Block*) {
        along_columns(c, from, to, [&](Value* at, Value* remaining) { several(first, at, remaining, nullptr); });
      },
      c.loop.body);
  counted(
      whole, bottom, c.at_once, "last_rows",
      [&](Value* first, Block*, Block*) {
        counted(from, to, c.width, "columns",
                [&](Value* at, Block*, Block*) { several(first, at, builder_.CreateSub(to, at), bottom); });
      },
      c.loop.body);
}

// A few columns: their accumulators stay in registers. One segment after the other, so that memory is read in one
// stream: four at a time took 1.7 times as long (`sum_axis0_1000000x16` f32, one thread). So many rows are written out
// that the additions of a segment and the next overlap.
void Generator::sweep_in_registers(Columns& c, Value* from, Value* to, Value* first, Value* last,
                                   const std::vector<Value*>& sums) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  const std::int64_t length = program_.loops[c.rows.target].segment;
  std::vector<Value*> slots;
  for (const Reduction& r : c.found) slots.push_back(alloca_at_entry(column_vector(c, r), "sum"));
  const auto segment_of = [&](Value* top, Value* limit) {
    counted(
        number(0), number(length), c.at_once, "row",
        [&](Value* row, Block*, Block*) {
          std::vector<Value*> own;
          for (std::size_t k = 0; k < slots.size(); ++k)
            own.push_back(builder_.CreateLoad(column_vector(c, c.found[k]), slots[k]));
          for (std::int64_t r = 0; r < c.at_once; ++r)
            add_row(c, builder_.CreateAdd(builder_.CreateAdd(top, row), number(r)), limit, own);
          for (std::size_t k = 0; k < slots.size(); ++k) builder_.CreateStore(own[k], slots[k]);
        },
        c.loop.body);
  };
  Value* limit = here(c.row_count);
  counted(
      from, to, c.width, "columns",
      [&](Value* at, Block*, Block*) {
        lane_body(c.loop, *c.varying, at, c.width, builder_.CreateSub(to, at), {}, [&] {
          Value* offset = builder_.CreateSub(at, from);
          builder_.CreateStore(number(0), c.count);
          counted(
              first, last, 1, "segment",
              [&](Value* segment, Block*, Block*) {
                for (std::size_t k = 0; k < slots.size(); ++k)
                  builder_.CreateStore(column_identity(c, c.found[k]), slots[k]);
                Value* top = builder_.CreateMul(segment, number(length));
                Value* is_whole = builder_.CreateICmpSLE(builder_.CreateAdd(top, number(length)), limit);
                when(is_whole, "whole", [&] { segment_of(top, nullptr); });
                when(builder_.CreateNot(is_whole), "part", [&] { segment_of(top, limit); });
                for (std::size_t k = 0; k < slots.size(); ++k)
                  builder_.CreateStore(builder_.CreateLoad(column_vector(c, c.found[k]), slots[k]),
                                       column_address(c, k, c.sums[k], offset));
                push_columns(c, c.sums, offset, number(c.width));
              },
              c.loop.body);
          finish_columns(c, sums, offset, number(c.width));
        });
      },
      c.loop.body);
}

// Adds the terms of one row to the lanes' sums; a row from `limit` on adds nothing.
void Generator::add_row(Columns& c, Value* row, Value* limit, std::vector<Value*>& sums) {
  apart("row", c.rows.body, [&] {
    Value* outer = lanes_->mask;
    if (limit != nullptr) {
      Value* exists = builder_.CreateSExt(builder_.CreateICmpSLT(row, limit), mask_type()->getElementType());
      lanes_->mask = and_mask(outer, builder_.CreateVectorSplat(static_cast<unsigned>(c.width), exists));
    }
    set_index(c.rows.target, 0, row);
    begin_terms(c.found, true);
    statements(c.rows.body);
    for (std::size_t k = 0; k < sums.size(); ++k) {
      const Reduction& r = c.found[k];
      sums[k] = combine(r.op, r.dtype, sums[k], builder_.CreateLoad(column_vector(c, r), r.term));
    }
    lanes_->mask = outer;
    forget_reads();
  });
}

// ---- trees ----------------------------------------------------------------------------------------------------------

// Where column `offset` of a row of accumulators lies.
llvm::Value* Generator::column_address(const Columns& c, std::size_t reduction, Value* row, Value* offset) {
  return builder_.CreateGEP(column_type(c, c.found[reduction]), row, offset);
}

// The segment's sums, `count` columns from `offset` on, go to the tree: those of its levels that are full are added.
void Generator::push_columns(Columns& c, const std::vector<Value*>& row, Value* offset, Value* count) {
  Value* segments = builder_.CreateLoad(i64_, c.count);
  Value* levels = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, builder_.CreateNot(segments),
                                                 builder_.getFalse());  // the ones at the end of the count
  const auto along = [&](const std::function<void(Value*)>& body) {
    counted(builder_.getInt64(0), count, c.width, "columns",
            [&](Value* k, Block*, Block*) { body(builder_.CreateAdd(offset, k)); });
  };
  const auto level_at = [&](std::size_t k, Value* level, Value* at) {
    return column_address(c, k, c.levels[k], builder_.CreateAdd(builder_.CreateMul(level, c.level_pitch), at));
  };
  for (std::size_t k = 0; k < row.size(); ++k) {
    const Reduction& r = c.found[k];
    llvm::FixedVectorType* type = column_vector(c, r);
    along([&](Value* at) {
      Value* sum = alloca_at_entry(type, "sum");
      builder_.CreateStore(builder_.CreateLoad(type, column_address(c, k, row[k], at)), sum);
      counted(builder_.getInt64(0), levels, 1, "level", [&](Value* level, Block*, Block*) {
        Value* left = builder_.CreateLoad(type, level_at(k, level, at));
        builder_.CreateStore(combine(r.op, r.dtype, left, builder_.CreateLoad(type, sum)), sum);
      });
      builder_.CreateStore(builder_.CreateLoad(type, sum), level_at(k, levels, at));
    });
  }
  builder_.CreateStore(builder_.CreateAdd(segments, builder_.getInt64(1)), c.count);
}

// Folds the tree into `row`.
void Generator::finish_columns(Columns& c, const std::vector<Value*>& row, Value* offset, Value* count) {
  Value* segments = builder_.CreateLoad(i64_, c.count);
  for (std::size_t k = 0; k < row.size(); ++k) {
    const Reduction& r = c.found[k];
    llvm::FixedVectorType* type = column_vector(c, r);
    counted(builder_.getInt64(0), count, c.width, "columns", [&](Value* from, Block*, Block*) {
      Value* at = builder_.CreateAdd(offset, from);
      Value* sum = alloca_at_entry(type, "sum");
      builder_.CreateStore(column_identity(c, r), sum);
      Value* top = builder_.CreateSub(
          builder_.getInt64(64), builder_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, segments, builder_.getFalse()));
      counted(builder_.getInt64(0), top, 1, "level", [&](Value* level, Block*, Block*) {
        Value* bit = builder_.CreateTrunc(builder_.CreateLShr(segments, level), bit_);
        when(bit, "merge", [&] {
          Value* left = builder_.CreateLoad(
              type,
              column_address(c, k, c.levels[k], builder_.CreateAdd(builder_.CreateMul(level, c.level_pitch), at)));
          builder_.CreateStore(combine(r.op, r.dtype, left, builder_.CreateLoad(type, sum)), sum);
        });
      });
      builder_.CreateStore(builder_.CreateLoad(type, sum), column_address(c, k, row[k], at));
    });
  }
}

// Behind the units, where a tile has several runs: their sums are folded and the rest of the body follows.
void Generator::fold_runs(Columns& c) {
  const auto number = [&](std::int64_t x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  std::vector<Value*> sums;
  c.levels.clear();
  const auto aligned = [&](Type* element, std::uint64_t count, const char* name) {
    auto* memory = llvm::cast<llvm::AllocaInst>(alloca_at_entry(llvm::ArrayType::get(element, count), name));
    memory->setAlignment(llvm::Align(64));
    return memory;
  };
  for (const Reduction& r : c.found) {
    sums.push_back(aligned(column_type(c, r), few_columns, "sums"));
    c.levels.push_back(aligned(column_type(c, r), few_columns * levels_of_runs, "levels"));
  }
  c.level_pitch = number(few_columns);
  c.count = alloca_at_entry(i64_, "runs");
  Value *runs = c.runs, *columns = c.trips.back();
  Value* outer = builder_.CreateMul(product(c.trips, c.trips.size() - 1), c.tiles);
  counted(
      number(0), outer, 1, "tile",
      [&](Value* tile, Block*, Block*) {
        decompose(c.loop, c.trips, c.trips.size() - 1, builder_.CreateUDiv(tile, c.tiles));
        Value* from = builder_.CreateMul(builder_.CreateURem(tile, c.tiles), number(c.tile));
        Value* to = smaller(columns, builder_.CreateAdd(from, number(c.tile)));
        counted(
            from, to, few_columns, "few",
            [&](Value* first, Block*, Block*) {
              Value* last = smaller(to, builder_.CreateAdd(first, number(few_columns)));
              Value* count = builder_.CreateSub(last, first);
              builder_.CreateStore(number(0), c.count);
              counted(number(0), runs, 1, "run", [&](Value* run, Block*, Block*) {
                Value* unit = builder_.CreateAdd(builder_.CreateMul(tile, runs), run);
                Value* at = builder_.CreateAdd(builder_.CreateMul(unit, c.pitch), builder_.CreateSub(first, from));
                std::vector<Value*> part;
                for (std::size_t k = 0; k < c.found.size(); ++k) part.push_back(column_address(c, k, c.partial[k], at));
                push_columns(c, part, number(0), count);
              });
              finish_columns(c, sums, number(0), count);
              behind_columns(c, first, last, sums);
            },
            c.loop.body);
      },
      c.loop.body);
}

// The body without its loop over the rows, whose sums the variables join.
void Generator::behind_columns(Columns& c, Value* from, Value* to, const std::vector<Value*>& sums) {
  along_columns(c, from, to, [&](Value* at, Value* remaining) {
    lane_body(c.loop, *c.varying, at, c.width, remaining, {}, [&] {
      behind_loop(c.loop, c.rows, c.found, [&](std::size_t k) {
        Value* offset = builder_.CreateSub(at, from);
        return builder_.CreateLoad(column_vector(c, c.found[k]), column_address(c, k, sums[k], offset));
      });
    });
  });
}

// The columns `from` to `to`, a vector at a time, and the rest of them.
void Generator::along_columns(Columns& c, Value* from, Value* to,
                              const std::function<void(Value* at, Value* remaining)>& body) {
  Value* whole = builder_.CreateAdd(
      from, builder_.CreateAnd(builder_.CreateSub(to, from), llvm::ConstantInt::getSigned(i64_, -c.width)));
  push_scope(false);
  counted(from, whole, c.width, "columns", [&](Value* at, Block*, Block*) { body(at, nullptr); });
  pop_scope();
  push_scope(false);
  counted(whole, to, c.width, "last_columns", [&](Value* at, Block*, Block*) { body(at, builder_.CreateSub(to, at)); });
  pop_scope();
}

}  // namespace kiln::on_cpu
