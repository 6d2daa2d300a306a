// The backend behind a device.
#pragma once

#include "core/backend.h"

#include <kiln/device.h>

namespace kiln::detail {

/// Throws RuntimeError where it is not there, with the reason.
Backend& backend_of(Device device, const Location& where);

}  // namespace kiln::detail
