// Relaxations of floating-point arithmetic (FastMath), but contraction: rewritten once, on the raw trace.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Rewrites the f32 and f64 operations of `program` as Program::fast_math allows; `order` calls it before it forms fma.
/// What a node becomes follows from its expression alone, the loops its leaves belong to included, and constants are
/// known by their value: a Program traced with folding and one traced without become the same, bit for bit.
void relax(Program& program);

}  // namespace kiln::ir
