// Checks of indices, lifted out of loops: an access that surely happens is checked before the loops around it start.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// For each load, store and update that every turn of the loops around it makes: a guard, as far out as what it needs
/// is known, that the index on each axis stays within the extent. Taken are indices that are sums of multiples of loop
/// indices, extents, integer scalars and constants; what is proven needs no guard. Where a loop's range varies with the
/// loop around it, the guard asks only about a turn that really comes, so it never refuses a call that would have
/// stayed in bounds. Runs after `demand`: no guard asks about a guarded load, nor about conditional accesses, indices
/// read from memory, and flat accesses. With Program::check_bounds these are marked where they are not proven either
/// (Node::checked, Statement::checked): each is compared as it takes place. A tentative load that no guard asks about
/// reads nothing where its index is outside.
void bounds(Program& program);

}  // namespace kiln::ir
