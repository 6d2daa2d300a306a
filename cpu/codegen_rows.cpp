// Reductions of short rows. A row that fills no more than a few vectors is read at once and folded by halving, together
// with others: the halves of two rows lie side by side in one vector, those of four in the next, until each lane has
// the sum of a row. That is the order of the wide reduction, whose other lanes and rows would add nothing.
//
// Rows of 16 f32 take 0.2 of the time of one row after the other (`sum_axis1_10000x16`, one thread).
#include "cpu/codegen.h"

#include <algorithm>

namespace kiln::on_cpu {

using ir::Statement;
using Kind = ir::Statement::Kind;
using llvm::Value;

namespace {

constexpr int most_pieces = 4;  // vectors of a row
// Rows that are one whole vector of simple terms are written out and stay in registers. Two vectors each took longer so
// where they come from memory (`sum_axis1_1000000x16` f64: 1.22 times).
constexpr int most_written_out = 16;
constexpr std::size_t few_statements = 4;

}  // namespace

// The one loop in the body of another.
const Statement& Generator::loop_in(const Statement& s) const {
  const auto& all = program_.blocks[s.body].statements;
  return *std::find_if(all.begin(), all.end(), [](const Statement& each) { return each.kind == Kind::loop; });
}

// The body of a loop without the loop in it, whose sums the variables join.
void Generator::behind_loop(const Statement& s, const Statement& inner, const std::vector<Reduction>& found,
                            const std::function<Value*(std::size_t reduction)>& sum) {
  for (const Statement& each : program_.blocks[s.body].statements) {
    current_block_ = s.body;
    if (&each != &inner) {
      statement(each, s.body);
      continue;
    }
    for (std::size_t k = 0; k < found.size(); ++k) {
      Value* result = sum(k);
      // Where no lane adds anything of its own, as counts of a mask that broadcasts, the variable is one number.
      if (!lanes_->varying->variable(found[k].variable)) {
        result = builder_.CreateExtractElement(result, std::uint64_t{0});
        if (found[k].dtype.is_bool()) result = builder_.CreateIsNotNull(result);
      }
      join(found[k], result);
    }
    forget_reads();
  }
}

// Reduces as many of the rows `first` to `last` as make whole groups, if they are short; the first row that is left.
llvm::Value* Generator::short_rows(const Statement& s, Value* first, Value* last) {
  const Statement& row = loop_in(s);
  const Varying across(program_, s), along(program_, row);
  std::vector<Reduction> found = reductions_of(row);
  const int width = native_lanes(along, target_.vector_bits);
  int lanes = most_pieces * width;  // of the narrowest order: within them one row of accumulators is all there is
  for (const Reduction& r : found) lanes = std::min(lanes, r.lanes);
  if (width == 1 || width > lanes) return first;
  Value* length = trip_count(program_.loops[row.target].dimensions[0]);
  Value* left = alloca_at_entry(i64_, "left");
  builder_.CreateStore(first, left);
  when(builder_.CreateICmpULE(length, builder_.getInt64(static_cast<std::uint64_t>(lanes))), "short_rows", [&] {
    Value* whole = builder_.CreateAdd(
        first, builder_.CreateAnd(builder_.CreateSub(last, first), llvm::ConstantInt::getSigned(i64_, -width)));
    reductions_.push_back(&found);
    counted(
        first, whole, width, "group",
        [&](Value* k, Block*, Block*) { group_of_rows(s, row, across, along, found, k, length); }, s.body);
    reductions_.pop_back();
    builder_.CreateStore(whole, left);
  });
  return builder_.CreateLoad(i64_, left);
}

// As many rows as a vector has lanes, from `first` on.
void Generator::group_of_rows(const Statement& s, const Statement& row, const Varying& across, const Varying& along,
                              std::vector<Reduction>& found, Value* first, Value* length) {
  const int width = native_lanes(along, target_.vector_bits);
  const auto number = [&](int x) { return builder_.getInt64(static_cast<std::uint64_t>(x)); };
  const auto vector_of = [&](const Reduction& r) {
    return llvm::FixedVectorType::get(register_type(r.dtype), static_cast<unsigned>(width));
  };
  std::vector<Value*> sums;                       // by reduction: a vector for each row, in memory
  std::vector<std::vector<Value*>> in_registers;  // by row and reduction: the same, in registers
  for (const Reduction& r : found)
    sums.push_back(alloca_at_entry(llvm::ArrayType::get(vector_of(r), static_cast<std::uint64_t>(width)), "rows"));
  for (int k = 0; k < width; ++k) {
    in_registers.emplace_back();
    for (const Reduction& r : found) in_registers.back().push_back(alloca_at_entry(vector_of(r), "row"));
  }
  const auto each_row = [&](int pieces, Value* masked) {
    counted(
        number(0), number(width), 1, "row",
        [&](Value* k, Block*, Block*) {
          set_index(s.target, 0, builder_.CreateAdd(first, k));
          std::vector<Value*> own;
          for (std::size_t r = 0; r < found.size(); ++r)
            own.push_back(builder_.CreateGEP(vector_of(found[r]), sums[r], k));
          row_into_lanes(row, along, found, pieces, masked, own);
        },
        s.body);
    for (int k = 0; k < width; ++k)
      for (std::size_t r = 0; r < found.size(); ++r) {
        Value* in_memory = builder_.CreateGEP(vector_of(found[r]), sums[r], number(k));
        builder_.CreateStore(builder_.CreateLoad(vector_of(found[r]), in_memory),
                             in_registers[static_cast<std::size_t>(k)][r]);
      }
  };
  const auto written_out = [&] {
    for (int k = 0; k < width; ++k)
      apart("row", s.body, [&] {
        set_index(s.target, 0, builder_.CreateAdd(first, number(k)));
        row_into_lanes(row, along, found, 1, nullptr, in_registers[static_cast<std::size_t>(k)]);
      });
  };
  const bool is_short = width <= most_written_out && program_.blocks[row.body].statements.size() <= few_statements;
  Value* one = builder_.CreateICmpEQ(length, number(width));
  Value* two = builder_.CreateICmpEQ(length, number(2 * width));
  when(one, "one_vector", [&] { is_short ? written_out() : each_row(1, nullptr); });
  when(two, "two_vectors", [&] { each_row(2, nullptr); });
  when(builder_.CreateNot(builder_.CreateOr(one, two)), "some_vectors", [&] { each_row(most_pieces, length); });
  const auto behind = [&] {
    behind_loop(s, row, found, [&](std::size_t r) {
      std::vector<Value*> rows;
      for (int k = 0; k < width; ++k)
        rows.push_back(builder_.CreateLoad(vector_of(found[r]), in_registers[static_cast<std::size_t>(k)][r]));
      return fold_rows(found[r], std::move(rows));
    });
  };
  apart("sums", s.body, [&] { lane_body(s, across, first, width, nullptr, {}, behind); });
}

// The terms of one row, folded to a vector: pieces a half apart first, as the wide order folds its lanes.
void Generator::row_into_lanes(const Statement& row, const Varying& along, std::vector<Reduction>& found, int pieces,
                               Value* length, const std::vector<Value*>& sums) {
  const int width = native_lanes(along, target_.vector_bits);
  const auto vector_of = [&](const Reduction& r) {
    return llvm::FixedVectorType::get(register_type(r.dtype), static_cast<unsigned>(width));
  };
  std::vector<std::vector<Value*>> parts(found.size());  // allocas
  for (int piece = 0; piece < pieces; ++piece) {
    for (std::size_t r = 0; r < found.size(); ++r) {
      parts[r].push_back(alloca_at_entry(vector_of(found[r]), "piece"));
      if (length != nullptr) store_identity(found[r], vector_of(found[r]), parts[r].back());
    }
    const auto read = [&] {
      Value* start = builder_.getInt64(static_cast<std::uint64_t>(piece * width));
      Value* remaining = length != nullptr ? builder_.CreateSub(length, start) : nullptr;
      lane_body(row, along, start, width, remaining, [&] {
        for (std::size_t r = 0; r < found.size(); ++r)
          builder_.CreateStore(builder_.CreateLoad(vector_of(found[r]), found[r].term), parts[r].back());
      });
    };
    if (length == nullptr) {
      apart("piece", row.body, read);
    } else {
      const auto start = static_cast<std::uint64_t>(piece * width);
      when(builder_.CreateICmpSGT(length, builder_.getInt64(start)), "piece", read);
    }
  }
  for (std::size_t r = 0; r < found.size(); ++r) {
    std::vector<Value*> vectors;
    for (Value* part : parts[r]) vectors.push_back(builder_.CreateLoad(vector_of(found[r]), part));
    for (std::size_t half = vectors.size() / 2; half > 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k)
        vectors[k] = combine(found[r].op, found[r].dtype, vectors[k], vectors[k + half]);
    builder_.CreateStore(vectors[0], sums[r]);
  }
}

// Lane k of the result is the fold of row k.
llvm::Value* Generator::fold_rows(const Reduction& r, std::vector<Value*> rows) {
  const int width = static_cast<int>(rows.size());
  for (int lanes = width; lanes > 1; lanes /= 2) {
    // Each vector holds width / lanes rows of so many lanes.
    std::vector<Value*> next;
    for (std::size_t k = 0; k < rows.size(); k += 2) {
      llvm::SmallVector<int, 64> low, high;
      for (int lane = 0; lane < 2 * width; lane += lanes)
        for (int each = 0; each < lanes / 2; ++each) {
          low.push_back(lane + each);
          high.push_back(lane + each + lanes / 2);
        }
      next.push_back(combine(r.op, r.dtype, builder_.CreateShuffleVector(rows[k], rows[k + 1], low),
                             builder_.CreateShuffleVector(rows[k], rows[k + 1], high)));
    }
    rows = std::move(next);
  }
  return rows[0];
}

}  // namespace kiln::on_cpu
