// Temporaries of which only a part is read are computed where they are read: trace(tanh(a)) takes n tanh, not n².
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// A temporary filled by one loop and read at one place, at most once an element, loses its memory: its expression
/// moves to that place. Loops over the same space are left to fuse, which joins them. Other loops may read a few
/// elements once more (argmin of an expression reads the block that has the minimum again); else work never grows.
void sink(Program& program);

}  // namespace kiln::ir
