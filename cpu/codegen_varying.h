// What a loop over SIMD lanes computes once for all lanes, once per lane, and which integers fit 32 bits.
#pragma once

#include "core/ir.h"
#include "core/ir_ranges.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace kiln::on_cpu {

// Facts about one loop whose last dimension runs across lanes.
class Varying {
 public:
  Varying(const ir::Program& program, const ir::Statement& loop);

  // A node that may differ between lanes.
  bool node(ir::NodeId id) const { return nodes_[id] == State::varying; }
  bool variable(ir::VariableId id) const { return variables_[id]; }
  // An array that the iterations make, so that each lane has its own.
  bool local(ir::RootId root) const;
  // A block entered by some lanes only: a branch's arm, the body of a while or of a sequential loop.
  bool masked(ir::BlockId id) const { return masked_[id]; }
  // A varying i64 value that is kept in 32 bits.
  bool narrow(ir::NodeId id) const { return narrow_[id]; }
  bool narrow_variable(ir::VariableId id) const { return narrow_variables_[id]; }
  // Whether an assignment in this block has to leave inactive lanes as they are. It need not where nobody reads them
  // again: 2.5 times on a mandelbrot.
  bool keeps_inactive(ir::VariableId id, ir::BlockId where) const;
  // How much an index grows from lane to lane; nothing for one that is not linear in the lane.
  std::optional<std::int64_t> lane_coefficient(ir::NodeId id) const;
  // Size of the widest element computed per lane.
  int widest() const { return widest_; }
  // Whether a block or those inside it break or continue, seen from the loop around it.
  bool escapes(ir::BlockId id) const { return escapes_[id]; }

 private:
  enum class State : std::uint8_t { unknown, uniform, varying };

  void enter(ir::BlockId block, ir::BlockId parent, ir::BlockId loop_body);
  void propagate();
  void visit(ir::BlockId block, ir::BlockId loop_body);
  void visit_loop(const ir::Statement& statement);
  bool evaluate(ir::NodeId id);
  bool dead_outside(ir::VariableId id, ir::BlockId body) const;
  bool load_varies(const ir::Node& node);
  void mark_variable(ir::VariableId id);
  void mark_masked(ir::BlockId id);
  bool controlled(ir::BlockId from, ir::BlockId to) const;

  void find_narrow();

  void find_widest();
  void use_as_data(ir::NodeId id, std::vector<bool>& seen);

  const ir::Program& program_;
  const ir::Statement& loop_;
  std::vector<State> nodes_;
  std::vector<bool> inside_;  // loads and reads that take place in the loop
  std::vector<bool> variables_;
  std::vector<bool> local_;  // by root
  std::vector<bool> masked_, narrow_, narrow_variables_, escapes_;
  std::vector<ir::BlockId> parents_;      // block around a block, none outside the loop
  std::vector<ir::BlockId> loop_bodies_;  // body of the innermost loop around a block
  std::vector<ir::BlockId> blocks_;       // all blocks of the loop
  std::vector<std::pair<ir::BlockId, const ir::Statement*>> reads_;
  ir::Ranges ranges_;
  bool changed_ = false;
  int widest_ = 0;
};

}  // namespace kiln::on_cpu
