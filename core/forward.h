// Within a block, a load of what was just stored or loaded becomes that value; equal expressions become one node.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Loads that go are no longer evaluated; stores stay (cleanup drops those nobody reads). An index that an access
/// before has compared with its extent is not compared again.
void forward(Program& program);

}  // namespace kiln::ir
