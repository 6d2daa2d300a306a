// A call on a GPU: the plan's steps, one after the other; kernels are launched, not waited for.
#pragma once

#include "core/frame.h"
#include "cuda/device.h"
#include "cuda/plan.h"

#include <bit>
#include <vector>

namespace kiln::on_cuda {

/// How many blocks of a kernel a multiprocessor runs at once: of 32 threads, 64, 128, 256. A kernel whose blocks are
/// all of one size has it in the last.
struct Residents {
  int blocks[4] = {1, 1, 1, 1};
  int of(int threads) const {
    return blocks[threads >= 256 || threads < 32 ? 3 : std::countr_zero(static_cast<unsigned>(threads)) - 5];
  }
};

/// The functions of a loaded plan, by kernel; folders by kernel and reduction.
struct Functions {
  std::vector<CUfunction> kernels;
  std::vector<Residents> resident;  // by kernel
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
