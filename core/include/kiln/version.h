// kiln/version.h: which Kiln this is.
#pragma once

#include <kiln/export.h>

namespace kiln {

/// The version of the library in use at run time, "major.minor.patch".
KILN_API const char* version() noexcept;

}  // namespace kiln
