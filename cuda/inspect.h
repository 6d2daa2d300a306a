// What the machine makes of generated kernels: instructions, and the resources a thread of each takes.
#pragma once

#include "cuda/device.h"
#include "cuda/plan.h"

#include <string>

namespace kiln::on_cuda {

/// The instructions, by nvdisasm of the CUDA toolkit. Throws UsageError saying how to get it.
std::string sass(const std::string& cubin);

/// Of each kernel of a plan its registers, local, shared and constant bytes and largest block, as the driver tells, a
/// line each.
std::string resources(Device& device, const Plan& plan, const std::string& cubin);

}  // namespace kiln::on_cuda
