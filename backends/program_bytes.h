// A Program as bytes: everything that code generated from it depends on, and nothing else, for the disk cache's key.
#pragma once

#include "core/ir.h"

#include <string>

namespace kiln::backends {

/// Equal bytes mean equal generated code. Locations and message texts are left out.
std::string program_bytes(const ir::Program& program);

}  // namespace kiln::backends
