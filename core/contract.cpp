// Finding the one loop that uses a temporary, and the leading axes its iterations fix.
#include "core/contract.h"

#include "core/effects.h"

#include <algorithm>

namespace kiln::ir {

namespace {

using Kind = Statement::Kind;

class Contractor {
 public:
  explicit Contractor(Program& program) : program_(program), named_(named_roots(program)) {}

  void run() {
    drop_temporaries(program_, named_, 0, [&](BlockId block, std::size_t at) { return moved_inside(block, at); });
  }

 private:
  bool moved_inside(BlockId id, std::size_t at) {
    const Statement allocate = program_.blocks[id].statements[at];
    const Statement* user = nullptr;
    Effects effects_of_user;
    for (std::size_t k = at + 1; k < program_.blocks[id].statements.size(); ++k) {
      const Statement& s = program_.blocks[id].statements[k];
      Effects does = effects(program_, s);
      const auto uses = [&](const Access& access) { return access.root == allocate.target; };
      if (std::none_of(does.accesses.begin(), does.accesses.end(), uses)) continue;
      if (user) return false;
      user = &s;
      effects_of_user = std::move(does);
    }
    if (!user || user->kind != Kind::loop || !program_.loops[user->target].parallel) return false;
    const bool around_others =
        std::any_of(effects_of_user.loops.begin(), effects_of_user.loops.end(),
                    [&](LoopId loop) { return loop != user->target && program_.loops[loop].parallel; });
    const std::uint32_t fixed = around_others ? fixed_axes(effects_of_user, allocate.target, user->target) : 0;
    if (fixed == 0) return false;
    const BlockId body = user->body;
    shrink(body, allocate.target, fixed);
    Root& root = program_.roots[allocate.target];
    std::copy(root.extents + fixed, root.extents + root.rank, root.extents);
    root.rank = static_cast<std::uint8_t>(root.rank - fixed);
    auto& statements = program_.blocks[body].statements;
    statements.insert(statements.begin(), allocate);
    return true;
  }

  /// How many leading axes all accesses index by one dimension of the loop each. One axis is left at least.
  std::uint32_t fixed_axes(const Effects& does, RootId root, LoopId loop) const {
    std::uint32_t fixed = program_.roots[root].rank - 1u;
    const Access* first = nullptr;
    for (const Access& access : does.accesses) {
      if (access.root != root) continue;
      if (access.whole || access.flat) return 0;
      if (!first) first = &access;
      std::uint32_t agreeing = 0;
      for (; agreeing < fixed; ++agreeing) {
        if ((access.checked >> agreeing & 1) != 0) break;  // the extent to compare with would be gone
        const NodeId index = program_.indices[access.first_index + agreeing];
        const Node& node = program_[index];
        if (node.op != Op::index || node.id != loop || index != program_.indices[first->first_index + agreeing]) break;
      }
      fixed = agreeing;
    }
    return first ? fixed : 0;
  }

  void shrink(BlockId id, RootId root, std::uint32_t axes) {
    for (Statement& s : program_.blocks[id].statements) {
      if ((s.kind == Kind::store || s.kind == Kind::update) && s.target == root) {
        s.first_index += axes;
        s.index_count -= axes;
        s.checked = static_cast<std::uint8_t>(s.checked >> axes);
      }
      if (s.kind == Kind::evaluate && program_[s.value].op == Op::load && program_[s.value].id == root) {
        Node& load = program_[s.value];
        load.axis += axes;
        load.count -= axes;
        load.checked = static_cast<std::uint8_t>(load.checked >> axes);
      }
      BlockId blocks[2];
      for (int k = 0, count = nested_blocks(s, blocks); k < count; ++k) shrink(blocks[k], root, axes);
    }
  }

  Program& program_;
  std::vector<bool> named_;
};

}  // namespace

void contract(Program& program) { Contractor(program).run(); }

}  // namespace kiln::ir
