// Several rows of a nest at once, where an inner loop reads along the lanes what no row changes.
#pragma once

#include "core/ir.h"

namespace kiln::ir {

/// Unrolls a dimension of scheduled nests such as the triple loop of a matrix product and jams the copies into one
/// body, whose inner loops they share: what does not depend on the row is loaded once for all of them. Rows that are
/// left over run as before, in a loop behind it. No iteration computes anything else than before, nor in another order.
void jam(Program& program);

}  // namespace kiln::ir
