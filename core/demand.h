// Guarded evaluation: loads that only the right side of && or ||, or an arm of where, asks for happen only where it is
// asked.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Gives each load whose value only matters under conditions those conditions as its guard (operands[0]), where these
/// can be computed at the load's place, moving the loads they need before it if nothing between writes what those read.
/// A use by a statement asks always. Conditions that cannot be tested there are left out, and the load is tentative:
/// `bounds` sees to it that it does no harm. Loads and variable reads that nothing uses are dropped.
void demand(Program& program);

}  // namespace kiln::ir
