// The backend behind a device.
#pragma once

#include "core/backend.h"

#include <kiln/device.h>

#include <atomic>

namespace kiln::detail {

// Read by every call: no look-up of the thread's storage.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local Device scope_device;

extern constinit std::atomic<Device> program_device;

/// default_device(), inline.
inline Device device_of_scope() {
  return scope_device.said() ? scope_device : program_device.load(std::memory_order_relaxed);
}

/// Throws RuntimeError where it is not there, with the reason.
Backend& backend_of(Device device, const Location& where);

}  // namespace kiln::detail
