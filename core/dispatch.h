// The state behind one traced function: its compiled variants.
#pragma once

#include "core/specialize.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace kiln::detail {

struct FunctionState {
  std::atomic<Variant*> variants{nullptr};  // newest first; grows, or is taken as a whole
  std::mutex mutex;                         // of what follows and of the function's line; never held while compiling
  std::condition_variable compiled;
  std::vector<Signature> in_progress;
  FunctionState* next = nullptr;  // of all functions
};

/// The state of a function, made at its first use and never freed: kernels may be globals that die in any order.
FunctionState& state_of(Function& function);

}  // namespace kiln::detail
