// Neighbouring parallel loops over the same space become one; the temporaries between them vanish or shrink.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Loops fuse where every dependence between them stays within one iteration. Work is moved, never repeated.
void fuse(Program& program);

}  // namespace kiln::ir
