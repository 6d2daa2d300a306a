// The stream of a device that a thread's calls go to.
#pragma once

#include "core/backend.h"

namespace kiln::detail {

/// That of the innermost StreamScope of this device, else the device's default one.
DeviceStream& current_stream_of(DeviceMemory& device);

}  // namespace kiln::detail
