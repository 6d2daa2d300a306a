// What the last call of each thread did.
#pragma once

#include "core/backend.h"
#include "core/transfer.h"

namespace kiln::detail {

struct LastCallState {
  const char* device = "cpu";
  LaunchReport report;
  int vector_bits = 0;
  bool compiled = false;
  CallTransfers transfers;
  char lookup[120] = "";  // a copy: the variant may be released
};

/// Read and written by every call: no guard, no look-up of the thread's storage.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local LastCallState last_call_state;

}  // namespace kiln::detail
