// What is logged about compiles: a line each when asked for, and a warning about constants that should be Values.
#pragma once

#include "core/specialize.h"

namespace kiln::detail {

/// `made` is the newest of the function's variants.
void log_compile(const Function& function, const Variant& made) noexcept;

}  // namespace kiln::detail
