// Which sequential loops may run side by side, and what keeps the others from it.
#pragma once

#include "core/ir.h"

#include <optional>
#include <vector>

namespace kiln::ir {

/// Why the iterations of the sequential loop that `statement` stands for may not run side by side, or nothing if they
/// may: they write different elements, read no element another one writes, and carry nothing but reductions. Reductions
/// count as such while `order` has not decided them (loop none) or when they are decided for this loop.
std::optional<Dependence> dependence(Program& program, const Statement& statement);

/// Makes loops parallel where nothing stands against it; two that are nested perfectly become one of two dimensions.
/// Runs inside `order`, before the order of reductions is fixed, since that follows from the loop's kind.
void parallelise(Program& program);
/// What keeps each of the sequential loops outside parallel ones sequential; for `print`.
std::vector<Dependence> sequential_loops(Program& program);

}  // namespace kiln::ir
