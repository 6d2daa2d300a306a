// Layout questions: answered by a root's kind where possible, else by the call's facts.
#include "core/layout.h"

#include <algorithm>

namespace kiln::ir {

Layouts::Layouts(Program& program, const ScheduleOptions& options)
    : program_(program),
      options_(options),
      contiguous_(program.roots.size(), Answer::unknown),
      unit_stride_(program.roots.size() * max_rank, Answer::unknown) {
  std::vector<RootId> group(program.roots.size());
  for (RootId root = 0; root < group.size(); ++root) group[root] = root;
  for (const Block& block : program.blocks)
    for (const Statement& s : block.statements) {
      if (s.kind != Statement::Kind::swap) continue;
      const RootId from = group[s.target], to = group[s.other];
      std::replace(group.begin(), group.end(), from, to);
    }
  swapped_.resize(group.size());
  for (RootId root = 0; root < group.size(); ++root)
    for (RootId other = 0; other < group.size(); ++other)
      if (group[root] == group[other]) swapped_[root].push_back(other);
}

bool Layouts::own_contiguous(RootId root) {
  Root& r = program_.roots[root];
  if (r.kind != Root::Kind::parameter || r.contiguous) return true;
  if (contiguous_[root] == Answer::unknown) {
    const bool yes = options_.contiguous && options_.contiguous(options_.context, root);
    contiguous_[root] = yes ? Answer::yes : Answer::no;
  }
  return contiguous_[root] == Answer::yes;
}

bool Layouts::own_unit_stride(RootId root, std::uint32_t axis) {
  const Root& r = program_.roots[root];
  if (r.kind != Root::Kind::parameter || r.contiguous || contiguous_[root] == Answer::yes) return axis + 1u == r.rank;
  if (r.unit_strides >> axis & 1) return true;
  Answer& answer = unit_stride_[root * max_rank + axis];
  if (answer == Answer::unknown) {
    const bool yes = options_.unit_stride && options_.unit_stride(options_.context, root, static_cast<int>(axis));
    answer = yes ? Answer::yes : Answer::no;
  }
  return answer == Answer::yes;
}

bool Layouts::contiguous(RootId root) {
  for (RootId other : swapped_[root])
    if (!own_contiguous(other)) return false;
  for (RootId other : swapped_[root]) program_.roots[other].contiguous = true;
  return true;
}

bool Layouts::unit_stride(RootId root, std::uint32_t axis) {
  for (RootId other : swapped_[root])
    if (!own_unit_stride(other, axis)) return false;
  for (RootId other : swapped_[root])
    program_.roots[other].unit_strides = static_cast<std::uint8_t>(program_.roots[other].unit_strides | 1u << axis);
  return true;
}

}  // namespace kiln::ir
