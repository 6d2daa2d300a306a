// core/version.cpp: the library's version; CMake's project() is where it is written down.
#include <kiln/version.h>

namespace kiln {

const char* version() noexcept { return KILN_VERSION; }

}  // namespace kiln
