// The state behind one traced function: its compiled variants.
#pragma once

#include "core/specialize.h"

#include <atomic>
#include <vector>

namespace kiln::detail {

struct FunctionState {
  std::atomic<Variant*> variants{nullptr};  // newest first; grows, or is taken as a whole
  std::vector<Signature> in_progress;       // guarded by CompilesLock, as the function's line is
  FunctionState* next = nullptr;            // of all functions
};

/// The state of a function, made at its first use and never freed: kernels may be globals that die in any order.
FunctionState& state_of(Function& function);

}  // namespace kiln::detail
