// The reference interpreter: runs a Program node by node, as traced or after any pass; the oracle of compiled code.
#pragma once

#include "core/frame.h"
#include "core/ir.h"

namespace kiln {

/// Runs `program` and returns its status as compiled code would (frame.h); of `frame.services` it uses `allocate`
/// alone. A write outside its array throws IndexError, and so does a load outside its array whose value a statement
/// needs; where && or || or where do without that value there is no error, whatever guards the passes found or did not
/// find. A malformed Program throws InternalError.
std::int32_t interpret(const ir::Program& program, Frame& frame);

}  // namespace kiln
