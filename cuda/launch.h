// A call on a GPU: the plan's steps, one after the other; kernels are launched, not waited for.
#pragma once

#include "core/frame.h"
#include "cuda/device.h"
#include "cuda/plan.h"

#include <vector>

namespace kiln::on_cuda {

/// The functions of a loaded plan, by kernel; folders by kernel and reduction.
struct Functions {
  std::vector<CUfunction> kernels;
  std::vector<int> resident;  // blocks of each kernel's threads that a multiprocessor runs at once
  std::vector<std::vector<CUfunction>> folders;
};

/// What all calls of one specialization share.
struct Loaded {
  ir::Program program;
  Plan plan;
  Functions functions;
  Device* device = nullptr;
};

/// Runs the call; the status as of compiled code (frame.h). Throws RuntimeError for what the driver reports.
std::int32_t launch(const Loaded& loaded, Frame& frame, const LaunchArguments& arguments, LaunchReport* report);

}  // namespace kiln::on_cuda
