// Drops what nothing depends on, and closes the gaps.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Equal loads and expressions become one (forward), statements without effect go, then nodes, roots, variables, loops
/// and blocks that nothing mentions. What is left is renumbered in its old order; parameters stay, also unused ones.
void cleanup(Program& program);

}  // namespace kiln::ir
