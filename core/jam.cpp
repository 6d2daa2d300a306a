// Unroll and jam, on the schedule's nests.
#include "core/jam.h"

#include "core/nest.h"
#include "core/rewrite.h"
#include "core/visit.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

// Accumulators of all rows together, two vectors each: half of 16 registers, so that an operand of each remains.
constexpr std::uint32_t most_accumulators = 4;
constexpr std::uint8_t vectors_of_a_row = 2;

/// What is jammed: so many rows along a dimension.
struct Plan {
  std::uint32_t dimension = 0;
  std::uint32_t rows = 0;
};

class Jam {
 public:
  explicit Jam(Program& program) : program_(program), builder_(program) {}

  void run() {
    const auto count = static_cast<BlockId>(program_.blocks.size());  // the new blocks are done
    for (BlockId block = 0; block < count; ++block) {
      for (std::size_t k = 0; k < program_.blocks[block].statements.size(); ++k) {
        Statement rest = program_.blocks[block].statements[k];
        if (rest.kind != Kind::loop) continue;
        const std::optional<Plan> plan = plan_for(rest);
        if (!plan) continue;
        const Statement jammed = rows_of(rest, *plan);
        auto& statements = program_.blocks[block].statements;
        statements.insert(statements.begin() + static_cast<std::ptrdiff_t>(k++), jammed);
      }
    }
  }

 private:
  std::optional<Plan> plan_for(Statement& s) {
    const Loop& l = program_.loops[s.target];
    const auto rank = static_cast<std::uint32_t>(l.dimensions.size());
    if ((l.role != Role::lanes && l.role != Role::columns) || rank < 2) return std::nullopt;
    std::vector<VariableId> reduced;
    if (!is_simple(s.body, reduced) || reduced.empty()) return std::nullopt;
    Nest nest(builder_, s);
    if (nest.is_ordered()) return std::nullopt;
    std::uint32_t accumulators = 0;
    for (const VariableId v : reduced) accumulators += program_.variables[v].type.dtype.is_complex() ? 2 : 1;
    const std::uint32_t rows = most_accumulators / accumulators;
    for (std::uint32_t d = rank - 1; d-- > 0 && rows > 1;)
      if (builder_.constant_value(l.dimensions[d].step) == 1 && shares_a_load(nest, d) &&
          has_fixed_bounds(s.body, s, d))
        return Plan{d, rows};
    return std::nullopt;
  }

  /// Whether a body is made of what can be copied: no control flow but loops that run for all lanes alike, no updates,
  /// no checks. Adds the variables that loops in it reduce into.
  bool is_simple(BlockId body, std::vector<VariableId>& reduced) const {
    for (const Statement& s : program_.blocks[body].statements) {
      switch (s.kind) {
        case Kind::evaluate:
          if (program_[s.value].op == Op::load && (program_[s.value].checked || program_[s.value].operands[0] != none))
            return false;
          break;
        case Kind::assign: break;
        case Kind::store:
          if (s.checked) return false;
          break;
        case Kind::reduce:
          if (std::find(reduced.begin(), reduced.end(), s.target) == reduced.end()) reduced.push_back(s.target);
          break;
        case Kind::loop:
          if (program_.loops[s.target].role != Role::sequential || !is_simple(s.body, reduced)) return false;
          break;
        default: return false;
      }
    }
    return true;
  }

  bool shares_a_load(Nest& nest, std::uint32_t dimension) {
    const auto last = static_cast<std::uint32_t>(nest.rank() - 1);
    return std::any_of(nest.places().begin(), nest.places().end(), [&](const Place& place) {
      using Movement = Nest::Movement::Kind;
      if (place.writes() || place.weight == 1) return false;
      const Access access = nest.access(place);
      return nest.movement(access, last).kind != Movement::none &&
             nest.movement(access, dimension).kind == Movement::none;
    });
  }

  /// Whether the inner loops have the same turns in all rows.
  bool has_fixed_bounds(BlockId body, const Statement& nest, std::uint32_t dimension) const {
    bool fixed = true;
    for_each_statement(program_, body, [&](const Statement& s) {
      if (s.kind == Kind::loop)
        for_each_use(program_, s, [&](NodeId id) { fixed = fixed && is_fixed(id, nest, dimension); });
    });
    return fixed;
  }

  bool is_fixed(NodeId id, const Statement& nest, std::uint32_t dimension) const {
    const Node& node = program_[id];
    if (node.op == Op::index) return node.id != nest.target || node.axis != dimension;
    bool fixed = is_pure(node.op);
    for_each_operand(program_, id, [&](NodeId operand) { fixed = fixed && is_fixed(operand, nest, dimension); });
    return fixed;
  }

  /// The loop over whole blocks of rows; leaves the rows behind them to the old one.
  Statement rows_of(const Statement& old, const Plan& plan) {
    const auto loop = static_cast<LoopId>(program_.loops.size());
    program_.loops.push_back(program_.loops[old.target]);
    Loop& fresh = program_.loops[loop];
    fresh.role = Role::lanes;
    fresh.vectors = vectors_of_a_row;
    const LoopDimension rows = fresh.dimensions[plan.dimension];
    const NodeId blocks = builder_.max(
        builder_.floordiv(builder_.sub(rows.end, rows.begin), builder_.integer(plan.rows)), builder_.integer(0));
    program_.loops[loop].dimensions[plan.dimension] = {builder_.integer(0), blocks, builder_.integer(1)};
    const NodeId covered = builder_.mul(blocks, builder_.integer(plan.rows));
    std::vector<Rewriter> rewriters;
    std::vector<NodeId> indices;
    for (NodeId id = 0; id < program_.nodes.size(); ++id)
      if (program_[id].op == Op::index && program_[id].id == old.target) indices.push_back(id);
    for (std::uint32_t row = 0; row < plan.rows; ++row) {
      rewriters.emplace_back(builder_);
      for (const NodeId id : indices) {
        const std::uint32_t d = program_[id].axis;
        NodeId index = builder_.index(loop, d);
        if (d == plan.dimension) {
          const NodeId first = builder_.add(rows.begin, builder_.integer(row));
          index = builder_.add(builder_.mul(index, builder_.integer(plan.rows)), first);
        }
        rewriters.back().replace(id, index);
      }
    }
    program_.loops[old.target].dimensions[plan.dimension].begin = builder_.add(rows.begin, covered);
    Statement jammed = old;
    jammed.target = loop;
    copies_.assign(plan.rows, {});
    jammed.body = copy(old.body, rewriters);
    return jammed;
  }

  BlockId copy(BlockId from, std::vector<Rewriter>& rows) {
    const BlockId to = program_.new_block();
    for (std::size_t row = 0; row < rows.size(); ++row) declare(from, to, row);
    const std::vector<Statement> statements = program_.blocks[from].statements;
    for (const Statement& s : statements) {
      if (s.kind == Kind::loop) {
        const Statement inner = copy_loop(s, rows);
        program_.blocks[to].statements.push_back(inner);
        continue;
      }
      for (std::size_t row = 0; row < rows.size(); ++row) {
        const Statement one = copy_statement(s, rows[row], row);
        program_.blocks[to].statements.push_back(one);
      }
    }
    return to;
  }

  void declare(BlockId from, BlockId to, std::size_t row) {
    const auto count = static_cast<VariableId>(program_.variables.size());
    for (VariableId v = 0; v < count; ++v) {
      if (program_.variables[v].block != from) continue;
      copies_[row].resize(std::max<std::size_t>(copies_[row].size(), v + 1), none);
      copies_[row][v] = static_cast<VariableId>(program_.variables.size());
      program_.variables.push_back(program_.variables[v]);
      program_.variables.back().block = to;
    }
  }

  VariableId copied(VariableId v, std::size_t row) const {
    return v < copies_[row].size() && copies_[row][v] != none ? copies_[row][v] : v;
  }

  Statement copy_loop(const Statement& old, std::vector<Rewriter>& rows) {
    Statement s = old;
    s.target = static_cast<LoopId>(program_.loops.size());
    program_.loops.push_back(program_.loops[old.target]);
    for (Rewriter& row : rows) row.rename(old.target, s.target);
    rows[0].own(s);
    loops_.emplace_back(old.target, s.target);
    s.body = copy(old.body, rows);
    return s;
  }

  Statement copy_statement(const Statement& old, Rewriter& row, std::size_t number) {
    Statement s = old;
    if (s.kind == Kind::evaluate) {
      const Node node = program_[old.value];
      s.value = program_.append(node);
      if (node.op == Op::read_variable) program_[s.value].id = copied(node.id, number);
      row.own(s);
      row.replace(old.value, s.value);
      return s;
    }
    row.own(s);
    if (s.kind == Kind::assign || s.kind == Kind::reduce) s.target = copied(s.target, number);
    for (const auto& [from, to] : loops_)
      if (s.kind == Kind::reduce && s.loop == from) s.loop = to;
    return s;
  }

  Program& program_;
  Builder builder_;
  std::vector<std::vector<VariableId>> copies_;   // by row and variable
  std::vector<std::pair<LoopId, LoopId>> loops_;  // the inner ones
};

}  // namespace

void jam(Program& program) { Jam(program).run(); }

}  // namespace kiln::ir
