// The reference interpreter: runs a Program node by node, as traced or after any pass; the oracle of compiled code.
#pragma once

#include "core/frame.h"
#include "core/ir.h"

namespace kiln {

/// Runs `program` and returns its status as compiled code would (frame.h); of `frame.services` it uses `allocate`
/// alone. An access outside its array throws IndexError, a malformed Program InternalError.
std::int32_t interpret(const ir::Program& program, Frame& frame);

}  // namespace kiln
