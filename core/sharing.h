// Updates of elements in parallel loops: which need no care because no other iteration reaches the element, and which
// are made in copies of the threads.
#pragma once

#include "core/layout.h"

namespace kiln::ir {

/// Sets Statement::sharing of every update.
void share(Program& program, Layouts& layouts);

}  // namespace kiln::ir
