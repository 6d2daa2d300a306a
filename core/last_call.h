// What the last call of each thread did.
#pragma once

#include "core/backend.h"

#include <string>

namespace kiln::detail {

struct LastCallState {
  LaunchReport report;
  int vector_bits = 0;
  bool compiled = false;
  std::string lookup_text;
};

LastCallState& last_call_state();

}  // namespace kiln::detail
