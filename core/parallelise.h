// Which sequential loops may run side by side, and what keeps the others from it.
#pragma once

#include "core/ir.h"

#include <string>
#include <vector>

namespace kiln::ir {

/// Why the iterations of the sequential loop that `statement` stands for may not run side by side, or empty if they
/// may: they write different elements, read no element another one writes, and carry nothing but reductions. Reductions
/// count as such while `order` has not decided them (loop none) or when they are decided for this loop.
std::string dependence(Program& program, const Statement& statement);

/// What to tell the user about a sequential loop that stays sequential.
struct Note {
  LoopId loop = none;
  std::uint32_t location = 0;
  std::string text;
};

/// Makes loops parallel where nothing stands against it; two that are nested perfectly become one of two dimensions.
/// Runs inside `order`, before the order of reductions is fixed, since that follows from the loop's kind.
void parallelise(Program& program);
/// The sequential loops outside parallel ones, with what keeps each sequential.
std::vector<Note> sequential_loops(Program& program);

}  // namespace kiln::ir
