// Temporaries that live within one iteration of a loop lose the dimensions that the iteration fixes.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// A temporary of which each iteration of one loop around others uses a part of its own becomes scratch of that part's
/// size, allocated inside the loop.
void contract(Program& program);

}  // namespace kiln::ir
