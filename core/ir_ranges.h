// Which integers in the iterations of a loop fit 32 bits.
#pragma once

#include "core/ir.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace kiln::ir {

/// The values of an integer node, both ends included; unknown ends are the ends of i64.
struct Interval {
  std::int64_t low = INT64_MIN, high = INT64_MAX;
  bool fits_32_bits() const { return low >= INT32_MIN && high <= INT32_MAX; }
};

class Ranges {
 public:
  Ranges(const Program& program, const Statement& loop);

  Interval of(NodeId id, int depth = 0);
  /// Of a Var that lives in the loop's iterations; of others what their dtype has.
  Interval of_variable(VariableId id, int depth = 0);

 private:
  void enter(BlockId block, BlockId parent, BlockId loop_body);
  bool bounded_increment(VariableId id, const Statement& assign, BlockId where, Interval& result);
  NodeId unconverted(NodeId id) const;
  bool read_within(NodeId read, BlockId body) const;
  std::optional<std::int64_t> bound_in(NodeId condition, VariableId id, const Statement& loop) const;

  const Program& program_;
  const Statement& loop_;
  std::vector<bool> taken_;           // an update puts there what it found
  std::vector<BlockId> parents_;      // block around a block, none outside the loop
  std::vector<BlockId> loop_bodies_;  // body of the innermost loop around a block
  std::vector<std::pair<BlockId, const Statement*>> assigns_, whiles_, reads_;
  std::vector<std::uint8_t> variable_state_;  // 0 not computed, 1 being computed, 2 known
  std::vector<Interval> variable_intervals_;
};

}  // namespace kiln::ir
