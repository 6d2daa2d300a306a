// KILN_CHECK=1: what a function reads besides its arguments is frozen when it is traced; this finds where it changed.
#pragma once

#include "core/specialize.h"

namespace kiln::detail {

/// Traces the function again for a call that `v` serves, and throws UsageError, with the line of the first difference,
/// if another Program comes out: then a C++ variable from outside has changed, and `v` computes with its old value.
void check_frozen(Function& function, const JitOptions& options, const Argument* arguments, int count,
                  const GatheredCall& call, const Variant& v);

}  // namespace kiln::detail
