// The order of every reduction and, where asked for, contraction to fma: fixed once, on the raw trace, before anything
// moves.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Runs first of all passes. It relaxes what Program::fast_math allows (relax.h) and with Program::contract forms fma;
/// it makes loops parallel where they may be (parallelise.h); then it decides for each update `x op= e` of a variable
/// (a `reduce` with loop none) over which loop it is a reduction: the outermost parallel loop between the variable and
/// the update; without one, the outermost sequential loop that does nothing but update the variable by this operation,
/// every turn (no break_, no while_ between). Without such a loop it is lowered to a read and an assignment. Throws
/// UsageError for a variable that a parallel loop assigns, or updates and reads.
void order(Program& program);

/// Where contraction applies: add and subtract of f32 or f64 one of whose operands is a product, whatever else uses the
/// product; of two products the left one is contracted.
void form_fma(Program& program);

}  // namespace kiln::ir
